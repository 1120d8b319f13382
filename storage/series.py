"""Series: which points belong together, computed after the chain from one canonical form.

Identity (OpenTelemetry metrics data model, "Timeseries Model"): resource attributes, scope name,
version and attributes, metric name, unit, type, temporality and monotonicity, point attributes;
attributes without their order. Two processes give the same series the same `series_id`.

What comes along without being identity (description, metadata, schema URLs, dropped counts, the
order of attributes) makes the `variant`, so that a point can be given back exactly as it was sent.

Per record this is Arrow; Python runs once per distinct series of a batch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.envelope import Resource, Scope
from pipeline.value import dumps

_Codes: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"

SERIES_COLUMNS: Final = (
    "metric_name",
    "metric_description",
    "metric_unit",
    "metric_metadata",
    "metric_type",
    "aggregation_temporality",
    "is_monotonic",
    "resource",
    "scope",
    "attributes",
)
"""The columns of `schema.POINTS` that stand in the table of series."""

_IDENTITY_TEXTS: Final = ("resource", "scope", "metric_name", "metric_unit")
_VARIANT_TEXTS: Final = ("metric_description", "metric_metadata")


@dataclass(frozen=True, slots=True)
class Series:
    """
    The series of a batch's points.

    `ids`, `variants`: uint64, one a row. `distinct`: a row for each distinct pair, with `tenant`,
    `series_id`, `variant`, `service_name`, `time` (the newest of its points) and SERIES_COLUMNS.
    """

    ids: pa.Array[Any]
    variants: pa.Array[Any]
    distinct: pa.Table


def identify(rows: pa.RecordBatch, service: pa.Array[Any], tenant: str) -> Series:
    """Return the series of points; `service` is each row's service name."""
    texts = [rows[name] for name in (*_IDENTITY_TEXTS, *_VARIANT_TEXTS)]
    numbers = [rows[n] for n in ("metric_type", "aggregation_temporality", "is_monotonic")]
    attributes = cast("pa.ListArray[Any]", rows["attributes"])
    codes = [_codes(column) for column in (*texts, *numbers, _attribute_texts(attributes))]
    _, firsts, inverse = np.unique(_combined(codes), return_index=True, return_inverse=True)
    first: pa.Array[Any] = pa.array(firsts)
    keys = zip(
        *(column.take(first).to_pylist() for column in (*texts, *numbers)),
        rows["attributes"].take(first).to_pylist(),
        strict=True,
    )
    hashes = [_hashes(*key[:-1], _pairs(key[-1])) for key in keys]
    ids = np.array([one for one, _ in hashes], np.uint64)
    variants = np.array([two for _, two in hashes], np.uint64)
    newest = np.zeros(len(ids), np.uint64)
    np.maximum.at(newest, inverse, rows["time"].to_numpy())
    distinct = pa.table(
        {
            "tenant": pa.array([tenant] * len(ids)).dictionary_encode(),
            "series_id": pa.array(ids),
            "variant": pa.array(variants),
            "service_name": service.take(first),
            "time": pa.array(newest),
            **{name: rows[name].take(first) for name in SERIES_COLUMNS},
        }
    )
    return Series(pa.array(ids[inverse]), pa.array(variants[inverse]), distinct)


def _codes(column: pa.Array[Any]) -> _Codes:
    """Return a small number for each row, equal where the values are equal."""
    whole = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    encoded = cast("pa.DictionaryArray[Any, Any]", whole)
    # A dictionary may repeat a value after batches were joined: encode its values once more.
    values = encoded.dictionary.dictionary_encode().indices
    return values.take(encoded.indices).to_numpy(zero_copy_only=False).astype(np.int64)


def _combined(codes: list[_Codes]) -> _Codes:
    """Fold columns of codes into one; renumber at each step, so that nothing overflows."""
    whole = codes[0]
    for more in codes[1:]:
        _, whole = np.unique(whole * (int(more.max(initial=0)) + 1) + more, return_inverse=True)
    return whole


def _attribute_texts(attributes: pa.ListArray[Any]) -> pa.Array[Any]:
    """Return one text a row that differs where the attributes differ, order included."""
    flat = cast("pa.StructArray", attributes.flatten())
    if not len(flat):
        return pa.repeat(pa.scalar("", pa.utf8()), len(attributes))
    key, kind, value = (cast("Any", flat.field(i)) for i in range(3))
    # Lengths in front, so that no key or value can imitate another's border.
    element = pc.binary_join_element_wise(
        pc.cast(pc.binary_length(key), pa.utf8()),
        key,
        pc.cast(kind, pa.utf8()),
        pc.cast(pc.binary_length(value), pa.utf8()),
        value,
        "\x1f",
    )
    starts = pc.subtract(attributes.offsets, attributes.offsets[0])
    lists: Any = pa.ListArray.from_arrays(starts, cast("Any", element))
    return cast("pa.Array[Any]", pc.binary_join(lists, "\x1e"))


def _pairs(attributes: list[dict[str, object]]) -> str:
    return dumps([[one["key"], one["type"], one["value"]] for one in attributes])


@lru_cache(maxsize=200_000)
def _hashes(  # noqa: PLR0913, PLR0917 - the parts of an identity
    resource: str,
    scope: str,
    name: str,
    unit: str,
    description: str,
    metadata: str,
    metric_type: int,
    temporality: int,
    monotonic: bool,  # noqa: FBT001
    attributes: str,
) -> tuple[int, int]:
    """Return the hash of the identity and the hash of all that is not identity."""
    whole_scope = Scope.parse(scope)
    identity = [
        sorted(Resource.parse(resource).attributes),
        [whole_scope.name, whole_scope.version, sorted(whole_scope.attributes)],
        [name, unit, metric_type, temporality, monotonic],
        sorted(json.loads(attributes)),
    ]
    variant = [resource, scope, description, metadata, attributes]
    return _hash(identity), _hash(variant)


def _hash(canonical: object) -> int:
    text = dumps(canonical).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
