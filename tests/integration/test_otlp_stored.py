"""What becomes of answered OTLP in a whole Aura. Numbers: contracts/otlp.md, 7."""

import time
import urllib.request
from collections import Counter
from itertools import count
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp.receivers.grpc import SIGNALS
from otlp.receivers.intake import PROTOBUF
from pipeline.signal import Signal
from tests.support.aura_process import Aura, poll

pytestmark = pytest.mark.slow

METHODS = {signal: method for method, signal in SIGNALS.items()}
_traces = count(1)


@pytest.fixture(scope="module")
def aura(tmp_path_factory):
    with Aura(tmp_path_factory.mktemp("aura")) as aura:
        yield aura


def over_http(aura: Aura, signal: Signal, payload: bytes) -> bytes:
    url = f"http://127.0.0.1:{aura.ports['ingestor.http']}/v1/{signal}"
    asked = urllib.request.Request(url, payload, {"Content-Type": PROTOBUF})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return answer.read()


def over_grpc(aura: Aura, signal: Signal, payload: bytes) -> bytes:
    with grpc.insecure_channel(f"127.0.0.1:{aura.ports['ingestor.grpc']}") as channel:
        return channel.unary_unary(METHODS[signal])(payload, timeout=10)


def span(**fields: Any) -> Span:
    number = next(_traces)
    return Span(trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), **fields)


def request(*spans: Span) -> bytes:
    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.extend(spans)
    return message.SerializeToString()


def kept(aura: Aura, trace_id: bytes, wanted: int) -> list[dict[str, Any]]:
    """Wait for so many spans of a trace; return them."""

    def found() -> list[dict[str, Any]]:
        try:
            trace: Any = aura.ask(f"/v1/traces/{trace_id.hex()}")
        except OSError:
            return []  # 404 until the first is there
        return [
            one
            for resource in trace["resourceSpans"]
            for scope in resource["scopeSpans"]
            for one in scope["spans"]
        ]

    poll(lambda: len(found()) >= wanted, 10, f"{wanted} spans")
    return found()


def test_case_28_odd_spans_are_found(aura):
    now = time.time_ns()
    odd = [
        span(name="backwards", start_time_unix_nano=now, end_time_unix_nano=now - 10**9),
        span(name="timeless"),
        span(start_time_unix_nano=now, end_time_unix_nano=now),
    ]
    assert over_http(aura, Signal.TRACES, request(*odd)) == b""
    for one in odd:
        (stored,) = kept(aura, one.trace_id, 1)
        assert stored.get("name", "") == one.name
        assert int(stored.get("startTimeUnixNano", 0)) == one.start_time_unix_nano
        assert int(stored.get("endTimeUnixNano", 0)) == one.end_time_unix_nano
    names = {one["root_name"] for one in aura.ask("/v1/traces")["traces"]}
    assert {"backwards", "timeless", ""} <= names


def test_case_37_a_span_that_is_sent_twice_is_kept_twice_in_one_trace(aura):
    # ARCHITECTURE.md, 3: a client that got no answer may send again, and both copies are then
    # right; nothing tells a repeated attempt from two equal records.
    now = time.time_ns()
    twice = span(name="again", start_time_unix_nano=now, end_time_unix_nano=now + 5)
    for send in (over_http, over_grpc):
        assert send(aura, Signal.TRACES, request(twice)) == b""
    first, second = kept(aura, twice.trace_id, 2)
    assert first == second
    (trace,) = aura.ask("/v1/traces", q='name="again"')["traces"]
    assert (trace["trace_id"], trace["span_count"]) == (twice.trace_id.hex(), 2)
    assert (trace["root_name"], trace["duration_ns"]) == ("again", 5)


def test_case_42_what_was_answered_survives_a_kill_right_after(aura):
    labels = []
    for send in (over_http, over_grpc):
        labels.append(f"answered {send.__name__}")
        message = ExportLogsServiceRequest()
        records = message.resource_logs.add().scope_logs.add().log_records
        for _ in range(100):
            records.add(time_unix_nano=time.time_ns()).body.string_value = labels[-1]
        assert send(aura, Signal.LOGS, message.SerializeToString()) == b""
    aura.kill()
    aura.start()

    def found() -> Counter[str]:
        logs: Any = aura.ask("/v1/logs", limit=1000)["logs"]
        return Counter(log["body"] for log in logs)

    poll(lambda: found().total() >= 200, 10, "the records")
    assert found() == dict.fromkeys(labels, 100)
