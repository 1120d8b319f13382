"""Plain JSON to OTLP."""

import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from otlp.codec.plain import ERRORS_MAX, Error, Plain, from_plain
from otlp.codec.record import DEPTH_MAX
from otlp.codec.request import parse
from otlp.codec.validate import validate
from pipeline.errors import Rejected
from pipeline.signal import Signal
from tests.support.laws import examples

LOGS, TRACES, METRICS = Signal.LOGS, Signal.TRACES, Signal.METRICS
NOW_NS = 1_790_000_000_000_000_000
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
IDS = {"trace_id": TRACE_ID, "span_id": SPAN_ID}


def read(signal: Signal, body: Any) -> Plain:
    if not isinstance(body, str | bytes):
        body = json.dumps(body)
    return from_plain(signal, body if isinstance(body, bytes) else body.encode(), NOW_NS)


def records(signal: Signal, body: Any) -> list[Any]:
    """What a body without fault becomes, in order."""
    plain = read(signal, body)
    assert (plain.refused, plain.errors) == (0, ())
    request: Any = parse(signal, plain.payload)
    if signal == LOGS:
        scopes = [scope for r in request.resource_logs for scope in r.scope_logs]
        return [log for scope in scopes for log in scope.log_records]
    if signal == TRACES:
        scopes = [scope for r in request.resource_spans for scope in r.scope_spans]
        return [span for scope in scopes for span in scope.spans]
    scopes = [scope for r in request.resource_metrics for scope in r.scope_metrics]
    return [metric for scope in scopes for metric in scope.metrics]


def attributes(record: Any) -> dict[str, Any]:
    return {pair.key: json_format.MessageToDict(pair.value) for pair in record.attributes}


def test_log_of_the_readme():
    plain = read(LOGS, '{"service_name":"test-svc","level":"INFO","message":"hello"}')
    (resource,) = parse(LOGS, plain.payload).resource_logs  # type: ignore[union-attr]
    assert attributes(resource.resource) == {"service.name": {"stringValue": "test-svc"}}
    (log,) = resource.scope_logs[0].log_records
    assert (log.severity_number, log.severity_text, log.body.string_value) == (9, "INFO", "hello")
    assert (log.time_unix_nano, log.observed_time_unix_nano) == (0, NOW_NS)
    assert not log.attributes


@pytest.mark.parametrize("key", ["service_name", "service.name", "serviceName", "service"])
def test_service_has_several_names(key):
    plain = read(LOGS, {key: "shop", "resource": {"host": "a", "service.name": "other"}})
    (resource,) = parse(LOGS, plain.payload).resource_logs  # type: ignore[union-attr]
    assert attributes(resource.resource) == {
        "service.name": {"stringValue": "shop"},
        "host": {"stringValue": "a"},
    }


def test_other_keys_are_attributes_with_their_types():
    sent = {
        "text": "a", "int": -5, "double": 1.5, "yes": True, "none": None, "big": 2**70,
        "list": [1, None, "x"], "map": {"a": {"b": False}}, "attributes": {"inner": 1},
        "service": {"no": "text"}, "body": "taken", "msg": "the second name",
    }  # fmt: skip
    (log,) = records(LOGS, sent)
    assert attributes(log) == {
        "text": {"stringValue": "a"},
        "int": {"intValue": "-5"},
        "double": {"doubleValue": 1.5},
        "yes": {"boolValue": True},
        "big": {"stringValue": str(2**70)},
        "list": {"arrayValue": {"values": [{"intValue": "1"}, {}, {"stringValue": "x"}]}},
        "map": {
            "kvlistValue": {
                "values": [
                    {
                        "key": "a",
                        "value": {
                            "kvlistValue": {"values": [{"key": "b", "value": {"boolValue": False}}]}
                        },
                    }
                ]
            }
        },
        "service": {"kvlistValue": {"values": [{"key": "no", "value": {"stringValue": "text"}}]}},
        "msg": {"stringValue": "the second name"},
        "inner": {"intValue": "1"},
    }


@pytest.mark.parametrize(
    ("level", "number", "text"),
    [("warning", 13, "warning"), (17, 17, ""), ("loud", 0, "loud"), ("Fatal", 21, "Fatal")],
)
def test_level_is_a_name_or_a_number(level, number, text):
    (log,) = records(LOGS, {"severity": level})
    assert (log.severity_number, log.severity_text) == (number, text)


