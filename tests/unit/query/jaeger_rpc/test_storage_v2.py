"""Aura as Jaeger's storage: cases 32 to 38 of the contract, each with its number."""

from contextlib import asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from otlp.receivers.grpc import Exports
from pipeline.errors import Overloaded
from pipeline.signal import Signal
from query.jaeger.rpc.service import EXPORT, Writes
from tests.support.jaeger_rpc import (
    ALWAYS,
    CAPABILITIES,
    DEPENDENCIES,
    TRACES,
    V3,
    YEAR_1,
    at,
    id_of,
    jaeger,
    spans,
)
from tests.support.jaegers import MS, Sent
from tests.support.otlp_requests import door, ingestor, memory_bus, stored
from tests.support.otlp_requests import spans as spans_of
from tests.support.stores import NOW

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def asked(*traces):
    return [{"trace_id": id_of(one), "start_time": YEAR_1, "end_time": YEAR_1} for one in traces]


async def test_case_32_known_traces_come_in_the_order_in_which_they_are_asked_for():
    first, second = Sent(), Sent()
    for number in range(3):
        first.span("shop", trace=1, at=NOW + number)
        second.span("shop", trace=2, at=NOW + number, tags={"big": "x" * 1_000_000})
    async with jaeger() as asking:
        await asking.send(first, second)
        messages = await asking.all(TRACES, "GetTraces", query=asked(2, 9, 1))
        of = [{span.trace_id for span in spans(one)} for one in messages]
        assert of == [{id_of(2)}, {id_of(2)}, {id_of(1)}]
        assert await asking.all(TRACES, "GetTraces", query=asked(8, 9)) == []
        assert await asking.all(TRACES, "GetTraces") == []
        short = {"query": [{"trace_id": b"1"}]}
        code, told = await asking.wrong(TRACES, "GetTraces", short)
        assert (code, told) == (INVALID, "trace_id has 16 bytes, not 1")
        many = {"query": asked(*range(1, 1502))}
        code, told = await asking.wrong(TRACES, "GetTraces", many)
        assert code is INVALID
        assert "at most 1500" in told


async def test_case_32_a_store_gives_what_was_sent_unadjusted():
    sent = Sent()
    sent.span("shop", trace=1, span=5, tags={"b": 1, "a": 2})
    async with jaeger() as asking:
        await asking.send(sent, sent)
        (told,) = await asking.all(TRACES, "GetTraces", query=asked(1))
        assert [[one.key for one in span.attributes] for span in spans(told)] == [["b", "a"]] * 2


async def test_a_service_without_a_name_has_the_one_that_jaeger_would_have_stored():
    sent = Sent()
    sent.span(None, trace=1)
    async with jaeger() as asking:
        await asking.send(sent)
        (told,) = await asking.all(TRACES, "GetTraces", query=asked(1))
        (name,) = (await asking.one(TRACES, "GetServices")).services
        (found,) = told.resource_spans[0].resource.attributes
        assert (found.key, found.value.string_value) == ("service.name", name)
        assert name == "missing-service-name"


@pytest.mark.parametrize(
    ("service", "method", "query"),
    [
        (V3, "FindTraces", ALWAYS),
        (V3, "FindTraces", ALWAYS | {"raw_traces": True}),
        (TRACES, "FindTraces", ALWAYS),
        (TRACES, "GetTraces", asked(1)),
    ],
)
async def test_a_trace_of_too_many_spans_says_so_where_jaeger_looks(service, method, query):
    sent = Sent()
    for number in range(5):
        sent.span("shop", trace=1, at=NOW + number)
    async with jaeger(trace_spans_max=3) as asking:
        await asking.send(sent)
        (told,) = await asking.all(service, method, query=query)
    first, *others = spans(told)
    assert [list(one.attributes) for one in others] == [[], []]
    (said,) = first.attributes
    assert said.key == "@jaeger@warnings"
    (text,) = said.value.array_value.values
    assert "only the first 3 spans" in text.string_value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("text", {"string_value": "v"}),
        ("number", {"string_value": "200"}),
        ("number", {"int_value": 200}),
        ("flag", {"string_value": "true"}),
        ("flag", {"bool_value": True}),
        ("double", {"string_value": "72.5"}),
        ("double", {"double_value": 72.5}),
        ("whole", {"double_value": 3}),
        ("whole", {"string_value": "3"}),
        ("bytes", {"bytes_value": b"\0\xff"}),
        ("list", {"array_value": {"values": [{"int_value": 1}, {"string_value": "a"}]}}),
        ("map", {"kvlist_value": {"values": [{"key": "k", "value": {"bool_value": False}}]}}),
        ("empty", {}),
        ("error", {"bool_value": True}),
    ],
)
async def test_case_33_attributes_match_as_texts_and_as_what_they_are(key, value):
    said = {
        "text": "v",
        "number": 200,
        "flag": True,
        "double": 72.5,
        "whole": 3.0,
        "bytes": b"\0\xff",
        "list": [1, "a"],
        "map": {"k": False},
        "empty": "",
    }
    sent, other = Sent(), Sent()
    sent.span("shop", trace=1, tags=said, status=2)
    other.span("shop", trace=2, tags=dict.fromkeys(said, "other"))
    async with jaeger() as asking:
        await asking.send(sent, other)
        found = await asking.find(TRACES, attributes=[{"key": key, "value": value}])
        assert found == ["1"]


