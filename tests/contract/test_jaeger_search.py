"""Jaeger over HTTP, the numbered cases: lists and searches (1 to 16, 44, 47, 49)."""

import asyncio

import pytest

from tests.support.jaegers import MS, Sent, jaeger
from tests.support.stores import NOW

BOTH = pytest.mark.parametrize("kind", ["memory", "chdb"])
EMPTY = '{"data":[],"total":0,"limit":0,"offset":0,"errors":null}'
SECOND = 10**9


def ids(*traces):
    return {f"{one:016x}" for one in traces}


async def test_case_1_no_services_are_an_empty_list():
    async with jaeger() as asked:
        assert await asked.text("/api/services") == EMPTY


async def test_case_2_services_are_those_that_own_spans():
    sent = Sent()
    sent.span("web", trace=1)
    sent.span("api", trace=1)
    async with jaeger() as asked:
        await asked.send(sent)
        answer = await asked.get("/api/services")
        assert (answer["data"], answer["total"]) == (["api", "web"], 2)


async def test_case_3_operations_of_a_service_with_a_slash_are_unique_names():
    sent = Sent()
    sent.span("a/b", "get", trace=1, kind=2)
    sent.span("a/b", "get", trace=1, kind=3)
    sent.span("a", "put", trace=1)
    async with jaeger() as asked:
        await asked.send(sent)
        answer = await asked.get("/api/services/a%2Fb/operations")
        assert (answer["data"], answer["total"]) == (["get"], 1)
        assert (await asked.get("/api/services/nobody/operations"))["data"] == []


async def test_case_4_operations_have_kinds_and_need_a_service():
    sent = Sent()
    sent.span("api", "get", trace=1, kind=2)
    sent.span("api", "call", trace=1, kind=3)
    sent.span("api", "work", trace=1)
    async with jaeger() as asked:
        await asked.send(sent)
        assert await asked.wrong("/api/operations") == "parameter 'service' is required"
        every = await asked.get("/api/operations", service="api", spanKind="")
        assert every["data"] == [
            {"name": "call", "spanKind": "client"},
            {"name": "get", "spanKind": "server"},
            {"name": "work", "spanKind": ""},
        ]
        some = await asked.get("/api/operations", service="api", spanKind="server")
        assert some["data"] == [{"name": "get", "spanKind": "server"}]
        assert (await asked.get("/api/operations", service="api", spanKind="SERVER"))["data"] == []


async def test_case_5_a_search_needs_a_service():
    async with jaeger() as asked:
        assert await asked.wrong("/api/traces") == "parameter 'service' is required"


async def test_case_6_durations_are_in_order():
    async with jaeger() as asked:
        message = await asked.wrong(
            "/api/traces", service="a", minDuration="2s", maxDuration="1500ms"
        )
        assert message == "'maxDuration' should be greater than 'minDuration'"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("start", "a", "unable to parse param 'start': "),
        ("end", "1.5", "unable to parse param 'end': "),
        ("limit", "x", "unable to parse param 'limit': "),
        ("limit", "2147483648", "unable to parse param 'limit': "),
        ("raw", "foobar", "unable to parse param 'raw': "),
        ("minDuration", "5", "unable to parse param 'minDuration': "),
        ("maxDuration", "1d", "unable to parse param 'maxDuration': "),
        ("tag", "nocolon", "malformed 'tag' parameter, expecting key:value, received: nocolon"),
        ("tags", '{"a":1}', "malformed 'tags' parameter, cannot unmarshal JSON: "),
        ("tags", "[", "malformed 'tags' parameter, cannot unmarshal JSON: "),
        ("tags", '{"a":"\\ud800"}', "malformed 'tags' parameter, cannot unmarshal JSON: "),
        ("traceID", "zz!", "a trace ID is "),
    ],
)
async def test_case_7_what_cannot_be_read_is_named(name, value, said):
    async with jaeger() as asked:
        assert (await asked.wrong("/api/traces", service="a", **{name: value})).startswith(said)


