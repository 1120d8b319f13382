"""The native reader of plain JSON beside the one in Python: the same bytes, or no answer."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otlp.codec import plain
from otlp.codec._native import read_plain
from otlp.codec._native import vocabulary as made
from otlp.codec.plain import from_plain
from otlp.codec.request import NUMBERS
from otlp.codec.vocabulary import text, vocabulary
from pipeline.errors import Rejected
from pipeline.signal import Signal
from tests.support.json_styles import mutated
from tests.support.laws import examples
from tests.support.otlp_strategies import LAWS
from tests.support.plain_records import INSTANTS, ODD_INSTANTS, Sender

NOW_NS = 1_790_000_000_000_000_000
MUTANTS = settings(LAWS, max_examples=examples(200))
LOGS, TRACES, METRICS = Signal.LOGS, Signal.TRACES, Signal.METRICS

signals = st.sampled_from(list(Signal))
seeds = st.integers(0, 2**32)


def native(signal, body):
    return read_plain(vocabulary(signal), NUMBERS[signal], body, NOW_NS)


def outcome(read, signal, body):
    try:
        return read(signal, body, NOW_NS)
    except Rejected as error:
        return str(error)


def assert_alike(signal, body):
    expected = outcome(plain.from_text, signal, body)
    assert outcome(from_plain, signal, body) == expected
    found = native(signal, body)
    assert found is None or plain.Plain(found, 0, ()) == expected


@MUTANTS
@given(signals, seeds)
def test_usual_records_are_read_natively(signal, seed):
    body = Sender(Random(seed), signal).body()
    assert native(signal, body) is not None
    assert_alike(signal, body)


@MUTANTS
@given(signals, seeds)
def test_odd_records_are_read_alike_or_left_to_python(signal, seed):
    assert_alike(signal, Sender(Random(seed), signal, oddly=True).body())


@MUTANTS
@given(signals, seeds)
def test_mutants_are_read_alike_or_left_to_python(signal, seed):
    random = Random(seed)
    assert_alike(signal, mutated(Sender(random, signal).body(), random))


def log_at(instant):
    return json.dumps({"time": instant, "msg": "a"}).encode()


@pytest.mark.parametrize("instant", INSTANTS)
def test_time_is_read_natively(instant):
    assert native(LOGS, log_at(instant)) is not None
    assert_alike(LOGS, log_at(instant))


@pytest.mark.parametrize("instant", ODD_INSTANTS)
def test_odd_time_is_left_to_python(instant):
    assert native(LOGS, log_at(instant)) is None
    assert_alike(LOGS, log_at(instant))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"{}",
        b"[{}]",
        b"[[]]",
        b"5",
        b"\xef\xbb\xbf{}",
        b'{"msg":"a"},{"msg":"b"}',
        b'{"a":1,"a":2}',
        b'{"a":1,"a":null}',
        b'{"attributes":{"a":1,"a":2}}',
        b'{"x":{"a":1,"a":2}}',
        rb'{"\u0061":1}',
        rb'{"msg":"\ud800"}',
        b'{"x":9223372036854775808}',
        b'{"x":1e400}',
        b'{"resourceLogs":[]}',
        b'{"x":1,"resource_spans":[]}',
        b'{"x":1,"resourceLogs":null}',
        b'{"msg":%s1%s}' % (b"[" * 31, b"]" * 31),
        b"{%s}" % b",".join(b'"k%d":1' % number for number in range(65)),
    ],
)
def test_what_is_wrong_or_odd_is_left_to_python(body):
    assert native(LOGS, body) is None
    assert_alike(LOGS, body)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'[] {"a":null} []',
        b'{"msg":%s1%s}' % (b"[" * 30, b"]" * 30),
        b"{%s}" % b",".join(b'"k%d":1' % number for number in range(64)),
        b'{"service":{"no":"text"},"service_name":"","serviceName":"shop","resource":5}',
        b'{"service":"","resource":{"service.name":"shop","a":null}}',
        b'{"service":"a","resource":{"service.name":{"b":[1,{"c":"}"}]}}}',
        b'{"attributes":[1],"level":"","severity":"warn","severityNumber":0}',
        b'{"msg":"","body":"x","trace_id":"","traceId":"00000000-0000-0000-0000-000000000000"}',
    ],
)
def test_usual_log_is_read_natively(body):
    assert native(LOGS, body) is not None
    assert_alike(LOGS, body)


def test_records_of_many_resources_keep_their_order():
    body = b"".join(b'{"service":"s%d","msg":"%d"}' % (n * n % 7, n) for n in range(100))
    assert native(LOGS, body) is not None
    assert_alike(LOGS, body)


@pytest.mark.parametrize("signal", list(Signal))
@pytest.mark.parametrize("start", [b'{"%s":[]', b' {\n"%s" :[]'])
def test_otlp_json_is_read_natively_where_it_begins_as_such(signal, start, monkeypatch):
    keys = {TRACES: b"resourceSpans", LOGS: b"resource_logs", METRICS: b"resourceMetrics"}
    body = start % keys[signal]
    for end in (
        b"}",
        b',"level":"INFO"}',
        b',"resourceSpans":[]}',
        b'} {"msg":"a"}',
        b"} []",
        b"} 5",
        b"",
    ):
        assert_alike(signal, body + end)
    monkeypatch.setattr(plain, "from_text", None)
    for end in (b"}", b"} {}", b"}\n" + body + b"}"):
        assert from_plain(signal, body + end, NOW_NS).payload == b""


@pytest.mark.parametrize(
    "line",
    [
        "name",
        "name time 0",
        "name nothing 0 x",
        "name time 8 x",
        "word nothing 0 x",
        "word level x y",
    ],
)
def test_vocabulary_that_is_none_is_refused(line):
    with pytest.raises(OverflowError):
        made(f"{text(LOGS)}{line}\n")
