"""A batch in, the rows of each table out: what every column store derives after the chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.batch import Batch
from pipeline.envelope import Resource, find
from pipeline.ports import Commit
from pipeline.signal import Signal
from storage.remembered import remembered
from storage.series import identify

DAY_NS: Final = 86_400 * 10**9
"""Nanoseconds of the day by which tables are partitioned; a day is a number since 1970."""

_DAY_MAX: Final = 49_710  # what DateTime holds: 2106

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

ARCHIVE: Final = "archived_spans"
"""The table of what was copied from `spans`; its rows are told apart by their positions alone."""

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
    derived: dict[str, pa.Array[Any]] = {
        "tenant": _text(batch.tenant, len(batch)),
        "epoch": pa.array(np.full(len(batch), epoch, np.uint32)),
        "partition": pa.array(np.full(len(batch), partition, np.uint16)),
        "ordinal": ordinals(batch.rows["sequence"]),
        "keep_for_s": kept,
    }
    if batch.signal is not Signal.METRICS:
        return {RECORD_TABLES[batch.signal][0]: _with(rows, derived | {"service_name": service})}
    series = identify(batch.rows, service, batch.tenant)
    derived |= {"series_id": series.ids, "variant": series.variants}
    rows = _with(rows, derived)
    kept_series = _kept(batch, series.distinct["service_name"].combine_chunks(), keep)
    tables: Tables = {"series": _with(series.distinct, {"keep_for_s": kept_series})}
    for table, types in POINT_TABLES.items():
        of_type = pc.is_in(batch.rows["metric_type"], pa.array(types, pa.uint8()))
        if pc.any(of_type).as_py():
            columns = (*derived, *_POINT_SHARED, *_POINT_OWN[table])
            chosen = rows.select([one for one in columns if one != "value_type"]).filter(of_type)
            tables[table] = _numbers(chosen) if table == "number_points" else chosen
    return tables


def _numbers(points: pa.Table) -> pa.Table:
    """Replace the nullable values by plain ones and the number of the field that is set."""
    double, integer = points["value_double"], points["value_int"]
    none = pa.scalar(0, pa.uint8())
    of_int = pc.if_else(integer.is_valid(), pa.scalar(AS_INT, pa.uint8()), none)
    kind = pc.if_else(double.is_valid(), pa.scalar(AS_DOUBLE, pa.uint8()), of_int)
    plain: dict[str, Any] = {
        "value_double": pc.fill_null(double, pa.scalar(0.0)),
        "value_int": pc.fill_null(integer, pa.scalar(0)),
    }
    return _with(points.drop_columns(list(plain)), {**plain, "value_type": kind})


def ordinals(sequence: pa.Array[Any]) -> pa.Array[Any]:
    """Return each record's number among those of its message, which stand together."""
    numbers = sequence.to_numpy()
    at = np.arange(len(numbers))
    opens = np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)]
    first = np.maximum.accumulate(np.where(opens, at, 0))
    return cast("pa.Array[Any]", pa.array((at - first).astype(np.uint32)))


def services(resource: pa.Array[Any]) -> pa.Array[Any]:
    """Return the `service.name` of each row's resource, empty where it has none."""
    texts = cast("pa.DictionaryArray[Any, Any]", resource)
    names = pa.array([_service(str(text)) for text in texts.dictionary.to_pylist()], pa.utf8())
    distinct = names.dictionary_encode()
    codes = distinct.indices.take(texts.indices)
    return pa.DictionaryArray.from_arrays(codes, distinct.dictionary)


@remembered(4096)
def _service(resource: str) -> str:
    return find(Resource.parse(resource).attributes, "service.name") or ""


def covers(last: Commit | None, commit: Commit) -> bool:
    """Tell whether the newest commit record says that this one's rows are stored."""
    return last is not None and (last.epoch, last.last) >= (commit.epoch, commit.last)


def expires_day(time: pa.ChunkedArray[Any], keep_for_s: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    """Return the first day on which rows of that time and retention have all expired."""
    seconds = time.to_numpy() // 10**9 + keep_for_s.to_numpy()
    days = np.minimum(seconds // 86_400 + 1, _DAY_MAX)
    return cast("pa.Array[Any]", pa.array(days.astype(np.uint16)))


def expiring(rows: pa.Table) -> pa.Table:
    """
    Return how many rows expire when: `tenant`, `hour`, `records`.

    The hour, since 1970, is the first full one at which the retention of these rows is over. There
    are few: records are of about now, and the router does not believe times that are far from it.
    """
    seconds = rows["time"].to_numpy() // 10**9 + rows["keep_for_s"].to_numpy()
    hours = pa.array((-(-seconds.astype(np.int64) // 3600)).astype(np.uint32))
    counted = pa.table({"tenant": rows["tenant"], "hour": hours}).group_by(["tenant", "hour"])
    return counted.aggregate([([], "count_all")]).rename_columns(["tenant", "hour", "records"])


def _kept(batch: Batch, service: pa.Array[Any], keep: Keep) -> pa.Array[Any]:
    names = cast("pa.DictionaryArray[Any, Any]", service)
    seconds = [keep(batch.signal, batch.tenant, str(name)) for name in names.dictionary.to_pylist()]
    return pc.take(pa.array(seconds, pa.uint32()), names.indices)


def _text(value: str, length: int) -> pa.Array[Any]:
    indices = pa.array(np.zeros(length, np.int32), pa.int32())
    return pa.DictionaryArray.from_arrays(indices, pa.array([value], pa.utf8()))


def _with(rows: pa.Table, columns: Mapping[str, Any]) -> pa.Table:
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
