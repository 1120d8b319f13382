"""Data points: columns to OTLP's metrics.

A column that a point's type has no use for holds null (`value_double`, `value_int`, `sum`, `min`,
`max`), nothing (lists) or zero (all others). A metric's own fields stand in each of its rows.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from otlp.codec import attributes
from otlp.codec.cells import bytes_or_none, triples
from pipeline.schema import METRIC_TYPES

Reader = Callable[[Any], Any]

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
