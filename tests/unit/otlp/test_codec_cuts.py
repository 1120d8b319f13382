"""What is kept of refused records."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp.codec import from_json, to_json, validate
from otlp.codec.cuts import Allowance
from otlp.codec.excerpt import excerpts
from otlp.codec.plain import from_plain
from otlp.codec.request import REQUESTS
from pipeline.errors import Rejected
from pipeline.letter import Form
from pipeline.signal import Signal
from tests.support.otlp_requests import points, spans
from tests.support.otlp_strategies import LAWS, Case, cases, mixed, records

ROOMY = 10**9
ALL = Allowance(ROOMY, ROOMY, ROOMY)
TRACES = Signal.TRACES


def held(signal, payload):
    return records(signal, REQUESTS[signal].FromString(payload))


@LAWS
@given(mixed)
def test_accepted_and_refused_records_together_are_all_records(case):
    signal, request = case
    sent = records(signal, request)

    checked = validate(signal, request.SerializeToString(), ROOMY, ALL)

    assert len(checked.cuts) == checked.refused
    kept = [one for part in checked.parts for one in held(signal, part.payload)]
    cut_out = [one for cut in checked.cuts for one in held(signal, cut.payload)]
    assert sorted(kept + cut_out) == sorted(sent)
    for cut in checked.cuts:
        assert held(signal, cut.payload) == [sent[cut.index]]
        assert cut.size == len(cut.payload)


@LAWS
@given(mixed)
def test_each_cut_is_a_request_that_is_refused_for_the_same_reason(case):
    signal, request = case
    for cut in validate(signal, request.SerializeToString(), ROOMY, ALL).cuts:
        again = validate(signal, cut.payload, ROOMY)
        assert (again.accepted, dict(again.reasons)) == (0, {cut.reason: 1})
        assert cut.reason.startswith(f"{cut.field} must ")


@LAWS
@given(mixed, st.integers(0, 5), st.integers(1, 300), st.integers(0, 600))
def test_no_more_is_kept_than_allowed(case, number, record_bytes, all_bytes):
    signal, request = case
    payload = request.SerializeToString()
    allowance = Allowance(number, record_bytes, all_bytes)

    checked = validate(signal, payload, ROOMY, allowance)

    every = validate(signal, payload, ROOMY, ALL)
    assert checked.parts == every.parts
    assert checked.reasons == every.reasons
    assert len(checked.cuts) <= number
    assert sum(len(cut.payload) for cut in checked.cuts) <= all_bytes
    for cut, whole in zip(checked.cuts, every.cuts, strict=False):
        assert (cut.payload, cut.size) == (whole.payload[:record_bytes], whole.size)
        assert (cut.reason, cut.index) == (whole.reason, whole.index)


@LAWS
@given(cases(faults=True))
def test_an_excerpt_of_otlp_json_is_the_same_record(case: Case):
    request = case.request()
    body = json.dumps(to_json(request)).encode()
    sent = held(case.signal, from_json(case.signal, body))

    found = excerpts(case.signal, body, range(len(sent)), ROOMY)

    assert [held(case.signal, from_json(case.signal, one or b"")) for one in found] == [
        [record] for record in sent
    ]


def test_an_excerpt_keeps_what_protobuf_cannot_hold():
    bad = {"traceId": "not hex", "nameless": {"a": [1.50, "\ud800"]}}
    body = {
        "resource_spans": [
            None,
            {"scopeSpans": [{"spans": [{}, None, bad]}, None], "mine": 1},
            {"scopeSpans": [{"spans": [{"name": "other"}]}]},
        ]
    }
    found, nothing = excerpts(TRACES, json.dumps(body).encode(), [2, None], ROOMY)
    assert found is not None
    assert json.loads(found) == {
        "resource_spans": [{"scopeSpans": [{"spans": [bad]}], "mine": 1}],
    }
    assert nothing is None


@pytest.mark.parametrize(
    ("signal", "body"),
    [
        (TRACES, {"resourceSpans": [], "resource_spans": []}),
        (
            Signal.METRICS,
            {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"sum": {}, "gauge": {}}]}]}]},
        ),
    ],
    ids=["two spellings", "two kinds"],
)
def test_what_cannot_be_counted_as_it_stands_has_no_excerpt(signal, body):
    assert excerpts(signal, json.dumps(body).encode(), [0, 1], ROOMY) == [None, None]


def test_excerpts_end_at_their_bound():
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{}] * 9}]}]}).encode()
    found = excerpts(TRACES, body, range(9), 100)
    assert [one is not None for one in found] == [True] * 2 + [False] * 7


def test_of_a_request_of_refused_records_the_first_are_kept():
    checked = validate(TRACES, spans(0, zero_ids=500), ROOMY, Allowance(7, ROOMY, ROOMY))
    assert [cut.index for cut in checked.cuts] == list(range(7))
    assert checked.refused == 500


def test_nothing_is_kept_where_nothing_may_be():
    checked = validate(Signal.METRICS, points(1, timeless=3), ROOMY)
    assert (checked.refused, checked.cuts) == (3, [])


def test_a_record_that_is_too_large_is_kept_up_to_the_bound():
    payload = spans(1, name="x" * 5000)
    checked = validate(TRACES, payload, 1000, Allowance(9, 500, ROOMY))
    (cut,) = checked.cuts
    assert checked.refused == 1
    assert (cut.payload, cut.size, cut.field) == (payload[:500], len(payload), "")


def test_objects_of_plain_json_are_kept_one_by_one():
    body = b'{"time":"x","n":1.50,"t":"\\ud800"}\n{"message":"fine"}\n{broken\n{"time":"x"}\n7'
    read = from_plain(Signal.LOGS, body, 1, ALL)
    assert [(cut.payload, cut.field, cut.index) for cut in read.cuts] == [
        (b'{"time": "x", "n": 1.5, "t": "\\ud800"}', "time", 0),
        (b"{broken", "", 2),
        (b'{"time": "x"}', "time", 3),
        (b"7", "", 4),
    ]
    assert read.refused == 4
    assert {cut.form for cut in read.cuts} == {Form.PLAIN}
    for cut in (read.cuts[0], read.cuts[2], read.cuts[3]):
        again = from_plain(Signal.LOGS, cut.payload, 1)
        assert (again.refused, again.payload) == (1, b"")
    with pytest.raises(Rejected, match="not valid JSON"):
        from_plain(Signal.LOGS, read.cuts[1].payload, 1)


def test_otlp_json_among_plain_json_is_kept_with_the_path_of_its_fault():
    body = b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": {}}]}]}]}'
    (cut,) = from_plain(Signal.LOGS, body, 1, ALL).cuts
    assert cut.field == "resourceLogs[0].scopeLogs[0].logRecords[0].timeUnixNano"
    assert json.loads(cut.payload) == json.loads(body)
