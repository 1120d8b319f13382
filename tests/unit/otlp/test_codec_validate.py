"""The door's check; numbers in names are those of the OTLP contract's checklist."""

import math

import pytest
from hypothesis import given
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as m

from otlp.codec import validate
from otlp.codec.request import REQUESTS
from pipeline.errors import Rejected
from pipeline.signal import Signal
from tests.support.otlp_strategies import LAWS, mixed, records, valid

ROOMY = 10**9
TRACE = bytes(range(16))
SPAN = bytes(range(1, 9))


def spans(*sent):
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add().scope_spans.add()
    for fields in sent:
        group.spans.add(**({"trace_id": TRACE, "span_id": SPAN} | fields))
    return request.SerializeToString()


def metric(data):
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    metrics.add(name="requests", **data)
    return request.SerializeToString()


def gauge(**point):
    return metric({"gauge": m.Gauge(data_points=[m.NumberDataPoint(**point)])})


def histogram(**point):
    points = [m.HistogramDataPoint(**({"time_unix_nano": 1} | point))]
    data = m.Histogram(data_points=points, aggregation_temporality=m.AGGREGATION_TEMPORALITY_DELTA)
    return metric({"histogram": data})


def exponential(**point):
    points = [m.ExponentialHistogramDataPoint(**({"time_unix_nano": 1} | point))]
    data = m.ExponentialHistogram(
        data_points=points, aggregation_temporality=m.AGGREGATION_TEMPORALITY_CUMULATIVE
    )
    return metric({"exponential_histogram": data})


def summary(*quantiles, **point):
    values = [m.SummaryDataPoint.ValueAtQuantile(quantile=q, value=v) for q, v in quantiles]
    sent = m.SummaryDataPoint(time_unix_nano=1, quantile_values=values, **point)
    return metric({"summary": m.Summary(data_points=[sent])})


def test_valid_request_passes_as_the_same_object():
    payload = spans({"name": "a"}, {"name": "b"})

    checked = validate(Signal.TRACES, payload, len(payload))

    assert checked.parts[0].payload is payload
    assert (checked.parts[0].records, checked.accepted, checked.refused) == (2, 2, 0)
    assert (checked.reasons, checked.message) == ({}, "")


@pytest.mark.parametrize("signal", list(Signal))
def test_8_request_without_records_has_no_parts(signal):
    empty = REQUESTS[signal]()
    envelopes = bytes.fromhex("0a00")

    for payload in (empty.SerializeToString(), envelopes):
        checked = validate(signal, payload, ROOMY)

        assert (checked.parts, checked.accepted, checked.refused) == ((), 0, 0)


@pytest.mark.parametrize("signal", list(Signal))
@pytest.mark.parametrize("payload", [b"\xff", b"\x0a\x05abc", b"hello", b"\x0a\x02\x12\x03"])
def test_9_what_is_no_request_is_rejected(signal, payload):
    with pytest.raises(Rejected, match=rf"the body \({len(payload)} bytes\) is not a valid Export"):
        validate(signal, payload, ROOMY)


def test_text_that_is_not_utf8_is_rejected():
    payload = spans({"name": "abc"}).replace(b"abc", b"a\xffc")

    with pytest.raises(Rejected, match="ExportTraceServiceRequest"):
        validate(Signal.TRACES, payload, ROOMY)


def test_nesting_that_protobuf_refuses_is_rejected():
    def framed(tag, content):
        size = len(content)
        head = bytes([size & 127 | 128, size >> 7]) if size > 127 else bytes([size])
        return tag + head + content

    value = b"\x18\x01"
    for _ in range(60):  # AnyValue.array_value.values, two messages each
        value = framed(b"\x2a", framed(b"\x0a", value))
    attribute = framed(b"\x4a", framed(b"\x12", value))
    payload = framed(b"\x0a", framed(b"\x12", framed(b"\x12", attribute)))

    with pytest.raises(Rejected, match="MaxDepth"):
        validate(Signal.TRACES, payload, ROOMY)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b""}, "trace_id must be 16 bytes and not all zero"),
        ({"trace_id": bytes(16)}, "trace_id must be 16 bytes and not all zero"),
        ({"trace_id": TRACE[:15]}, "trace_id must be 16 bytes and not all zero"),
        ({"trace_id": TRACE + b"x"}, "trace_id must be 16 bytes and not all zero"),
        ({"span_id": b""}, "span_id must be 8 bytes and not all zero"),
        ({"span_id": bytes(8)}, "span_id must be 8 bytes and not all zero"),
        ({"span_id": SPAN[:7]}, "span_id must be 8 bytes and not all zero"),
        ({"parent_span_id": b"abc"}, "parent_span_id must be empty or 8 bytes"),
    ],
)
def test_span_with_a_wrong_id_is_refused(fields, reason):
    checked = validate(Signal.TRACES, spans(fields), ROOMY)

    assert (checked.parts, checked.accepted, checked.refused) == ((), 0, 1)
    assert checked.reasons == {reason: 1}
    assert checked.message == f"1 span refused: {reason} (1)"


