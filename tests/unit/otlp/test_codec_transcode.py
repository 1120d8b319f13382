"""The native reader of OTLP/JSON beside the one in Python: the same requests, or no answer."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otlp.codec import from_json
from otlp.codec._native import grammar, transcode
from otlp.codec.grammar import grammar as grammar_of
from otlp.codec.json import from_text, to_json
from otlp.codec.request import REQUESTS
from pipeline.errors import Rejected
from pipeline.signal import Signal
from tests.bench import templates
from tests.support.json_styles import Style, mutated
from tests.support.laws import examples
from tests.support.otlp_strategies import LAWS, mixed, valid

MUTANTS = settings(LAWS, max_examples=examples(200))
LOG = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[%s]}]}]}'


def native(signal, body):
    return transcode(grammar_of(signal), body)


def outcome(read, signal, body):
    """Return what a request says, whatever the order of its fields, or what is wrong with it."""
    try:
        payload = read(signal, body)
    except Rejected as error:
        return str(error)
    return REQUESTS[signal].FromString(payload).SerializeToString(deterministic=True)


def assert_alike(signal, body):
    expected = outcome(from_text, signal, body)
    assert outcome(from_json, signal, body) == expected
    if isinstance(expected, str):
        assert native(signal, body) is None


@LAWS
@given(mixed, st.integers(0, 2**32))
def test_usual_json_in_any_style_is_read_natively(case, seed):
    signal, request = case
    body = Style(Random(seed)).body(request)
    assert_alike(signal, body)
    assert native(signal, body) is not None


@MUTANTS
@given(valid, st.integers(0, 2**32), st.integers(1, 3))
def test_mutants_are_read_alike_or_left_to_python(case, seed, times):
    signal, request = case
    random = Random(seed)
    body = Style(random).body(request)
    for _ in range(times):
        body = mutated(body, random)
    assert_alike(signal, body)


@pytest.mark.parametrize("signal", list(Signal))
def test_fields_in_their_order_become_the_bytes_that_protobuf_writes(signal):
    payload = templates.request(signal, 1, 100)
    body = json.dumps(to_json(REQUESTS[signal].FromString(payload))).encode()
    assert native(signal, body) == payload


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b'{"resourceLogs":[],"resourceSpans":[]}',
        LOG % '{"body":{"stringValue":"a"},"body":{"stringValue":"b"}}',
        LOG % '{"eventName":"a","event_name":"b"}',
        LOG % '{"eventName":"a","eventName":null}',
        LOG % '{"body":{"stringValue":"a","intValue":1}}',
        LOG % r'{"eventName":"\ud800"}',
        LOG % r'{"eventName":"\ud800\u0041"}',
        LOG % r'{"eventName":"\udc00"}',
        LOG % '{"body":{"doubleValue":1e400}}',
        LOG % '{"body":{"doubleValue":1e-400}}',
        LOG % ('{"x":%s}' % ("[" * 101 + "]" * 101)),
        LOG % ('{"x":%s}' % ("1" * 401)),
    ],
)
def test_what_is_wrong_or_odd_is_left_to_python(body):
    body = body if isinstance(body, bytes) else body.encode()
    assert native(Signal.LOGS, body) is None
    assert_alike(Signal.LOGS, body)


@pytest.mark.parametrize(
    "record",
    [
        r'{"eventName":"\ud83d\ude00\u00e9\u2028\n\/\"\\"}',
        '{"eventName":"😀é\u2028\x7f"}',
        r'{"event\u004eame":"a"}',
        r'{"severityNumber":"SEVERITY_NUMBER_W\u0041RN"}',
        '{"timeUnixNano":1.7e18,"flags":-0,"severityNumber":5.0}',
        '{"timeUnixNano":"00001544712660300001"}',
        '{"body":{"doubleValue":-0},"attributes":[{"value":{"doubleValue":-0.0}}]}',
        '{"body":{"doubleValue":"-0"},"attributes":[{"value":{"doubleValue":"1e22"}}]}',
        '{"body":{"doubleValue":123456789012345678901234567890}}',
        '{"body":{"stringValue":null,"intValue":1}}',
        '{"body":{"bytesValue":"-_8==="}}',
        '{"body":{"arrayValue":{"values":[null,{},{"intValue":1}]}}}',
        '{"traceId":"0102zz","spanId":"","unknown":[1.5e-3,{"a":{"a":1,"a":2}},true,null]}',
    ],
)
def test_what_senders_may_write_is_read_natively(record):
    body = f" {LOG % record} \r\n\t".encode()
    assert native(Signal.LOGS, body) is not None
    assert_alike(Signal.LOGS, body)


def test_nesting_is_bounded_where_protobuf_bounds_it():
    def body(depth):
        value = '{"arrayValue":{"values":[' * depth + "null" + "]}}" * depth
        return (LOG % f'{{"body":{value}}}').encode()

    assert native(Signal.LOGS, body(48)) is not None
    assert native(Signal.LOGS, body(49)) is None
    for depth in (48, 49):
        assert_alike(Signal.LOGS, body(depth))


@pytest.mark.parametrize("text", ["", "field 0", "field 0 x", "nonsense"])
def test_grammar_that_is_none_is_refused(text):
    with pytest.raises((ValueError, OverflowError)):
        grammar(text)


def test_other_objects_are_refused():
    with pytest.raises(ValueError, match="PyCapsule"):
        transcode(object(), b"{}")
    with pytest.raises(TypeError):
        transcode(grammar_of(Signal.LOGS), "{}")
