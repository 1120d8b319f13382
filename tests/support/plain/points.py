"""Data points: OTLP's metrics to columns, and back.

A column that a point's type has no use for holds null (`value_double`, `value_int`, `sum`, `min`,
`max`), nothing (lists) or zero (all others). A metric's own fields stand in each of its rows.
"""

import json
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

from opentelemetry.proto.metrics.v1 import metrics_pb2

from pipeline.schema import METRIC_TYPES
from pipeline.value import dumps
from pipeline.window import TimeWindow
from tests.support.plain import attributes
from tests.support.plain.cells import bytes_or_none, triples
from tests.support.plain.columns import Readers
from tests.support.plain.rules import NO_SPAN, NO_TRACE, valid_span_id, valid_trace_id

Reader = Callable[[Any], Any]

_TYPES: Final = {name: number for number, name in METRIC_TYPES.items()}

METRIC: Final = (
    "metric_name",
    "metric_description",
    "metric_unit",
    "metric_metadata",
    "metric_type",
    "aggregation_temporality",
    "is_monotonic",
)
"""Columns that are the same for all points of a metric."""


def _constant(value: Any) -> Reader:
    return lambda _: value


def _optional(name: str) -> Reader:
    return lambda point: getattr(point, name) if point.HasField(name) else None


def _listed(name: str) -> Reader:
    read = attrgetter(name)
    return lambda point: list(read(point))


_POINT: Final[Readers] = {
    **{
        name: attrgetter(name)
        for name in ("attributes", "start_time_unix_nano", "time_unix_nano", "flags")
    },
    "exemplars": lambda point: [_exemplar(exemplar) for exemplar in point.exemplars],
    **{name: _constant(None) for name in ("value_double", "value_int", "sum", "min", "max")},
    **{
        name: _constant(0)
        for name in (
            "count",
            "scale",
            "zero_count",
            "zero_threshold",
            "positive_offset",
            "negative_offset",
        )
    },
    **{
        name: _constant(())
        for name in (
            "bucket_counts",
            "explicit_bounds",
            "positive_bucket_counts",
            "negative_bucket_counts",
            "quantile_values",
        )
    },
}

_NUMBER: Final[Readers] = {
    **_POINT,
    "value_double": _optional("as_double"),
    "value_int": _optional("as_int"),
}

_POPULATION: Final[Readers] = {
    **_POINT,
    "count": attrgetter("count"),
    "sum": _optional("sum"),
    "min": _optional("min"),
    "max": _optional("max"),
}

_HISTOGRAM: Final[Readers] = {
    **_POPULATION,
    "bucket_counts": _listed("bucket_counts"),
    "explicit_bounds": _listed("explicit_bounds"),
}

_EXPONENTIAL_HISTOGRAM: Final[Readers] = {
    **_POPULATION,
    "scale": attrgetter("scale"),
    "zero_count": attrgetter("zero_count"),
    "zero_threshold": attrgetter("zero_threshold"),
    "positive_offset": attrgetter("positive.offset"),
    "positive_bucket_counts": _listed("positive.bucket_counts"),
    "negative_offset": attrgetter("negative.offset"),
    "negative_bucket_counts": _listed("negative.bucket_counts"),
}

_SUMMARY: Final[Readers] = {
    **_POINT,
    "exemplars": _constant(()),
    "count": attrgetter("count"),
    "sum": attrgetter("sum"),
    "quantile_values": lambda point: [(at.quantile, at.value) for at in point.quantile_values],
}

_READERS: Final[Mapping[str, Readers]] = {
    "gauge": _NUMBER,
    "sum": _NUMBER,
    "histogram": _HISTOGRAM,
    "exponential_histogram": _EXPONENTIAL_HISTOGRAM,
    "summary": _SUMMARY,
}


