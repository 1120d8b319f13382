"""Rows to JSON."""

import json
import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import schema
from pipeline.signal import Signal
from pipeline.value import Map
from query.api import answers, logs, metrics, render
from tests.support.sample_rows import SERVICE, log, point

TIME = 1_767_225_600_123_456_789


def stored(row, signal):
    """Return the row as Arrow gives it back."""
    columns = schema.SCHEMAS[signal].append(SERVICE)
    return pa.Table.from_pylist([row], schema=columns).to_pylist()[0]


def as_log(service="api", time=TIME, body="", **columns):
    return logs.log(stored(log(service, time, body, **columns), Signal.LOGS), render.Sources())


def as_point(metric_type, **columns):
    row = point("api", TIME, "m", metric_type=metric_type, **columns)
    return metrics.point(stored(row, Signal.METRICS), render.Sources())


def test_a_whole_log():
    rendered = as_log(
        body="hello",
        observed_time_unix_nano=TIME + 1,
        severity_number=18,
        severity_text="error",
        trace_id=b"\xab" * 16,
        span_id=b"\xcd" * 8,
        event_name="started",
        attributes={"user": "u", "n": 5, "ratio": 0.5, "ok": True},
        resource={"k8s.pod.name": "p"},
        scope_name="lib",
        scope_version="1",
        scope_attributes={"s": 1},
    )

    assert rendered == {
        "time": "2026-01-01T00:00:00.123456789Z",
        "time_unix_nano": "1767225600123456789",
        "observed_time": "2026-01-01T00:00:00.123456790Z",
        "observed_time_unix_nano": "1767225600123456790",
        "level": "ERROR",
        "event_name": "started",
        "severity_number": 18,
        "severity_text": "error",
        "service_name": "api",
        "body": "hello",
        "trace_id": "ab" * 16,
        "span_id": "cd" * 8,
        "attributes": {"user": "u", "n": 5, "ratio": 0.5, "ok": True},
        "resource": {"service.name": "api", "k8s.pod.name": "p"},
        "scope": {"name": "lib", "version": "1", "attributes": {"s": 1}},
    }


def test_what_was_not_sent_is_left_out():
    rendered = as_log(time_unix_nano=0)

    absent = {"level", "event_name", "trace_id", "span_id", "observed_time"}
    assert absent.isdisjoint(rendered)
    assert (rendered["time"], rendered["time_unix_nano"]) == ("2026-01-01T00:00:00.123456789Z", "0")


@pytest.mark.parametrize(
    ("number", "text", "level"),
    [(9, "", "INFO"), (0, "Warning", "WARN"), (0, "NOTICE", None), (25, "ERROR", None)],
)
def test_the_level_of_a_log(number, text, level):
    assert as_log(severity_number=number, severity_text=text).get("level") == level


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("x", "x"),
        ("NaN", "NaN"),
        (True, True),
        (2**53 - 1, 2**53 - 1),
        (2**53, "9007199254740992"),
        (-(2**63), "-9223372036854775808"),
        (1.5, 1.5),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (b"\0\xff", "AP8="),
        ([1, "a", [None]], [1, "a", [None]]),
        (Map((("a", 1), ("b", Map()), ("a", 2))), {"a": 2, "b": {}}),
        ([math.nan, b"a"], ["NaN", "YQ=="]),
    ],
)
def test_bodies_and_attributes_are_json_values(value, expected):
    rendered = as_log(body=value, attributes={"k": value})

    assert (rendered["body"], rendered["attributes"]) == (expected, {"k": expected})
    assert json.loads(answers.encode(rendered)) == rendered


def test_the_last_of_a_repeated_key_wins():
    assert as_log(attributes=[("k", 1), ("k", 2)])["attributes"] == {"k": 2}


@given(st.floats())
def test_every_double_is_strict_json(number):
    text = answers.encode(render.double(number)).decode()
    back = float(json.loads(text, parse_constant=pytest.fail))

    assert back == number or (math.isnan(back) and math.isnan(number))


def test_a_gauge():
    rendered = as_point(schema.GAUGE, value_double=math.nan, metric_unit="1")

    assert rendered["name"] == "m"
    assert rendered["unit"] == "1"
    assert rendered["type"] == "gauge"
    assert rendered["value"] == "NaN"
    assert "temporality" not in rendered


def test_a_sum():
    rendered = as_point(
        schema.SUM,
        value_int=2**60,
        aggregation_temporality=2,
        is_monotonic=True,
        start_time_unix_nano=TIME - 1,
    )

    assert rendered["value"] == str(2**60)
    assert (rendered["temporality"], rendered["monotonic"]) == ("cumulative", True)
    assert rendered["start_time_unix_nano"] == str(TIME - 1)


def test_a_histogram():
    rendered = as_point(
        schema.HISTOGRAM,
        aggregation_temporality=1,
        count=3,
        sum=4.5,
        max=math.inf,
        bucket_counts=[1, 2],
        explicit_bounds=[0.5],
        exemplars=[
            {
                "time_unix_nano": TIME,
                "value_double": None,
                "value_int": 7,
                "span_id": bytes(8),
                "trace_id": b"\1" * 16,
                "filtered_attributes": [{"key": "k", "type": 3, "value": "1"}],
            }
        ],
    )

    assert rendered["temporality"] == "delta"
    assert (rendered["count"], rendered["sum"], rendered["max"]) == (3, 4.5, "Infinity")
    assert "min" not in rendered
    assert (rendered["bucket_counts"], rendered["explicit_bounds"]) == ([1, 2], [0.5])
    assert rendered["exemplars"] == [
        {
            "time": "2026-01-01T00:00:00.123456789Z",
            "time_unix_nano": str(TIME),
            "value": 7,
            "trace_id": "01" * 16,
            "attributes": {"k": 1},
        }
    ]


def test_an_exponential_histogram():
    rendered = as_point(
        schema.EXPONENTIAL_HISTOGRAM,
        count=3,
        scale=-2,
        zero_count=1,
        positive_offset=5,
        positive_bucket_counts=[1, 2],
    )

    assert rendered["scale"] == -2
    assert (rendered["zero_count"], rendered["zero_threshold"]) == (1, 0.0)
    assert rendered["positive"] == {"offset": 5, "bucket_counts": [1, 2]}
    assert rendered["negative"] == {"offset": 0, "bucket_counts": []}


def test_a_summary():
    rendered = as_point(
        schema.SUMMARY, count=2, sum=3.0, quantile_values=[{"quantile": 0.5, "value": 1.0}]
    )

    assert rendered["quantiles"] == [{"quantile": 0.5, "value": 1.0}]
    assert (rendered["count"], rendered["sum"]) == (2, 3.0)


@pytest.mark.parametrize("metric_type", schema.METRIC_TYPES)
def test_a_gap_has_no_value(metric_type):
    rendered = as_point(metric_type, flags=schema.NO_RECORDED_VALUE)

    assert rendered["no_recorded_value"] is True
    assert {"value", "count", "sum"}.isdisjoint(rendered)