@pytest.mark.parametrize(
    "fields",
    [
        {"parent_span_id": bytes(8)},
        {"parent_span_id": SPAN},
        {"start_time_unix_nano": 9, "end_time_unix_nano": 3},
        {"kind": 99},
        {"links": [{"trace_id": b"abc"}]},
    ],
)
def test_28_span_that_is_only_odd_is_accepted(fields):
    assert validate(Signal.TRACES, spans(fields), ROOMY).accepted == 1


def test_26_only_the_refused_spans_are_cut_out():
    payload = spans({"name": "good"}, {"trace_id": bytes(16)}, {"span_id": SPAN[:7] * 2})

    checked = validate(Signal.TRACES, payload, ROOMY)

    assert (checked.accepted, checked.refused) == (1, 2)
    assert [part.payload for part in checked.parts] == [spans({"name": "good"})]
    assert checked.message.startswith("2 spans refused: trace_id must be")


def test_27_all_spans_refused_leaves_no_part():
    checked = validate(Signal.TRACES, spans({"trace_id": b""}, {"trace_id": b"a"}), ROOMY)

    assert (checked.parts, checked.refused) == ((), 2)
    assert checked.reasons == {"trace_id must be 16 bytes and not all zero": 2}


def test_unknown_fields_survive_the_cutting_on_every_level():
    unknown = b"\xc2\x3e\x03abc"  # field 1000, "abc"
    good = b"\x0a\x10" + TRACE + b"\x12\x08" + SPAN + unknown
    scope = b"\x12" + bytes([len(good)]) + good + b"\x12\x00" + unknown
    resource = b"\x12" + bytes([len(scope)]) + scope + unknown
    payload = b"\x0a" + bytes([len(resource)]) + resource + unknown

    checked = validate(Signal.TRACES, payload, ROOMY)

    assert checked.refused == 1
    assert checked.parts[0].payload.count(unknown) == 4
    assert validate(Signal.TRACES, checked.parts[0].payload, ROOMY).accepted == 1


def test_29_log_record_is_never_refused():
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(trace_id=b"abc", span_id=b"x" * 9, severity_number=99)
    payload = request.SerializeToString()

    assert validate(Signal.LOGS, payload, ROOMY).parts[0].payload is payload


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (gauge(as_int=1), "time_unix_nano must not be 0"),
        (gauge(flags=1), "time_unix_nano must not be 0"),
        (gauge(time_unix_nano=1), "as_int or as_double must be set"),
        (gauge(time_unix_nano=1, flags=2), "as_int or as_double must be set"),
        (
            metric({"sum": m.Sum(data_points=[m.NumberDataPoint(time_unix_nano=1, as_int=1)])}),
            "aggregation_temporality must be delta (1) or cumulative (2)",
        ),
        (
            metric({"histogram": m.Histogram(data_points=[m.HistogramDataPoint()])}),
            "aggregation_temporality must be delta (1) or cumulative (2)",
        ),
        (
            histogram(explicit_bounds=[1, 1], bucket_counts=[0, 0, 0]),
            "explicit_bounds must be strictly increasing",
        ),
        (
            histogram(explicit_bounds=[1, math.nan], bucket_counts=[0, 0, 0]),
            "explicit_bounds must be strictly increasing",
        ),
        (
            histogram(explicit_bounds=[math.nan], bucket_counts=[0, 0]),
            "explicit_bounds must be strictly increasing",
        ),
        (
            histogram(explicit_bounds=[1, 2], bucket_counts=[1, 1], count=2),
            "bucket_counts must be one more than explicit_bounds, or both empty",
        ),
        (
            histogram(explicit_bounds=[1]),
            "bucket_counts must be one more than explicit_bounds, or both empty",
        ),
        (
            histogram(explicit_bounds=[1], bucket_counts=[1, 1], count=3),
            "count must be the sum of bucket_counts",
        ),
        (
            histogram(explicit_bounds=[1], bucket_counts=[2**63, 2**63], count=0),
            "count must be the sum of bucket_counts",
        ),
        (
            exponential(zero_count=1, count=2),
            "count must be zero_count and the sum of all bucket_counts",
        ),
        (
            summary((0.5, 1), (0.5, 2)),
            "quantile_values must be strictly increasing within [0, 1]",
        ),
        (
            summary((-0.1, 1)),
            "quantile_values must be strictly increasing within [0, 1]",
        ),
        (
            summary((0.5, 1), (1.1, 1)),
            "quantile_values must be strictly increasing within [0, 1]",
        ),
        (
            summary((math.nan, 1)),
            "quantile_values must be strictly increasing within [0, 1]",
        ),
    ],
)
def test_31_32_point_that_breaks_a_rule_is_refused(payload, reason):
    checked = validate(Signal.METRICS, payload, ROOMY)

    assert (checked.parts, checked.refused) == ((), 1)
    assert checked.reasons == {reason: 1}


