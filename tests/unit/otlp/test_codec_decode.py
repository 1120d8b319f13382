"""Payloads to columns; numbers in names are those of the OTLP contract's checklist."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp.codec import Decoder, encode, validate
from otlp.codec.request import parse
from pipeline.errors import Rejected
from pipeline.schema import SCHEMAS
from pipeline.signal import Signal
from pipeline.window import DAY_NS, TimeWindow
from tests.support.otlp_strategies import LAWS, VALID, mixed, records, valid

NOW = 1_700_000_000_000_000_000
TRACE = bytes(range(16))
SPAN = bytes(range(1, 9))


def decoded(signal, *payloads, window=None):
    decoder = Decoder(signal, window or TimeWindow())
    for sequence, payload in enumerate(payloads, 1):
        accepted = validate(signal, payload, 10**9).accepted
        decoder.append(payload, sequence, NOW, accepted)
    return decoder.finish()


def span_rows(**fields):
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(
        **({"trace_id": TRACE, "span_id": SPAN} | fields)
    )
    return decoded(Signal.TRACES, request.SerializeToString()).to_pylist()


def log_rows(**fields):
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(**fields)
    return decoded(Signal.LOGS, request.SerializeToString()).to_pylist()


def point_rows(arm, point, **data):
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m", unit="s")
    for name, value in data.items():
        setattr(getattr(metric, arm), name, value)
    getattr(metric, arm).data_points.add(**point)
    return decoded(Signal.METRICS, request.SerializeToString()).to_pylist()


@LAWS
@given(valid)
def test_25_30_encoding_what_was_decoded_gives_back_the_request(case):
    signal, request = case

    rows = decoded(signal, request.SerializeToString())

    rows.validate(full=True)
    assert rows.schema == SCHEMAS[signal]
    assert records(signal, parse(signal, encode(signal, rows))) == records(signal, request)


@LAWS
@given(mixed)
def test_what_validate_lets_through_is_decoded(case):
    signal, request = case
    checked = validate(signal, request.SerializeToString(), 10**9)
    decoder = Decoder(signal, TimeWindow())

    for part in checked.parts:
        decoder.append(part.payload, 1, NOW, part.records)

    assert decoder.finish().num_rows == checked.accepted


@pytest.mark.parametrize("signal", list(Signal))
def test_joined_payloads_decode_to_the_rows_of_both(signal):
    @LAWS
    @given(VALID[signal], VALID[signal])
    def law(one, two):
        apart = decoded(signal, one.SerializeToString(), two.SerializeToString())
        joined = decoded(signal, one.SerializeToString() + two.SerializeToString())

        names = [name for name in SCHEMAS[signal].names if name != "sequence"]
        # As text, so that NaN equals itself.
        assert str(joined.select(names).to_pylist()) == str(apart.select(names).to_pylist())

    law()


@pytest.mark.parametrize("signal", list(Signal))
def test_rejected_payload_leaves_the_decoder_as_it_was(signal):
    @LAWS
    @given(VALID[signal], VALID[signal], st.binary(max_size=20))
    def law(good, other, noise):
        payload = good.SerializeToString()
        accepted = validate(signal, payload, 10**9).accepted
        decoder = Decoder(signal, TimeWindow())
        decoder.append(payload, 1, NOW, accepted)

        count = validate(signal, other.SerializeToString(), 10**9).accepted
        with pytest.raises(Rejected, match="records, not"):
            decoder.append(other.SerializeToString(), 2, NOW, count + 1)
        with pytest.raises(Rejected):
            decoder.append(b"\xff" + noise, 3, NOW, 0)

        rows = decoder.finish()
        assert str(rows.to_pylist()) == str(decoded(signal, payload).to_pylist())

    law()


def test_record_that_the_door_would_refuse_is_rejected():
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(trace_id=TRACE, span_id=SPAN)
    spans.add(trace_id=b"abc", span_id=SPAN)
    decoder = Decoder(Signal.TRACES, TimeWindow())

    with pytest.raises(Rejected, match="record 2 of the traces message: trace_id must be 16 bytes"):
        decoder.append(request.SerializeToString(), 1, NOW, 2)

    assert decoder.finish().num_rows == 0


@pytest.mark.parametrize("signal", list(Signal))
def test_finish_starts_anew_and_nothing_has_all_columns(signal):
    decoder = Decoder(signal, TimeWindow())

    for _ in range(2):
        rows = decoder.finish()
        assert rows.num_rows == 0
        assert rows.schema == SCHEMAS[signal]


def test_rows_carry_the_sequence_of_their_message():
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add()
    payload = request.SerializeToString()

    assert decoded(Signal.LOGS, payload, payload)["sequence"].to_pylist() == [1, 2]


def test_36_resource_and_scope_are_text_with_their_schema_urls():
    request = ExportLogsServiceRequest()
    around = request.resource_logs.add(schema_url="https://r")
    around.resource.attributes.add(key="service.name").value.string_value = "api"
    for version in ("one", "two"):
        group = around.scope_logs.add(schema_url="https://s")
        group.scope.name = "lib"
        group.scope.attributes.add(key="v").value.string_value = version
        group.log_records.add()

    rows = decoded(Signal.LOGS, request.SerializeToString()).to_pylist()

    assert {row["resource"] for row in rows} == {
        '{"attributes":[["service.name",1,"api"]],"schema_url":"https://r"}'
    }
    assert [row["scope"] for row in rows] == [
        f'{{"name":"lib","attributes":[["v",1,"{version}"]],"schema_url":"https://s"}}'
        for version in ("one", "two")
    ]


@pytest.mark.parametrize(
    ("start_ns", "expected_ns"),
    [(0, NOW), (1, NOW), (NOW - 5, NOW - 5), (NOW + 2 * DAY_NS, NOW), (2**64 - 1, NOW)],
)
def test_28_span_is_sorted_by_its_start_where_that_is_believable(start_ns, expected_ns):
    (row,) = span_rows(start_time_unix_nano=start_ns)

    assert row["time"] == expected_ns
    assert row["start_time_unix_nano"] == start_ns


def test_root_span_has_a_parent_of_zeros_only():
    for parent in (b"", bytes(8)):
        (row,) = span_rows(parent_span_id=parent)

        assert row["parent_span_id"] == bytes(8)


def test_invalid_links_are_dropped_and_counted():
    links = [
        {"trace_id": TRACE, "span_id": SPAN},
        {"trace_id": TRACE, "span_id": b"abc"},
        {"trace_id": bytes(16), "span_id": SPAN},
    ]

    (row,) = span_rows(links=links, dropped_links_count=3)
    (full,) = span_rows(links=links, dropped_links_count=2**32 - 1)

    assert [link["span_id"] for link in row["links"]] == [SPAN]
    assert row["dropped_links_count"] == 5
    assert full["dropped_links_count"] == 2**32 - 1


@pytest.mark.parametrize("trace_id", [b"", b"abc", bytes(16), b"x" * 17])
def test_29_log_with_an_invalid_trace_is_kept_without_it(trace_id):
    (row,) = log_rows(trace_id=trace_id, span_id=SPAN, event_name="login")

    assert (row["trace_id"], row["span_id"], row["event_name"]) == (bytes(16), SPAN, "login")


@pytest.mark.parametrize(
    ("sent_ns", "observed_ns", "expected_ns"),
    [(0, NOW - 7, NOW - 7), (NOW - 9, NOW - 7, NOW - 9), (1, NOW - 7, NOW - 7), (0, 0, NOW)],
)
def test_29_log_is_sorted_by_its_time_or_else_by_when_it_was_observed(
    sent_ns, observed_ns, expected_ns
):
    (row,) = log_rows(time_unix_nano=sent_ns, observed_time_unix_nano=observed_ns)

    assert (row["time"], row["time_unix_nano"]) == (expected_ns, sent_ns)


@pytest.mark.parametrize("severity", [0, 1, 24, 25, -1])
def test_29_any_severity_is_kept(severity):
    assert log_rows(severity_number=severity)[0]["severity_number"] == severity


def test_body_may_be_absent_text_or_structured():
    absent = log_rows()[0]
    text = log_rows(body={"string_value": "hi"})[0]
    structured = log_rows(
        body={"kvlist_value": {"values": [{"key": "a", "value": {"int_value": 1}}]}}
    )[0]

    assert [(row["body_type"], row["body"]) for row in (absent, text, structured)] == [
        (0, ""),
        (1, "hi"),
        (6, '{"a":1}'),
    ]


def test_30_number_keeps_its_type():
    (whole,) = point_rows("gauge", {"time_unix_nano": NOW, "as_int": 3})
    (real,) = point_rows("gauge", {"time_unix_nano": NOW, "as_double": 3.0})

    assert (whole["value_int"], whole["value_double"]) == (3, None)
    assert (real["value_int"], real["value_double"]) == (None, 3.0)


def test_32_marked_gap_has_no_value():
    (row,) = point_rows("gauge", {"time_unix_nano": NOW, "flags": 1})

    assert (row["value_int"], row["value_double"], row["flags"]) == (None, None, 1)


def test_columns_without_use_hold_null_nothing_or_zero():
    (row,) = point_rows("gauge", {"time_unix_nano": NOW, "as_int": 3})

    shared = {"sequence", "time", "resource", "scope", "value_int", "time_unix_nano"}
    unused = {name: value for name, value in row.items() if name not in shared}
    assert unused == {
        "metric_name": "m",
        "metric_description": "",
        "metric_unit": "s",
        "metric_metadata": "[]",
        "metric_type": 5,
        "aggregation_temporality": 0,
        "is_monotonic": False,
        "attributes": [],
        "start_time_unix_nano": 0,
        "flags": 0,
        "exemplars": [],
        "value_double": None,
        "count": 0,
        "sum": None,
        "min": None,
        "max": None,
        "bucket_counts": [],
        "explicit_bounds": [],
        "scale": 0,
        "zero_count": 0,
        "zero_threshold": 0.0,
        "positive_offset": 0,
        "positive_bucket_counts": [],
        "negative_offset": 0,
        "negative_bucket_counts": [],
        "quantile_values": [],
    }


def test_30_missing_sum_is_not_zero():
    point = {"time_unix_nano": NOW, "count": 2, "bucket_counts": [2]}

    (without,) = point_rows("histogram", point, aggregation_temporality=1)
    (zero,) = point_rows("histogram", point | {"sum": 0.0}, aggregation_temporality=1)
    (summary,) = point_rows("summary", {"time_unix_nano": NOW, "count": 2})

    assert [row["sum"] for row in (without, zero, summary)] == [None, 0.0, 0.0]


def test_34_exemplar_keeps_value_type_ids_and_attributes():
    exemplar = {
        "time_unix_nano": 5,
        "as_int": 7,
        "trace_id": TRACE,
        "span_id": b"abc",
        "filtered_attributes": [{"key": "k", "value": {"bool_value": False}}],
    }

    (row,) = point_rows("gauge", {"time_unix_nano": NOW, "as_int": 3, "exemplars": [exemplar]})

    assert row["exemplars"] == [
        {
            "time_unix_nano": 5,
            "value_double": None,
            "value_int": 7,
            "span_id": bytes(8),
            "trace_id": TRACE,
            "filtered_attributes": [{"key": "k", "type": 2, "value": "false"}],
        }
    ]


def test_20_35_attributes_keep_type_value_order_and_repeats():
    inner = {"kvlist_value": {"values": [{"key": "b", "value": {"bytes_value": b"\x00"}}]}}
    attributes = [
        {"key": "z", "value": {"bool_value": False}},
        {"key": "a", "value": {"int_value": 0}},
        {"key": "a", "value": {"string_value": ""}},
        {"key": "e", "value": {}},
        {"key": "d", "value": {"double_value": 1.0}},
        {"key": "n", "value": {"array_value": {"values": [inner, {}]}}},
        {"key": "s", "value": {"string_value_strindex": 3}},
    ]

    (row,) = span_rows(attributes=attributes)

    assert [tuple(attribute.values()) for attribute in row["attributes"]] == [
        ("z", 2, "false"),
        ("a", 3, "0"),
        ("a", 1, ""),
        ("e", 0, ""),
        ("d", 4, "1.0"),
        ("n", 5, '[{"b":{"$bytes":"AA=="}},null]'),
        ("s", 0, ""),
    ]
