"""Requests that are larger than a message of the bus may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp.codec import validate
from otlp.codec.request import REQUESTS
from pipeline.signal import Signal
from tests.support.otlp_strategies import LAWS, records, valid


def spans(names, resource_bytes=0):
    request = ExportTraceServiceRequest()
    around = request.resource_spans.add()
    if resource_bytes:
        around.resource.attributes.add(key="k").value.string_value = "v" * resource_bytes
    group = around.scope_spans.add()
    for name in names:
        group.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name=name)
    return request


@LAWS
@given(valid, st.integers(60, 3000))
def test_parts_hold_the_same_records_in_order(case, bytes_max):
    signal, request = case
    sent = records(signal, request)

    checked = validate(signal, request.SerializeToString(), bytes_max)

    held = [records(signal, REQUESTS[signal].FromString(part.payload)) for part in checked.parts]
    assert all(len(part.payload) <= bytes_max for part in checked.parts)
    assert [len(part) for part in held] == [part.records for part in checked.parts]
    kept = [record for part in held for record in part]
    rest = iter(sent)
    assert all(record in rest for record in kept)  # a subsequence: consumes up to the match
    assert checked.accepted == len(kept)
    assert checked.refused == len(sent) - len(kept) == sum(checked.reasons.values())


def test_nothing_is_refused_when_each_record_fits():
    request = spans([f"span {number}" for number in range(100)], resource_bytes=50)
    payload = request.SerializeToString()

    checked = validate(Signal.TRACES, payload, 500)

    assert checked.refused == 0
    assert len(checked.parts) < 20
    joined = b"".join(part.payload for part in checked.parts)
    assert records(Signal.TRACES, ExportTraceServiceRequest.FromString(joined)) == records(
        Signal.TRACES, request
    )


def test_request_of_exactly_the_limit_stays_whole():
    payload = spans(["a", "b"]).SerializeToString()

    assert validate(Signal.TRACES, payload, len(payload)).parts[0].payload is payload
    assert len(validate(Signal.TRACES, payload, len(payload) - 1).parts) == 2


def test_record_over_the_limit_is_refused_and_its_neighbours_kept():
    request = spans(["a", "x" * 500, "b"])

    checked = validate(Signal.TRACES, request.SerializeToString(), 300)

    assert checked.reasons == {
        "a record with its resource and scope must take at most 300 bytes": 1
    }
    assert [part.records for part in checked.parts] == [1, 1]
    assert checked.message.endswith("at most 300 bytes (1)")


def test_lone_record_may_fill_the_limit_with_its_resource():
    payload = spans(["a"], resource_bytes=900).SerializeToString()

    assert validate(Signal.TRACES, payload, len(payload)).accepted == 1
    assert validate(Signal.TRACES, payload, len(payload) - 1).refused == 1


def test_resource_that_takes_most_of_the_limit_is_not_repeated():
    payload = spans(["a"] * 50, resource_bytes=900).SerializeToString()

    checked = validate(Signal.TRACES, payload, 1000)

    assert checked.parts == ()
    assert checked.reasons == {"resource, scope and metric must take at most 500 bytes": 50}


@pytest.mark.parametrize("arm", ["gauge", "sum", "histogram", "exponential_histogram", "summary"])
def test_metric_is_split_between_points_and_its_own_fields_repeated(arm):
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="n", unit="s")
    data = getattr(metric, arm)
    for time in range(1, 41):
        point = data.data_points.add(time_unix_nano=time)
        if arm in {"gauge", "sum"}:
            point.as_int = time
    if arm not in {"gauge", "summary"}:
        data.aggregation_temporality = 1
    payload = request.SerializeToString()

    checked = validate(Signal.METRICS, payload, 200)

    assert checked.accepted == 40
    assert len(checked.parts) > 1
    joined = b"".join(part.payload for part in checked.parts)
    held = records(Signal.METRICS, ExportMetricsServiceRequest.FromString(joined))
    assert held == records(Signal.METRICS, request)