@pytest.mark.parametrize(
    "payload",
    [
        gauge(time_unix_nano=1, as_int=0),
        gauge(time_unix_nano=1, as_double=math.nan),
        gauge(time_unix_nano=1, flags=1),
        gauge(time_unix_nano=1, flags=3),
        histogram(),
        histogram(count=5, sum=1.0),
        histogram(bucket_counts=[5], count=5),
        histogram(explicit_bounds=[-math.inf, 0, math.inf], bucket_counts=[0, 1, 2, 0], count=3),
        histogram(flags=1, bucket_counts=[1, 2], count=9),
        exponential(scale=-(2**31)),
        exponential(scale=2**31 - 1, zero_count=2, count=2),
        exponential(positive={"offset": -5, "bucket_counts": [1, 2]}, count=3),
        exponential(negative={"bucket_counts": [4]}, zero_count=1, count=5),
        exponential(flags=1, count=9),
        summary(),
        summary((0.0, -1), (0.5, math.nan), (1.0, 2)),
        summary((7, 1), flags=1),
    ],
)
def test_30_point_that_keeps_the_rules_is_accepted(payload):
    assert validate(Signal.METRICS, payload, ROOMY).accepted == 1


def test_33_points_are_counted_and_siblings_kept():
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    bad = metrics.add(name="bad").sum
    for value in range(3):
        bad.data_points.add(time_unix_nano=1, as_int=value)
    metrics.add(name="none")
    metrics.add(name="empty").gauge.SetInParent()
    good = metrics.add(name="good").gauge
    good.data_points.add(time_unix_nano=1, as_int=1)
    good.data_points.add(as_int=1)

    checked = validate(Signal.METRICS, request.SerializeToString(), ROOMY)

    assert (checked.accepted, checked.refused) == (1, 4)
    assert checked.message.startswith("4 data points refused: aggregation_temporality must be")
    kept = ExportMetricsServiceRequest.FromString(checked.parts[0].payload)
    kept_metrics = kept.resource_metrics[0].scope_metrics[0].metrics
    assert [(metric.name, len(metric.gauge.data_points)) for metric in kept_metrics] == [
        ("good", 1)
    ]


@LAWS
@given(mixed)
def test_what_is_left_is_valid_and_adds_up(case):
    signal, request = case
    sent = len(records(signal, request))

    checked = validate(signal, request.SerializeToString(), ROOMY)

    assert checked.accepted + checked.refused == sent
    assert sum(checked.reasons.values()) == checked.refused
    assert bool(checked.message) == bool(checked.refused)
    assert sum(part.records for part in checked.parts) == checked.accepted
    for part in checked.parts:
        again = validate(signal, part.payload, ROOMY)
        assert (again.accepted, again.refused) == (part.records, 0)
        assert again.parts[0].payload is part.payload


@LAWS
@given(valid)
def test_joined_bytes_are_the_merged_request(case):
    signal, request = case
    payload = request.SerializeToString()
    other = REQUESTS[signal]()
    other.CopyFrom(request)

    joined = payload + payload
    checked = validate(signal, joined, ROOMY)

    other.MergeFrom(request)
    assert checked.accepted == 2 * validate(signal, payload, ROOMY).accepted
    assert records(signal, REQUESTS[signal].FromString(joined)) == records(signal, other)
