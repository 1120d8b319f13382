"""OTLP/JSON; numbers in names are those of the OTLP contract's checklist."""

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp.codec import Decoder, from_json, to_json, validate
from otlp.codec.request import REQUESTS
from pipeline.errors import Rejected
from pipeline.signal import Signal
from pipeline.window import TimeWindow
from tests.support.otlp_strategies import LAWS, valid

TRACE = "0102030405060708090a0b0c0d0e0f10"
SPAN = "00f067aa0ba902b7"


def span(**fields):
    fields = {"traceId": TRACE, "spanId": SPAN} | fields
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]})
    request = ExportTraceServiceRequest.FromString(from_json(Signal.TRACES, body.encode()))
    return request.resource_spans[0].scope_spans[0].spans[0]


def value(content):
    (attribute,) = span(attributes=[{"key": "k", "value": content}]).attributes
    return attribute.value


def number(**fields):
    points = [{"gauge": {"dataPoints": [fields]}}]
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": points}]}]})
    request = ExportMetricsServiceRequest.FromString(from_json(Signal.METRICS, body.encode()))
    return request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]


@LAWS
@given(valid)
def test_25_json_of_a_message_reads_back_as_the_same_bytes(case):
    signal, request = case

    text = json.dumps(to_json(request), allow_nan=False)

    assert from_json(signal, text.encode()) == request.SerializeToString()


@LAWS
@given(valid)
def test_24_snake_case_reads_like_camel_case(case):
    signal, request = case

    def snake(content):
        if isinstance(content, list):
            return [snake(item) for item in content]
        if not isinstance(content, dict):
            return content
        return {
            "".join(f"_{c.lower()}" if c.isupper() else c for c in key): snake(item)
            for key, item in content.items()
        }

    text = json.dumps(snake(to_json(request)))

    assert from_json(signal, text.encode()) == request.SerializeToString()


@pytest.mark.parametrize("signal", list(Signal))
def test_8_empty_object_is_an_empty_request(signal):
    envelope = next(iter(REQUESTS[signal].DESCRIPTOR.fields)).json_name

    for body in ("{}", json.dumps({envelope: []}), json.dumps({envelope: None})):
        assert from_json(signal, body.encode()) == b""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not valid JSON"),
        (b"1234", "the body: must be an object"),
        (b"[]", "the body: must be an object"),
        (b"null", "the body: must be an object"),
        (b'{"resourceSpans":[', "not valid JSON"),
        (b'{"a":NaN}', "NaN is not a JSON number"),
        (b'{"a":"\xff"}', "not valid JSON"),
        (b"[" * 100_000, "too deep"),
        (b'{"a":' + b"1" * 5000 + b"}", "not valid JSON"),
    ],
)
def test_9_what_is_no_json_object_is_rejected(body, message):
    with pytest.raises(Rejected, match=message):
        from_json(Signal.TRACES, body)


def test_15_hex_ids_are_read_in_either_case():
    upper = span(traceId=TRACE.upper(), spanId=SPAN.upper(), parentSpanId=SPAN.upper())

    assert upper == span(parentSpanId=SPAN)
    assert upper.trace_id == bytes.fromhex(TRACE)


@pytest.mark.parametrize(
    "trace_id",
    ["", "00" * 16, TRACE[:-1], f"{TRACE}a", f"0{TRACE}", TRACE[:-2], "zz" * 16, f" {TRACE[1:]}"],
)
def test_id_that_is_not_hex_refuses_only_its_span(trace_id):
    spans = [{"traceId": trace, "spanId": SPAN} for trace in (TRACE, trace_id)]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()

    checked = validate(Signal.TRACES, from_json(Signal.TRACES, body), 10**9)

    assert (checked.accepted, checked.refused) == (1, 1)
    assert checked.reasons == {"trace_id must be 16 bytes and not all zero": 1}


def test_parent_that_is_not_hex_is_no_root():
    payload = from_json(
        Signal.TRACES,
        json.dumps(
            {
                "resourceSpans": [
                    {
                        "scopeSpans": [
                            {"spans": [{"traceId": TRACE, "spanId": SPAN, "parentSpanId": "?"}]}
                        ]
                    }
                ]
            }
        ).encode(),
    )

    assert validate(Signal.TRACES, payload, 10**9).reasons == {
        "parent_span_id must be empty or 8 bytes": 1
    }


def test_29_log_with_ids_that_are_not_hex_has_none():
    logs = [{"traceId": "xyz", "spanId": "123", "body": {"stringValue": "hi"}}]
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": logs}]}]}).encode()
    decoder = Decoder(Signal.LOGS, TimeWindow())

    decoder.append(from_json(Signal.LOGS, body), 1, 1, 1)

    (row,) = decoder.finish().to_pylist()
    assert (row["trace_id"], row["span_id"], row["body"]) == (bytes(16), bytes(8), "hi")


