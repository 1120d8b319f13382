"""What completions and look-ups read instead of scanning: derived from a group, new rows only."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.envelope import Resource, Scope
from storage.tables import DAY_NS

Row = tuple[object, ...]


def trace_bounds(spans: pa.Table) -> pa.Table:
    """Return where each trace lies: smallest and largest effective time of its spans."""
    bounds = spans.group_by(["tenant", "trace_id"]).aggregate(
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


def operations(spans: pa.Table) -> Iterable[Row]:
    """Yield the distinct (tenant, service_name, name, kind) of spans."""
    names = ["tenant", "service_name", "name", "kind"]
    return _rows(spans.select(names).group_by(names).aggregate([]))


def distinct(rows: pa.Table, column: str) -> Iterable[Row]:
    """Yield the distinct (tenant, value of the column)."""
    names = ["tenant", column]
    return _rows(rows.select(names).group_by(names).aggregate([]))


def attribute_keys(rows: pa.Table) -> Iterable[Row]:
    """Yield the distinct (tenant, level, key, type) of records, resources and scopes."""
    yield from _record_keys(rows)
    shared = rows.select(["tenant", "resource", "scope"])
    for tenant, resource, scope in _rows(
        shared.group_by(["tenant", "resource", "scope"]).aggregate([])
    ):
        for key, kind, _ in Resource.parse(str(resource)).attributes:
            yield tenant, "resource", key, kind
        for key, kind, _ in Scope.parse(str(scope)).attributes:
            yield tenant, "scope", key, kind


def _record_keys(rows: pa.Table) -> Iterable[Row]:
    attributes = rows["attributes"].combine_chunks()
    parents = pc.list_parent_indices(attributes)
    flat = attributes.flatten()
    pairs = pa.table(
        {
            "tenant": rows["tenant"].combine_chunks().take(parents),
            "key": flat.field("key"),
            "type": flat.field("type"),
        }
    )
    for tenant, key, kind in _rows(pairs.group_by(pairs.column_names).aggregate([])):
        yield tenant, "record", key, kind


def _rows(table: pa.Table) -> Iterable[Row]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)