def test_ids_and_times_of_a_log():
    upper = {"trace_id": TRACE_ID.upper(), "span_id": SPAN_ID, "time": "2023-11-14T22:13:20Z"}
    hyphens = {"traceId": "0af76519-16cd-43dd-8448-eb211c80319c", "event_name": "login"}
    none = {"trace_id": "0" * 32, "span_id": "", "message": ""}
    first, second, third = records(LOGS, [upper, hyphens, none])
    assert (first.trace_id.hex(), first.span_id.hex()) == (TRACE_ID, SPAN_ID)
    assert first.time_unix_nano == 1_700_000_000 * 10**9
    assert (second.trace_id.hex(), second.event_name) == (TRACE_ID, "login")
    assert (third.trace_id, third.span_id, third.body.WhichOneof("value")) == (
        b"", b"", "string_value",
    )  # fmt: skip


def test_span_with_its_end_or_its_duration():
    start = {**IDS, "name": "pay", "kind": "SPAN_KIND_SERVER", "start_time": 1_700_000_000}
    sent = [
        start | {"end_time": 1_700_000_001.5, "status": "error", "status_message": "declined"},
        start | {"duration": "12ms", "parent_span_id": SPAN_ID},
        {**IDS, "duration_ms": 2, "kind": 3, "status": "STATUS_CODE_OK", "user": 1},
    ]
    ended, lasted, late = records(TRACES, sent)
    assert ended.end_time_unix_nano - ended.start_time_unix_nano == 1_500_000_000
    assert (ended.kind, ended.status.code, ended.status.message) == (2, 2, "declined")
    assert lasted.end_time_unix_nano - lasted.start_time_unix_nano == 12_000_000
    assert lasted.parent_span_id.hex() == SPAN_ID
    assert (late.start_time_unix_nano, late.end_time_unix_nano) == (NOW_NS - 2_000_000, NOW_NS)
    assert (late.kind, late.status.code) == (3, 1)
    assert attributes(late) == {"user": {"intValue": "1"}}


def test_gauge_counter_and_sum():
    sent = [
        {"name": "load", "value": 1.5, "unit": "1", "host": "a"},
        {"name": "hits", "value": 3, "type": "counter", "temporality": "delta", "start": 5},
        {"name": "queue", "value": 0, "type": "sum", "time": 1_700_000_000},
    ]
    load, hits, queue = records(METRICS, sent)
    (point,) = load.gauge.data_points
    assert (point.as_double, point.time_unix_nano, load.unit) == (1.5, NOW_NS, "1")
    assert attributes(point) == {"host": {"stringValue": "a"}}
    assert (hits.sum.is_monotonic, hits.sum.aggregation_temporality) == (True, 1)
    assert hits.sum.data_points[0].start_time_unix_nano == 5 * 10**9
    assert (queue.sum.is_monotonic, queue.sum.aggregation_temporality) == (False, 2)
    assert queue.sum.data_points[0].WhichOneof("value") == "as_int"


@pytest.mark.parametrize(
    "body",
    [
        '[{"msg":"a"},{"msg":"b"},{"msg":"c"}]',
        '{"msg":"a"}\n\n{"msg":"b"}\r\n{"msg":"c"}\n',
        ' {"msg":"a"}{"msg":"b"} {\n"msg":\n"c"}',
        '\ufeff{"msg":"a"}[{"msg":"b"},{"msg":"c"}]',
    ],
)
def test_object_array_and_objects_in_a_row(body):
    assert [log.body.string_value for log in records(LOGS, body)] == ["a", "b", "c"]


def test_records_of_one_resource_share_it():
    plain = read(LOGS, [{"service": name} for name in "abab"])
    resources = parse(LOGS, plain.payload).resource_logs  # type: ignore[union-attr]
    assert [len(resource.scope_logs[0].log_records) for resource in resources] == [2, 2]


@pytest.mark.parametrize("key", ["resourceLogs", "resource_logs"])
def test_otlp_json_is_recognised_alone_and_in_a_row(key):
    export = {key: [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "otlp"}}]}]}]}
    line = json.dumps(export)
    assert len(records(LOGS, line)) == 1
    assert len(records(LOGS, f'{line}\n{line}\n{{"msg":"plain"}}')) == 3
    assert records(LOGS, "{}") == []