@pytest.mark.parametrize("sent", [1544712660300000001, "1544712660300000001"])
def test_16_64_bit_integer_is_a_number_or_text(sent):
    assert span(startTimeUnixNano=sent).start_time_unix_nano == 1544712660300000001


@pytest.mark.parametrize("number", [-(2**63), -1, 0, 2**63 - 1])
def test_17_smallest_and_largest_integers_survive(number):
    assert value({"intValue": number}).int_value == number
    assert value({"intValue": str(number)}).int_value == number


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(2, 2), ("2", 2), ("SPAN_KIND_SERVER", 2), (99, 99), (-1, -1), (2.0, 2)],
)
def test_18_enum_is_a_number_or_a_name(kind, expected):
    assert span(kind=kind).kind == expected


def test_19_unknown_keys_are_ignored_at_any_depth():
    unknown: Any = {"whatever": [{"deep": {"er": [1, None, "x"]}}]}
    content: Any = {"stringValue": "v", **unknown}
    attribute: Any = {"key": "k", "value": content, **unknown}
    fields = {"traceId": TRACE, "spanId": SPAN, "attributes": [attribute], **unknown}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [fields], **unknown}], **unknown}]}

    payload = from_json(Signal.TRACES, json.dumps(body | unknown).encode())

    expected = span(attributes=[{"key": "k", "value": {"stringValue": "v"}}])
    request = ExportTraceServiceRequest.FromString(payload)
    assert request.resource_spans[0].scope_spans[0].spans[0] == expected


@pytest.mark.parametrize(
    ("content", "arm", "expected"),
    [
        ({"boolValue": False}, "bool_value", False),
        ({"intValue": "0"}, "int_value", 0),
        ({"doubleValue": 0}, "double_value", 0.0),
        ({"stringValue": ""}, "string_value", ""),
        ({"bytesValue": ""}, "bytes_value", b""),
    ],
)
def test_20_key_selects_the_arm_even_at_its_default(content, arm, expected):
    read = value(content)

    assert (read.WhichOneof("value"), getattr(read, arm)) == (arm, expected)


def test_20_containers_and_nothing_are_told_apart():
    sent: Any = [{"arrayValue": {}}, {"kvlistValue": {}}, {}, {"stringValue": None}]

    arms = [value(content).WhichOneof("value") for content in sent]

    assert arms == ["array_value", "kvlist_value", None, None]
    assert number(asInt="0").WhichOneof("value") == "as_int"


@pytest.mark.parametrize("text", ["+/+/AA==", "-_-_AA==", "+/+/AA", "-_-_AA"])
def test_21_bytes_are_base64_of_any_kind(text):
    assert value({"bytesValue": text}).bytes_value == b"\xfb\xff\xbf\x00"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [("Infinity", math.inf), ("-Infinity", -math.inf), ("1.5e3", 1500.0), (2, 2.0), ("-0", -0.0)],
)
def test_22_double_is_a_number_or_text(sent, expected):
    assert value({"doubleValue": sent}).double_value == expected


def test_22_nan_is_text():
    assert math.isnan(value({"doubleValue": "NaN"}).double_value)
    assert to_json(value({"doubleValue": "NaN"})) == {"doubleValue": "NaN"}


def test_23_null_is_absent():
    nothing = span(name=None, kind=None, attributes=None, status=None, parentSpanId=None)

    assert nothing == span()
    assert not nothing.HasField("status")


def test_null_among_values_keeps_its_place():
    read = value({"arrayValue": {"values": [{"intValue": 1}, None, {"intValue": 2}]}})

    arms = [item.WhichOneof("value") for item in read.array_value.values]
    assert arms == ["int_value", None, "int_value"]


def test_half_a_surrogate_pair_is_replaced():
    assert span(name="a\ud800b").name == "a\ufffdb"


