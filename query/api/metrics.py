"""Metric points to JSON."""

from collections.abc import Mapping
from typing import Any

from pipeline import schema
from query.api import render, times
from query.api.render import Json
from query.language import fields

TEMPORALITIES = {number: name for name, number in fields.TEMPORALITIES.items()}


def point(row: Mapping[str, Any], sources: render.Sources) -> dict[str, Json]:
    """
    Return a row of a `Records` plan as an object: one data point with its metric's name and unit.

    Gauges and sums have `value`; histograms and summaries `count`, `sum` and, where sent, `min` and
    `max`, with the buckets or quantiles of their type. A point that says there was nothing to
    record has `no_recorded_value`: true and no value.
    """
    return {
        "name": row["metric_name"],
        "description": row["metric_description"],
        "unit": row["metric_unit"],
        "type": schema.METRIC_TYPES.get(row["metric_type"], "unknown"),
        **_sum(row),
        "time": times.text(row["time"]),
        "time_unix_nano": str(row["time_unix_nano"]),
        **render.time("start_time", row["start_time_unix_nano"]),
        "service_name": row["service_name"],
        **_value(row),
        "attributes": render.column(row["attributes"]),
        **sources(row),
        **_exemplars(row),
    }


def _sum(row: Mapping[str, Any]) -> dict[str, Json]:
    if row["metric_type"] in (schema.GAUGE, schema.SUMMARY):
        return {}
    number = row["aggregation_temporality"]
    temporality: dict[str, Json] = {"temporality": TEMPORALITIES.get(number, "unspecified")}
    monotonic: dict[str, Json] = {"monotonic": row["is_monotonic"]}
    return temporality | monotonic if row["metric_type"] == schema.SUM else temporality


def _value(row: Mapping[str, Any]) -> dict[str, Json]:
    if (row["flags"] or 0) & schema.NO_RECORDED_VALUE:
        return {"no_recorded_value": True}
    match row["metric_type"]:
        case schema.HISTOGRAM:
            return _totals(row) | {
                "bucket_counts": _counts(row["bucket_counts"]),
                "explicit_bounds": [render.double(bound) for bound in row["explicit_bounds"] or ()],
            }
        case schema.EXPONENTIAL_HISTOGRAM:
            return _totals(row) | {
                "scale": row["scale"],
                "zero_count": render.integer(row["zero_count"]),
                "zero_threshold": render.double(row["zero_threshold"]),
                "positive": _buckets(row, "positive"),
                "negative": _buckets(row, "negative"),
            }
        case schema.SUMMARY:
            return _totals(row) | {
                "quantiles": [
                    {name: render.double(number) for name, number in quantile.items()}
                    for quantile in row["quantile_values"] or ()
                ]
            }
        case _:
            return {"value": _number(row)}


def _totals(row: Mapping[str, Any]) -> dict[str, Json]:
    sent = {name: row[name] for name in ("sum", "min", "max") if row[name] is not None}
    totals: dict[str, Json] = {name: render.double(number) for name, number in sent.items()}
    return {"count": render.integer(row["count"]), **totals}


def _buckets(row: Mapping[str, Any], side: str) -> Json:
    counts = row[f"{side}_bucket_counts"]
    return {"offset": row[f"{side}_offset"], "bucket_counts": _counts(counts)}


def _counts(stored: list[int] | None) -> Json:
    return [render.integer(count) for count in stored or ()]


def _number(row: Mapping[str, Any]) -> Json:
    if row["value_int"] is not None:
        return render.integer(row["value_int"])
    return None if row["value_double"] is None else render.double(row["value_double"])


def _exemplars(row: Mapping[str, Any]) -> dict[str, Json]:
    exemplars: list[Json] = [
        {
            **render.time("time", exemplar["time_unix_nano"]),
            "value": _number(exemplar),
            **render.identifiers(exemplar, "trace_id", "span_id"),
            "attributes": render.column(exemplar["filtered_attributes"] or ()),
        }
        for exemplar in row["exemplars"] or ()
    ]
    return {"exemplars": exemplars} if exemplars else {}
