"""Small batches for the tests of processors."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from pipeline.batch import Batch
from pipeline.envelope import Resource
from pipeline.processors.arrays import Arrow
from pipeline.schema import ATTRIBUTES, SCHEMAS
from pipeline.signal import Signal
from pipeline.value import BOOL, BYTES, DOUBLE, INT, STRING, Attribute

Attributes = Sequence[Attribute]

KEYS = st.sampled_from(["a", "b", "c", "key", "clé", ""])
VALUES = st.one_of(
    st.tuples(st.just(STRING), st.sampled_from(["", "x", "12", "1.5", "x:y", "é\n"])),
    st.tuples(st.just(BOOL), st.sampled_from(["true", "false"])),
    st.tuples(st.just(INT), st.sampled_from(["0", "-7", "9223372036854775807"])),
    st.tuples(st.just(DOUBLE), st.sampled_from(["1.0", "1e+16", "NaN", "-0.0"])),
    st.tuples(st.just(BYTES), st.just("aGk=")),
)
ATTRIBUTE_LISTS = st.lists(st.tuples(KEYS, VALUES).map(lambda one: (one[0], *one[1])), max_size=5)
RECORDS = st.lists(st.one_of(st.none(), ATTRIBUTE_LISTS), max_size=8)


def attributes(records: Sequence[Attributes | None]) -> Arrow:
    """Return an attributes column."""
    names = ("key", "type", "value")
    return pa.array(
        [
            None if record is None else [dict(zip(names, one, strict=True)) for one in record]
            for record in records
        ],
        ATTRIBUTES,
    )


def lists(column: Arrow) -> list[Any]:
    """Return an attributes column as lists of tuples."""
    return [
        None if record is None else [tuple(one.values()) for one in record]
        for record in column.to_pylist()
    ]


def batch(signal: Signal, size: int, **columns: Arrow) -> Batch:
    """Return a batch with these columns; the others hold something, and `sequence` counts."""
    filled = {"sequence": pa.array(range(size), pa.uint64()), **columns}
    return Batch(
        signal,
        "tenant",
        pa.record_batch(
            [
                filled[field.name] if field.name in filled else _some(field, size)
                for field in SCHEMAS[signal]
            ],
            schema=SCHEMAS[signal],
        ),
    )


def trace_ids(ids: Sequence[bytes]) -> Arrow:
    """Return a column of trace IDs."""
    return pa.array(ids, pa.binary(16))


def trace_states(states: Sequence[str | None]) -> Arrow:
    """Return a column of trace states."""
    return pa.array(states, pa.utf8()).dictionary_encode()


def resources(lists: Sequence[Attributes]) -> Arrow:
    """Return a column of resources with these attributes."""
    texts = [Resource(tuple(attributes)).text() for attributes in lists]
    return pa.array(texts, pa.utf8()).dictionary_encode()


def _some(field: Any, size: int) -> Arrow:
    kind = field.type
    if pa.types.is_dictionary(kind):
        text = Resource().text() if field.name in ("resource", "scope") else ""
        return pa.array([text] * size, pa.utf8()).dictionary_encode()
    if pa.types.is_fixed_size_binary(kind):
        return pa.array([bytes(kind.byte_width)] * size, kind)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return pa.array([1] * size, kind)
    return pa.array([[]] * size, kind) if pa.types.is_list(kind) else pa.nulls(size, kind)