SPANS = "resourceSpans[0].scopeSpans[0].spans[0]"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"startTimeUnixNano": "soon"}, f"{SPANS}.startTimeUnixNano: must be an integer from 0"),
        ({"startTimeUnixNano": -1}, f"{SPANS}.startTimeUnixNano: must be an integer from 0"),
        ({"startTimeUnixNano": 2**64}, f"{SPANS}.startTimeUnixNano: must be an integer"),
        ({"startTimeUnixNano": True}, f"{SPANS}.startTimeUnixNano: must be an integer"),
        ({"startTimeUnixNano": 1.5}, f"{SPANS}.startTimeUnixNano: must be an integer"),
        ({"start_time_unix_nano": " 1"}, f"{SPANS}.start_time_unix_nano: must be an integer"),
        ({"startTimeUnixNano": "१"}, f"{SPANS}.startTimeUnixNano: must be an integer"),
        ({"kind": "SERVER"}, f"{SPANS}.kind: must be an integer"),
        ({"kind": 2**31}, f"{SPANS}.kind: must be an integer from -2147483648 to 2147483647"),
        ({"name": 5}, f"{SPANS}.name: must be a string"),
        ({"traceId": 5}, f"{SPANS}.traceId: must be a string"),
        ({"status": []}, f"{SPANS}.status: must be an object"),
        ({"attributes": {}}, f"{SPANS}.attributes: must be an array"),
        ({"events": [{}, 7]}, f"{SPANS}.events[1]: must be an object"),
        (
            {"attributes": [{}, {"value": {"boolValue": 1}}]},
            f"{SPANS}.attributes[1].value.boolValue: must be true or false",
        ),
        (
            {"attributes": [{"value": {"bytesValue": "a?=="}}]},
            f"{SPANS}.attributes[0].value.bytesValue: must be base64",
        ),
        (
            {"attributes": [{"value": {"bytesValue": "abcde"}}]},
            f"{SPANS}.attributes[0].value.bytesValue: must be base64",
        ),
        (
            {"attributes": [{"value": {"doubleValue": "nan"}}]},
            f"{SPANS}.attributes[0].value.doubleValue: must be a number",
        ),
        (
            {"attributes": [{"value": {"doubleValue": 10**400}}]},
            f"{SPANS}.attributes[0].value.doubleValue: must be within the range",
        ),
        (
            {"attributes": [{"value": {"doubleValue": False}}]},
            f"{SPANS}.attributes[0].value.doubleValue: must be a number",
        ),
    ],
)
def test_wrong_type_is_rejected_with_its_path(fields, path):
    with pytest.raises(Rejected) as caught:
        span(**fields)

    assert str(caught.value).startswith(path)


def test_wrong_element_of_a_list_of_numbers_is_rejected_with_its_path():
    point = {"bucketCounts": ["1", "x"]}
    metrics = [{"histogram": {"dataPoints": [point]}}]
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})

    with pytest.raises(Rejected, match=r"histogram\.dataPoints\[0\]\.bucketCounts\[1\]: must be"):
        from_json(Signal.METRICS, body.encode())


@pytest.mark.parametrize("depth", [10, 46, 47, 48, 49, 60, 200])
def test_depth_is_bounded_as_in_protobuf(depth):
    content: Any = {"intValue": 1}
    for _ in range(depth):
        content = {"arrayValue": {"values": [content]}}
    logs = [{"body": content}]
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": logs}]}]}).encode()

    if depth > 48:  # body is the fourth message, an array two more for each level
        with pytest.raises(Rejected, match="must not be nested deeper than 100 messages"):
            from_json(Signal.LOGS, body)
    else:
        payload = from_json(Signal.LOGS, body)
        assert validate(Signal.LOGS, payload, 10**9).accepted == 1
        assert json.loads(json.dumps(to_json(ExportLogsServiceRequest.FromString(payload))))


def test_depth_101_is_the_first_that_is_refused():
    def nested(depth):
        content: Any = {}  # the sixth message of a request, as a span's attribute
        for _ in range(depth):
            content = {"arrayValue": {"values": [content]}}
        return content

    assert value(nested(47)).HasField("array_value")
    with pytest.raises(Rejected, match="must not be nested deeper than 100 messages"):
        value(nested(48))


def test_output_is_otlp_json():
    request = ExportTraceServiceRequest()
    sent = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(
            trace_id=bytes.fromhex(TRACE),
            span_id=bytes.fromhex(SPAN),
            kind=2,
            start_time_unix_nano=2**63,
            flags=257,
        )
    )
    sent.attributes.add(key="zero").value.int_value = 0
    sent.attributes.add(key="raw").value.bytes_value = b"\xff"

    assert to_json(sent) == {
        "traceId": TRACE,
        "spanId": SPAN,
        "kind": 2,
        "startTimeUnixNano": "9223372036854775808",
        "flags": 257,
        "attributes": [
            {"key": "zero", "value": {"intValue": "0"}},
            {"key": "raw", "value": {"bytesValue": "/w=="}},
        ],
    }


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["spans", "traceId", "attributes", "value", "key", "kind", "links"]),
            inner,
            max_size=3,
        ),
    ),
)


@LAWS
@given(_json)
def test_any_json_is_read_or_rejected(content):
    body = {"resourceSpans": [{"scopeSpans": [content]}]}

    with suppress(Rejected):
        validate(Signal.TRACES, from_json(Signal.TRACES, json.dumps(body).encode()), 10**9)
