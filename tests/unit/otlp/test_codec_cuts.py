"""What is kept of refused records."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp.codec import from_json, to_json, validate
from otlp.codec.cuts import RECORDS_MAX
from otlp.codec.excerpt import excerpts
from otlp.codec.plain import from_plain
from otlp.codec.request import REQUESTS
from pipeline.errors import Rejected
from pipeline.signal import Signal
from tests.support.otlp_requests import points, spans
from tests.support.otlp_strategies import LAWS, Case, cases, mixed, records

ROOMY = 10**9
TRACES = Signal.TRACES


def held(signal, payload):
    return records(signal, REQUESTS[signal].FromString(payload))


@LAWS
@given(mixed)
def test_accepted_and_refused_records_together_are_all_records(case):
    signal, request = case
    sent = records(signal, request)

    checked = validate(signal, request.SerializeToString(), ROOMY, ROOMY)

    # The strategies make fewer records than are kept of a request.
    assert sum(cut.records for cut in checked.cuts) == checked.refused <= RECORDS_MAX
    kept = [one for part in checked.parts for one in held(signal, part.payload)]
    cut_out = [one for cut in checked.cuts for one in held(signal, cut.payload)]
    assert sorted(kept + cut_out) == sorted(sent)
    for cut in checked.cuts:
        assert [sent[index] for index in cut.indices] == held(signal, cut.payload)
        assert (len(cut.indices), cut.size) == (cut.records, len(cut.payload))


@LAWS
@given(mixed, st.integers(40, 3000))
def test_each_cut_is_a_request_that_is_refused_for_the_same_reason(case, kept_bytes_max):
    signal, request = case

    checked = validate(signal, request.SerializeToString(), ROOMY, kept_bytes_max)

    assert sum(len(cut.payload) for cut in checked.cuts) <= kept_bytes_max
    assert bool(checked.cuts) == bool(checked.refused)
    for cut in checked.cuts:
        if cut.size > len(cut.payload):
            assert (len(checked.cuts), cut.records) == (1, 1)
            continue
        again = validate(signal, cut.payload, ROOMY)
        assert (again.accepted, again.refused) == (0, cut.records)
        assert [cut.reason.startswith(reason) for reason in again.reasons] == [True]


@LAWS
@given(cases(faults=True), st.data())
def test_an_excerpt_of_otlp_json_is_the_same_records(case: Case, data):
    request = case.request()
    number = len(records(case.signal, request))
    wanted = data.draw(st.sets(st.integers(0, max(number - 1, 0))))
    body = json.dumps(to_json(request)).encode()

    (found,) = excerpts(case.signal, body, [wanted])

    assert found is not None
    sent = held(case.signal, from_json(case.signal, body))
    expected = [record for index, record in enumerate(sent) if index in wanted]
    assert held(case.signal, from_json(case.signal, found)) == expected


def test_an_excerpt_keeps_what_protobuf_cannot_hold():
    bad = {"traceId": "not hex", "nameless": {"a": [1.50, "\ud800"]}}
    body = {
        "resource_spans": [
            None,
            {"scopeSpans": [{"spans": [{}, None, bad]}, None], "mine": 1},
            {"scopeSpans": [{"spans": [{"name": "other"}]}]},
        ]
    }
    (found,) = excerpts(TRACES, json.dumps(body).encode(), [{2}])
    assert found is not None
    assert json.loads(found) == {
        "resource_spans": [{"scopeSpans": [{"spans": [bad]}], "mine": 1}],
    }


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
    assert excerpts(signal, json.dumps(body).encode(), [{0}, {1}]) == [None, None]


def test_of_many_refused_records_the_first_are_kept_and_all_are_counted():
    payload = spans(3, zero_ids=RECORDS_MAX + 50)
    (cut,) = validate(TRACES, payload, ROOMY, ROOMY).cuts
    assert cut.records == RECORDS_MAX
    assert cut.indices == tuple(range(3, 3 + RECORDS_MAX))
    assert cut.reason.endswith(f"not all zero ({RECORDS_MAX} of {RECORDS_MAX + 50})")


def test_a_request_of_refused_records_only_is_kept_likewise():
    (cut,) = validate(TRACES, spans(0, zero_ids=500), ROOMY, 1000).cuts
    assert 1 < cut.records < RECORDS_MAX
    assert len(cut.payload) <= 1000


def test_nothing_is_kept_where_nothing_may_be():
    checked = validate(Signal.METRICS, points(1, timeless=3), ROOMY, 0)
    assert (checked.refused, checked.cuts) == (3, ())


def test_a_record_that_is_too_large_is_kept_up_to_the_bound():
    payload = spans(1, name="x" * 5000)
    checked = validate(TRACES, payload, 1000, 500)
    (cut,) = checked.cuts
    assert checked.refused == 1
    assert (cut.payload, cut.size, cut.indices) == (payload[:500], len(payload), ())


def test_objects_of_plain_json_are_kept_line_by_line():
    body = b'{"time":"x","n":1.50,"t":"\\ud800"}\n{"message":"fine"}\n{broken\n{"time":"x"}\n7'
    read = from_plain(Signal.LOGS, body, 1, ROOMY)
    assert sum(cut.records for cut in read.cuts) == read.refused == 4
    assert [cut.payload for cut in read.cuts] == [
        b'{"time": "x", "n": 1.5, "t": "\\ud800"}\n{"time": "x"}',
        b"{broken",
        b"7",
    ]
    assert "not valid JSON" in read.cuts[1].reason
    for cut in (read.cuts[0], read.cuts[2]):
        again = from_plain(Signal.LOGS, cut.payload, 1)
        assert (again.refused, again.payload) == (cut.records, b"")
    with pytest.raises(Rejected, match="not valid JSON"):
        from_plain(Signal.LOGS, read.cuts[1].payload, 1)


def test_reasons_that_clients_make_up_are_few():
    body = json.dumps([{"time": f"x{n}"} for n in range(1000)]).encode()
    read = from_plain(Signal.LOGS, body, 1, ROOMY)
    assert read.refused == 1000
    assert len({error.message for error in read.errors}) > len(read.cuts)
    assert 1 <= len(read.cuts) <= 8