def readers(metric: metrics_pb2.Metric, arm: str, window: TimeWindow, arrived_ns: int) -> Readers:
    """Return how each column is read from a point of the metric, whose set field is `arm`."""
    data = getattr(metric, arm)
    return {
        **_READERS[arm],
        "time": lambda point: window.effective(point.time_unix_nano, None, arrived_ns),
        "metric_name": _constant(metric.name),
        "metric_description": _constant(metric.description),
        "metric_unit": _constant(metric.unit),
        "metric_metadata": _constant(dumps(list(attributes.read(metric.metadata)))),
        "metric_type": _constant(_TYPES[arm]),
        "aggregation_temporality": _constant(getattr(data, "aggregation_temporality", 0)),
        "is_monotonic": _constant(getattr(data, "is_monotonic", False)),
    }


def _exemplar(exemplar: metrics_pb2.Exemplar) -> tuple[Any, ...]:
    arm = exemplar.WhichOneof("value")
    return (
        exemplar.time_unix_nano,
        exemplar.as_double if arm == "as_double" else None,
        exemplar.as_int if arm == "as_int" else None,
        exemplar.span_id if valid_span_id(exemplar.span_id) else NO_SPAN,
        exemplar.trace_id if valid_trace_id(exemplar.trace_id) else NO_TRACE,
        list(attributes.read(exemplar.filtered_attributes)),
    )


def write_metric(metrics: Any, row: Mapping[str, Any]) -> Any:
    """Append the metric of a row to a repeated Metric field; return its repeated data points."""
    metric = metrics.add(
        name=row["metric_name"], description=row["metric_description"], unit=row["metric_unit"]
    )
    metadata = json.loads(row["metric_metadata"] or "[]")
    attributes.write(metric.metadata, ((key, kind, text) for key, kind, text in metadata))
    arm = METRIC_TYPES[row["metric_type"]]
    data = getattr(metric, arm)
    data.SetInParent()
    if arm not in {"gauge", "summary"}:
        data.aggregation_temporality = row["aggregation_temporality"]
    if arm == "sum":
        data.is_monotonic = row["is_monotonic"]
    return data.data_points


def write(points: Any, row: Mapping[str, Any]) -> None:
    """Append a row to the repeated data points of its metric."""
    point = points.add(
        start_time_unix_nano=row["start_time_unix_nano"],
        time_unix_nano=row["time_unix_nano"],
        flags=row["flags"],
        **_WRITERS[METRIC_TYPES[row["metric_type"]]](row),
    )
    attributes.write(point.attributes, row["attributes"])
    for exemplar in row["exemplars"] or ():
        written = point.exemplars.add(
            time_unix_nano=exemplar["time_unix_nano"],
            as_double=exemplar["value_double"],
            as_int=exemplar["value_int"],
            span_id=bytes_or_none(exemplar["span_id"]),
            trace_id=bytes_or_none(exemplar["trace_id"]),
        )
        attributes.write(written.filtered_attributes, triples(exemplar["filtered_attributes"]))


def _write_number(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"as_double": row["value_double"], "as_int": row["value_int"]}


def _write_population(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("count", "sum", "min", "max")}


def _write_histogram(row: Mapping[str, Any]) -> dict[str, Any]:
    buckets = {name: row[name] for name in ("bucket_counts", "explicit_bounds")}
    return _write_population(row) | buckets


def _write_exponential_histogram(row: Mapping[str, Any]) -> dict[str, Any]:
    shape = {name: row[name] for name in ("scale", "zero_count", "zero_threshold")}
    sides = {side: _write_buckets(row, side) for side in ("positive", "negative")}
    return _write_population(row) | shape | sides


def _write_buckets(row: Mapping[str, Any], side: str) -> dict[str, Any] | None:
    offset = row[f"{side}_offset"]
    counts = row[f"{side}_bucket_counts"]
    return {"offset": offset, "bucket_counts": counts} if offset or counts else None


def _write_summary(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("count", "sum", "quantile_values")}


_WRITERS: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "gauge": _write_number,
    "sum": _write_number,
    "histogram": _write_histogram,
    "exponential_histogram": _write_exponential_histogram,
    "summary": _write_summary,
}