async def test_case_34_ids_are_told_with_their_times_and_come_at_once():
    sent = Sent()
    sent.span("shop", trace=1, at=NOW + 1, lasts=5)
    sent.span("shop", trace=1, at=NOW, lasts=10)
    async with jaeger() as asking:
        await asking.send(sent)
        told = await asking.one(TRACES, "FindTraceIDs", query={"service_name": "shop"})
        (found,) = told.trace_ids
        assert (found.trace_id, found.start, found.end) == (id_of(1), at(NOW), at(NOW + 10))
        assert (await asking.wrong(TRACES, "FindTraceIDs"))[0] is INVALID


async def test_case_35_summaries_have_ids_of_16_bytes():
    sent = Sent()
    sent.span("shop", "buy", trace=1, lasts=MS)
    async with jaeger() as asking:
        await asking.send(sent)
        (told,) = await asking.all(TRACES, "FindTraceSummaries", query=ALWAYS)
        (found,) = told.summaries
        assert (found.trace_id, found.root_operation_name) == (id_of(1), "buy")
        assert found.max_end_time_unix_nano == NOW + MS


async def test_case_36_a_search_needs_no_service_and_says_so():
    sent, other = Sent(), Sent()
    sent.span("shop", trace=1, tags={"k": "v"})
    sent.span("bank", trace=1, tags={"l": "w"})
    other.span("bank", trace=2, at=NOW + 1)
    both = [
        {"key": "k", "value": {"string_value": "v"}},
        {"key": "l", "value": {"string_value": "w"}},
    ]
    async with jaeger() as asking:
        await asking.send(sent, other)
        search = (await asking.one(CAPABILITIES, "GetCapabilities")).search
        assert search.without_service_name
        assert search.same_span_conjunction
        assert not search.HasField("filter")
        assert await asking.find(TRACES) == ["2", "1"]
        assert await asking.find(TRACES, attributes=both[:1]) == ["1"]
        assert await asking.find(TRACES, attributes=both) == []


@pytest.mark.parametrize("method", ["FindTraces", "FindTraceIDs", "FindTraceSummaries"])
async def test_case_37_a_filter_that_was_not_offered_is_refused(method):
    async with jaeger() as asking:
        query = {"query": ALWAYS | {"filter": {"op": "exists"}}}
        assert (await asking.wrong(TRACES, method, query))[0] is INVALID


async def test_case_38_without_a_door_writes_say_where_to_go():
    async with jaeger() as asking:
        export = asking.channel.unary_unary(EXPORT, None, None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await export(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "role ingestor" in caught.value.details()


async def test_services_operations_and_calls_are_those_of_the_other_apis():
    sent = Sent()
    sent.span("shop", "buy", trace=1, span=1, kind=2)
    sent.span("bank", "pay", trace=1, span=2, parent=1)
    async with jaeger() as asking:
        await asking.send(sent)
        assert list((await asking.one(TRACES, "GetServices")).services) == ["bank", "shop"]
        told = await asking.one(TRACES, "GetOperations", service="shop", span_kind="server")
        assert [(one.name, one.span_kind) for one in told.operations] == [("buy", "server")]
        window = {"start_time": at(NOW - 1), "end_time": at(NOW)}
        (call,) = (await asking.one(DEPENDENCIES, "GetDependencies", **window)).dependencies
        assert (call.parent, call.child, call.call_count) == ("shop", "bank", 1)


@asynccontextmanager
async def written(publish):
    """A storage API with a door behind it."""
    async with door(publish) as stands:
        writes = Writes(Exports(ingestor(), stands).methods([EXPORT]), 2**20)
        async with jaeger(writes=writes) as asking:
            yield asking


async def test_case_38_a_write_is_answered_when_it_is_durable():
    bus = memory_bus()
    async with written(bus.publish) as asking:
        await asking.channel.unary_unary(EXPORT, None, None)(spans_of(3))
        (message,) = await stored(bus, Signal.TRACES)
        assert message.accepted == 3
        health = health_pb2_grpc.HealthStub(asking.channel)
        name = "jaeger.storage.v2.TraceWriter"
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_case_38_a_write_that_finds_no_room_is_to_be_repeated():
    async def full(signal, message):
        raise Overloaded("the log is full")

    async with written(full) as asking:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asking.channel.unary_unary(EXPORT, None, None)(spans_of(3))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
