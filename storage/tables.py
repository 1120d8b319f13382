"""A batch in, the rows of each table out: what every column store derives after the chain."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.batch import Batch
from pipeline.envelope import Resource, find
from pipeline.signal import Signal
from storage.series import SERIES_COLUMNS, identify

DAY_NS: Final = 86_400 * 10**9
"""Nanoseconds of the day by which tables are partitioned; a day is a number since 1970."""

Tables = dict[str, pa.Table]
Keep = Callable[[Signal, str, str], int]
"""Signal, tenant and service to the seconds that a record is kept."""

AS_DOUBLE: Final = 4
AS_INT: Final = 6
"""`value_type`: the number of the field that is set in OTLP's NumberDataPoint."""

POINT_TABLES: Final = {
    "number_points": (schema.GAUGE, schema.SUM),
    "histogram_points": (schema.HISTOGRAM,),
    "exponential_histogram_points": (schema.EXPONENTIAL_HISTOGRAM,),
    "summary_points": (schema.SUMMARY,),
}
RECORD_TABLES: Final[Mapping[Signal, Sequence[str]]] = {
    Signal.TRACES: ("spans",),
    Signal.LOGS: ("logs",),
    Signal.METRICS: tuple(POINT_TABLES),
}
"""The tables that hold records, each row with its position: what recovery looks up."""

_POINT_SHARED: Final = (
    "sequence",
    "time",
    "time_unix_nano",
    "start_time_unix_nano",
    "flags",
    "exemplars",
)
_POINT_OWN: Final = {
    "number_points": ("value_type", "value_double", "value_int"),
    "histogram_points": ("count", "sum", "min", "max", "bucket_counts", "explicit_bounds"),
    "exponential_histogram_points": (
        "count",
        "sum",
        "min",
        "max",
        "scale",
        "zero_count",
        "zero_threshold",
        "positive_offset",
        "positive_bucket_counts",
        "negative_offset",
        "negative_bucket_counts",
    ),
    "summary_points": ("count", "sum", "quantile_values"),
}


def record_tables(batch: Batch, epoch: int, partition: int, keep: Keep) -> Tables:
    """
    Return the rows of each table that holds records, positions and retention included.

    For metrics the points refer to their series by `series_id` and `variant`; the distinct series
    come as the table `series`.
    """
    service = services(batch.rows["resource"])
    kept = _kept(batch, service, keep)
    rows = pa.Table.from_batches([batch.rows])
    derived = {
        "tenant": _constant(batch.tenant, len(batch)),
        "epoch": _constant(epoch, len(batch), pa.uint32()),
        "partition": _constant(partition, len(batch), pa.uint16()),
        "keep_for_s": kept,
    }
    if batch.signal is not Signal.METRICS:
        return {RECORD_TABLES[batch.signal][0]: _with(rows, derived | {"service_name": service})}
    series = identify(batch.rows, service, batch.tenant)
    derived |= {"series_id": series.ids, "variant": series.variants}
    rows = _with(rows, derived)
    tables: Tables = {"series": series.distinct}
    for table, types in POINT_TABLES.items():
        of_type = pc.is_in(batch.rows["metric_type"], pa.array(types, pa.uint8()))
        if pc.any(of_type).as_py():
            columns = [*derived, *_POINT_SHARED, *_POINT_OWN[table]]
            chosen = rows.filter(of_type)
            tables[table] = (_numbers(chosen) if table == "number_points" else chosen).select(
                columns
            )
    return tables


def _numbers(points: pa.Table) -> pa.Table:
    """Replace the nullable values by plain ones and the number of the field that is set."""
    double, integer = points["value_double"], points["value_int"]
    none = pa.scalar(0, pa.uint8())
    of_int = pc.if_else(integer.is_valid(), pa.scalar(AS_INT, pa.uint8()), none)
    kind = pc.if_else(double.is_valid(), pa.scalar(AS_DOUBLE, pa.uint8()), of_int)
    plain = {"value_double": double.fill_null(0.0), "value_int": integer.fill_null(0)}
    return _with(points.drop_columns(list(plain)), {**plain, "value_type": kind})


def services(resource: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return the `service.name` of each row's resource, empty where it has none."""
    names = pa.array([_service(text) for text in resource.dictionary.to_pylist()], pa.utf8())
    return pc.take(names, resource.indices).dictionary_encode()


@lru_cache(maxsize=4096)
def _service(resource: str) -> str:
    return find(Resource.parse(resource).attributes, "service.name") or ""


def _kept(batch: Batch, service: pa.DictionaryArray, keep: Keep) -> pa.Array:
    seconds = [keep(batch.signal, batch.tenant, name) for name in service.dictionary.to_pylist()]
    return pc.take(pa.array(seconds, pa.uint32()), service.indices)


def _constant(value: object, length: int, kind: pa.DataType = schema.TEXT) -> pa.Array:
    if pa.types.is_dictionary(kind):
        indices = pa.repeat(pa.scalar(0, pa.int32()), length)
        return pa.DictionaryArray.from_arrays(indices, pa.array([value], pa.utf8()))
    return pa.repeat(pa.scalar(value, kind), length)


def _with(rows: pa.Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    for name, column in columns.items():
        rows = rows.append_column(name, column)
    return rows


def joined(tables: Sequence[Tables]) -> Tables:
    """Put the tables of several tenants together, each as one chunk: one insert, one part."""
    names = dict.fromkeys(name for one in tables for name in one)
    return {
        name: pa.concat_tables([one[name] for one in tables if name in one])
        .unify_dictionaries()
        .combine_chunks()
        for name in names
    }


__all__ = ["DAY_NS", "POINT_TABLES", "RECORD_TABLES", "SERIES_COLUMNS", "joined", "record_tables"]