def test_otlp_json_of_another_signal_is_told_where_to_go():
    plain = read(LOGS, '{"resourceSpans":[]}')
    assert "send them to /v1/traces" in plain.errors[0].message


@pytest.mark.parametrize(
    ("signal", "record", "key"),
    [
        (LOGS, {"time": "yesterday"}, "time"),
        (LOGS, {"trace_id": "abc"}, "trace_id"),
        (LOGS, {"span_id": 5}, "span_id"),
        (LOGS, {"level": 30}, "level"),
        (LOGS, {"level": []}, "level"),
        (TRACES, {"span_id": SPAN_ID}, "trace_id"),
        (TRACES, {**IDS, "span_id": "0" * 16}, "span_id"),
        (TRACES, {**IDS, "kind": "waiter"}, "kind"),
        (TRACES, {**IDS, "duration": 12}, "duration"),
        (TRACES, {**IDS, "status": 500}, "status"),
        (METRICS, {"value": 1}, "name"),
        (METRICS, {"name": "x"}, "value"),
        (METRICS, {"name": "x", "value": "1"}, "value"),
        (METRICS, {"name": "x", "value": 10**400}, "value"),
        (METRICS, {"name": "x", "value": 1, "type": "histogram"}, "type"),
    ],
)
def test_wrong_record_is_refused_alone_by_index_and_key(signal, record, key):
    good = {**IDS, "name": "x", "value": 1}
    plain = read(signal, [good, record, good])
    (error,) = plain.errors
    assert (plain.refused, error.index, error.line, error.key) == (1, 1, 1, key)
    assert validate(signal, plain.payload, 2**20).accepted == 2


def test_nesting_is_bounded():
    deep: Any = 1
    for _ in range(DEPTH_MAX):
        deep = [deep]
    records(LOGS, {"a": deep})
    plain = read(LOGS, {"a": [deep]})
    assert (plain.refused, plain.errors[0].key) == (1, "a")


@pytest.mark.parametrize("body", ['{"msg":"a"}\n{broken\n7\n{"msg":"b"}', '{bad\n{"msg":"a"}\n7'])
def test_wrong_line_is_refused_alone(body):
    plain = read(LOGS, body)
    broken, number = plain.errors
    assert plain.refused == 2
    assert broken.message.startswith("column 2: not valid JSON")
    assert number == Error("must be an object, not a number", number.index, number.line)
    assert (broken.line, number.line) in {(2, 3), (1, 3)}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b" \n", "the body is empty"),
        (b'{"a":1', "line 1, column 7"),
        (b'[\n{"a":1}\n{"a":2}]', "line 3, column 1"),
        (b'{\n"a": {\n"b" 1}}', "line 3, column 5"),
        (b"level=INFO&message=hello", "line 1, column 1"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"a":NaN}', "NaN is not a JSON number"),
        (b"[" * 100_000, "too deep"),
        (b'{"a":' + b"1" * 5000 + b"}", "not valid JSON"),
    ],
)
def test_what_is_no_json_is_rejected_with_its_place(body, message):
    with pytest.raises(Rejected, match=message):
        read(LOGS, body)


def test_errors_are_told_up_to_a_bound_and_all_counted():
    plain = read(LOGS, [1] * (ERRORS_MAX + 5))
    assert (plain.refused, len(plain.errors)) == (ERRORS_MAX + 5, ERRORS_MAX)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(["\ud800", "level", "body", "value", "type", "status", "duration_ms"]) | (
    st.sampled_from([*IDS, "service", "resource", "attributes", "time", "name", "kind", "unit"])
    | st.sampled_from(["start", "end", "duration", "resourceLogs", "resource_spans"])
)


@settings(max_examples=examples(100))
@given(
    st.sampled_from(list(Signal)),
    st.lists(st.dictionaries(KEYS, JSON, max_size=6), max_size=3),
)
def test_any_json_is_read_or_refused(signal, sent):
    try:
        plain = from_plain(signal, json.dumps(sent).encode(), NOW_NS)
    except Rejected:
        return
    checked = validate(signal, plain.payload, 2**20)
    assert plain.refused == len(plain.errors)
    assert checked.accepted + checked.refused + plain.refused >= 0
    for error in plain.errors:
        assert error.index is not None
        assert error.index < len(sent)