async def test_case_8_a_search_names_service_and_operation():
    sent = Sent()
    sent.span("api", "get", trace=1)
    sent.span("web", "get", trace=2)
    async with jaeger() as asked:
        await asked.send(sent)
        assert await asked.found(service="api", operation="get") == ids(1)
        assert await asked.text("/api/traces", service="api", operation="put") == EMPTY


async def test_case_9_times_are_microseconds_and_the_start_is_in_them():
    sent = Sent()
    sent.span("api", trace=1, at=NOW)
    sent.span("api", trace=2, at=NOW - 1)
    async with jaeger() as asked:
        await asked.send(sent)
        assert await asked.found(service="api", start=NOW // 1000) == ids(1)
        assert await asked.found(service="api", end=NOW // 1000 - 1) == ids(2)
        assert await asked.found(service="api", start=0, end=0) == set()
        assert await asked.found(service="api", start=5, end=4) == set()


async def test_case_10_durations_are_inclusive_and_go_like():
    sent = Sent()
    sent.span("api", trace=1, lasts=5 * MS)
    async with jaeger() as asked:
        await asked.send(sent)
        assert await asked.found(service="api", minDuration="4500us", maxDuration="5500us")
        assert await asked.found(service="api", minDuration="5ms", maxDuration="0.005s")
        assert await asked.found(service="api", minDuration="5ms1ns") == set()
        assert await asked.found(service="api", minDuration="0", maxDuration="0") == ids(1)


async def test_case_11_the_limit_is_of_traces_and_100_without_one():
    sent = Sent()
    for trace in range(1, 121):
        sent.span("api", trace=trace, at=NOW + trace)
        sent.span("api", trace=trace, at=NOW + trace)
    async with jaeger() as asked:
        await asked.send(sent)
        assert await asked.found(service="api", limit=1) == ids(120)
        assert len(await asked.found(service="api")) == 100
        assert len(await asked.found(service="api", limit=0)) == 100
        assert len(await asked.found(service="api", limit=1000)) == 120
        answer = await asked.get("/api/traces", service="api", limit=3)
        assert [one["traceID"] for one in answer["data"]] == [f"{n:016x}" for n in (120, 119, 118)]


@BOTH
async def test_case_12_one_span_has_all_the_tags(kind):
    sent = Sent()
    sent.span("api", trace=1, tags={"a": "1", "b": "2"})
    sent.span("api", trace=2, tags={"a": "1"})
    sent.span("api", trace=2, tags={"b": "2"})
    async with jaeger(kind) as asked:
        await asked.send(sent)
        assert await asked.found(service="api", tags='{"a":"1","b":"2"}') == ids(1)
        assert await asked.found(service="api", tag="a:1") == ids(1, 2)


@BOTH
async def test_case_13_tags_are_found_by_their_text_at_every_place(kind):
    typed = {"s": "v:w", "i": 123, "f": 72.5, "b": True, "whole": 5.0}
    sent = Sent()
    sent.span("api", trace=1, tags=typed)
    sent.span("api", trace=2, resource=typed)
    sent.span("api", trace=3, scope_attributes=typed)
    sent.span("api", trace=4, events=(("e", {}), ("f", typed)))
    sent.span("api", trace=5, links=((9, 9, typed),))
    mixed = {"tags": {"s": "v:w"}, "resource": {"i": 123}, "events": (("e", {"f": 72.5}),)}
    sent.span("api", trace=6, links=((9, 9, {"b": True, "whole": 5.0}),), **mixed)
    sent.span("api", trace=7, **mixed)
    wanted = '{"s":"v:w","i":"123","f":"72.5","b":"true","whole":"5"}'
    async with jaeger(kind) as asked:
        await asked.send(sent)
        assert await asked.found(service="api", tags=wanted) == ids(1, 2, 3, 4, 5, 6)
        assert await asked.found(service="api", tag="s:v:w") == ids(1, 2, 3, 4, 5, 6, 7)
        assert await asked.found(service="api", tag="resource.i:123") == ids(2, 6, 7)
        assert await asked.found(service="api", tag="i:0123") == set()


@BOTH
async def test_case_14_error_is_the_status(kind):
    sent = Sent()
    for status in (0, 1, 2):
        sent.span("api", trace=status + 1, status=status, kind=2, scope=("lib", "1.0"))
    async with jaeger(kind) as asked:
        await asked.send(sent)
        assert await asked.found(service="api", tag="error:true") == ids(3)
        assert await asked.found(service="api", tag="error:false") == ids(1, 2)
        assert await asked.found(service="api", tag="error:maybe") == set()
        # Other tags that are shown, and are no attributes.
        assert await asked.found(service="api", tag="otel.status_code:OK") == ids(2)
        assert await asked.found(service="api", tag="span.status:unset") == ids(1)
        assert await asked.found(service="api", tag="span.kind:SERVER") == ids(1, 2, 3)
        assert await asked.found(service="api", tag="span.kind:client") == set()
        assert await asked.found(service="api", tag="otel.scope.name:lib") == ids(1, 2, 3)
        assert await asked.found(service="api", tag="scope.version:2.0") == set()


async def test_case_15_the_whole_trace_comes():
    sent = Sent()
    sent.span("api", "get", trace=1, span=1)
    sent.span("web", "other", trace=1, span=2, at=NOW - 3600 * SECOND)
    async with jaeger() as asked:
        await asked.send(sent)
        answer = await asked.get("/api/traces", service="api", operation="get")
        (trace,) = answer["data"]
        assert {one["operationName"] for one in trace["spans"]} == {"get", "other"}


async def test_case_16_of_traces_that_are_named_the_missing_are_errors():
    sent = Sent()
    sent.span("api", trace=0xABC)
    async with jaeger() as asked:
        await asked.send(sent)
        text = await asked.text("/api/traces?traceID=abc&traceID=def&start=1&end=2")
        assert '"errors":[{"msg":"trace not found","traceID":"0000000000000def"}]}' in text
        answer = await asked.get("/api/traces?traceID=abc&traceID=ABC")
        assert len(answer["data"]) == 1
        assert answer["errors"] is None


async def test_case_44_a_search_in_v3_needs_no_service():
    sent = Sent()
    sent.span("api", trace=1)
    sent.span("web", trace=2)
    async with jaeger() as asked:
        await asked.send(sent)
        found = await asked.get(
            "/api/v3/trace-summaries",
            **{
                "query.startTimeMin": "2000-01-01T00:00:00Z",
                "query.startTimeMax": "2100-01-01T00:00:00Z",
            },
        )
        assert len(found["summaries"]) == 2


@pytest.mark.parametrize("name", ["a b", "a/b", "a+b", "a&b=c", "ä→ö", "\"quoted\" 'x' \\ %41"])
async def test_case_47_names_of_any_characters_come_back(name):
    sent = Sent()
    sent.span(name, name, trace=1, tags={name: name})
    async with jaeger() as asked:
        await asked.send(sent)
        assert (await asked.get("/api/services"))["data"] == [name]
        operations = await asked.get("/api/v3/operations", service=name)
        assert operations["operations"] == [{"name": name, "spanKind": "internal"}]
        assert await asked.found(service=name, operation=name, tag=f"{name}:{name}") == ids(1)
        (trace,) = (await asked.get("/api/traces/1"))["data"]
        assert trace["spans"][0]["operationName"] == name
        assert trace["spans"][0]["tags"] == [{"key": name, "type": "string", "value": name}]
        assert trace["processes"]["p1"]["serviceName"] == name


@BOTH
async def test_case_49_a_search_while_spans_come_is_never_an_error(kind):
    async with jaeger(kind) as asked:

        async def send():
            for trace in range(1, 11):
                sent = Sent()
                sent.span("api", trace=trace % 5 + 1)
                await asked.send(sent)

        sending = asyncio.create_task(send())
        while not sending.done():
            assert await asked.found(service="api") <= ids(1, 2, 3, 4, 5)
            await asked.get("/api/traces?traceID=1&traceID=2")
        await sending
        assert await asked.found(service="api") == ids(1, 2, 3, 4, 5)
