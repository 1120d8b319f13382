"""What completions and look-ups read instead of scanning: derived from a group, new rows only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.envelope import Resource, Scope
from storage.codes import several, shapes
from storage.remembered import remembered
from storage.tables import DAY_NS, expires_day

Row = tuple[object, ...]

_EXPIRES: Final = "expires_day"
"""The day on which the last record that refers to a row has expired."""


def trace_bounds(spans: pa.Table) -> pa.Table:
    """Return where each trace lies: smallest and largest effective time of its spans."""
    bounds = spans.group_by(["tenant", "trace_id"], use_threads=False).aggregate(
        [("time", "min"), ("time", "max"), ("keep_for_s", "max")]
    )
    last, keep = bounds["time_max"], pc.cast(bounds["keep_for_s_max"], pa.uint64())
    seconds = pc.add(pc.divide(last, pa.scalar(10**9, pa.uint64())), keep)
    return pa.table(
        {
            "tenant": bounds["tenant"],
            "trace_id": bounds["trace_id"],
            "day": pc.cast(pc.divide(last, pa.scalar(DAY_NS, pa.uint64())), pa.uint16()),
            "first": bounds["time_min"],
            "last": last,
            "expires_s": pc.cast(
                pc.min_element_wise(seconds, pa.scalar(2**32 - 1, pa.uint64())), pa.uint32()
            ),
        }
    )


def lists(rows: pa.Table, signal: str) -> dict[str, pa.Table]:
    """Return the rows of the lists that every signal has."""
    with_expiry = rows.append_column(_EXPIRES, expires_day(rows["time"], rows["keep_for_s"]))
    names = pa.array([signal]).dictionary_encode()
    found = {
        "services": distinct(with_expiry, ["tenant", "service_name"]),
        "resources": _renamed(distinct(with_expiry, ["tenant", "resource"])),
        "scopes": _renamed(distinct(with_expiry, ["tenant", "scope"])),
        "attribute_keys": attribute_keys(with_expiry),
    }
    return {
        name: table.append_column("signal", names.take(pa.array([0] * len(table), pa.int32())))
        for name, table in found.items()
    }


def operations(spans: pa.Table) -> pa.Table:
    """Return the distinct (tenant, service_name, name, kind) of spans."""
    with_expiry = spans.append_column(_EXPIRES, expires_day(spans["time"], spans["keep_for_s"]))
    return distinct(with_expiry, ["tenant", "service_name", "name", "kind"])


def distinct(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return the distinct values of columns, each with the day on which its last row expires."""
    few = several(rows.select([*names, _EXPIRES]), [*names, _EXPIRES])
    found = few.group_by(list(names), use_threads=False).aggregate([(_EXPIRES, "max")])
    return found.rename_columns([*names, _EXPIRES])


def attribute_keys(rows: pa.Table) -> pa.Table:
    """Return the distinct (tenant, level, key, type) of records, resources and scopes."""
    shared: dict[tuple[str, str, str, int], int] = {}
    for level, parse in (("resource", Resource), ("scope", Scope)):
        texts = distinct(rows, ["tenant", level])
        for tenant, text, expires in zip(*(one.to_pylist() for one in texts.columns), strict=True):
            for key, kind in _keys(parse, text):
                place = (tenant, level, key, kind)
                shared[place] = max(expires, shared.get(place, 0))
    columns = [*zip(*shared, strict=True)] or [()] * 4
    of_shared = pa.Table.from_arrays(
        [
            pa.array(list(values), one.type)
            for values, one in zip([*columns, shared.values()], _KEY_FIELDS, strict=True)
        ],
        schema=pa.schema(_KEY_FIELDS),
    )
    of_records = _record_keys(rows)
    levels: Any = pa.array(["record"] * len(of_records), pa.utf8())
    of_records = of_records.add_column(1, "level", levels).cast(of_shared.schema)
    return pa.concat_tables([of_records, of_shared])


@remembered(4096)
def _keys(kind: type[Resource | Scope], text: str) -> frozenset[tuple[str, int]]:
    """Return the key and type of each attribute of a resource or scope."""
    return frozenset((key, type_) for key, type_, _ in kind.parse(text).attributes)


_KEY_FIELDS: Final[list[pa.Field[Any]]] = [
    pa.field("tenant", pa.utf8()),
    pa.field("level", pa.utf8()),
    pa.field("key", pa.utf8()),
    pa.field("type", pa.uint8()),
    pa.field(_EXPIRES, pa.uint16()),
]


def _record_keys(rows: pa.Table) -> pa.Table:
    whole = cast("pa.ListArray[Any]", rows["attributes"].combine_chunks())
    keys, kinds = shapes(whole)
    named = rows.select(["tenant", "attributes", _EXPIRES])
    named = named.append_column("keys", keys).append_column("kinds", kinds)
    few = several(named, ["tenant", "keys", "kinds", _EXPIRES])  # records of a kind have the same
    attributes = cast("pa.ListArray[Any]", few["attributes"].combine_chunks())
    parents = pc.list_parent_indices(attributes)
    flat = cast("pa.StructArray", attributes.flatten())
    pairs = pa.table(
        {
            "tenant": few["tenant"].combine_chunks().take(parents),
            "key": flat.field("key"),
            "type": flat.field("type"),
            _EXPIRES: few[_EXPIRES].combine_chunks().take(parents),
        }
    )
    return distinct(pairs, ["tenant", "key", "type"])


def _renamed(table: pa.Table) -> pa.Table:
    return table.rename_columns(["tenant", "text", _EXPIRES])
