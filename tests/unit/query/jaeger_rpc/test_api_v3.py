"""Jaeger's query API v3 over gRPC: cases 21 to 27 of the contract, each with its number."""

import grpc
import pytest

from tests.support.jaeger_rpc import ALWAYS, V3, YEAR_1, at, jaeger, spans
from tests.support.jaegers import MS, Sent, attributes
from tests.support.stores import NOW

INVALID = grpc.StatusCode.INVALID_ARGUMENT


async def test_case_21_a_trace_is_what_was_sent_however_its_id_is_written():
    sent = Sent()
    sent.span("shop", "visit", trace=0xABC, span=3, lasts=9 * MS, status=1)
    span = sent.span(
        "shop",
        "buy",
        trace=0xABC,
        span=4,
        parent=3,
        kind=2,
        resource={"zone": "z"},
        scope=("lib", "1"),
        scope_attributes={"s": True},
        tags={"a": 1, "b": [1, "x"], "c": {"d": 0.5}, "e": b"\0"},
        events=(("boom", {"k": "v"}),),
        links=((9, 8, {"l": 1}),),
        status=2,
        message="no",
        flags=0x101,
        trace_state="a=b",
        dropped_attributes_count=1,
        dropped_events_count=2,
        dropped_links_count=3,
    )
    span.links[0].trace_state = "c=d"
    around = sent.request.resource_spans[1]
    around.schema_url, around.scope_spans[0].schema_url = "https://r", "https://s"
    async with jaeger() as asking:
        await asking.send(sent)
        for text in ("abc", "ABC", "0" * 29 + "abc"):
            (told,) = await asking.all(V3, "GetTrace", trace_id=text)
            assert told.resource_spans == sent.request.resource_spans


async def test_case_22_an_id_that_is_none_is_refused_and_an_unknown_one_not_found():
    # Jaeger answers UNKNOWN for the first; here it is the caller's mistake.
    async with jaeger() as asking:
        for text in ("zz", "", "1" * 33, "0x1", "1 2", "٣"):
            code, told = await asking.wrong(V3, "GetTrace", {"trace_id": text})
            assert (code, told[:17]) == (INVALID, "malform trace ID:")
        assert await asking.wrong(V3, "GetTrace", {"trace_id": "9"}) == (
            grpc.StatusCode.NOT_FOUND,
            "trace not found",
        )


@pytest.mark.parametrize("method", ["FindTraces", "FindTraceSummaries"])
async def test_case_23_a_search_needs_both_its_times_and_finds_a_hundred(method):
    sent = [Sent() for _ in range(105)]
    for number, one in enumerate(sent):
        one.span("shop", trace=number + 1, at=NOW + number)
    async with jaeger() as asking:
        await asking.send(*sent)
        assert await asking.wrong(V3, method) == (INVALID, "missing query")
        for missing in ("start_time_min", "start_time_max"):
            for query in (ALWAYS | {missing: None}, ALWAYS | {missing: YEAR_1}):
                code, told = await asking.wrong(V3, method, {"query": query})
                assert (code, told) == (INVALID, "start time min and max are required parameters")
        assert await asking.all(V3, method, query=ALWAYS | {"service_name": "no"}) == []
        for depth, number in ((0, 100), (-3, 100), (2, 2)):
            found = await asking.all(V3, method, query=ALWAYS | {"search_depth": depth})
            if method == "FindTraces":
                assert len(found) == number
            else:
                assert sum(len(one.summaries) for one in found) == number


async def test_case_24_summaries_count_the_whole_trace():
    sent, rootless = Sent(), Sent()
    sent.span("shop", "buy", trace=0xA1, span=1, lasts=9 * MS)
    sent.span("bank", "pay", trace=0xA1, span=2, parent=1, status=2)
    sent.span("bank", "pay", trace=0xA1, span=3, parent=77, at=NOW + MS)
    rootless.span("lost", trace=0xA2, span=4, parent=5, at=NOW - MS)
    async with jaeger() as asking:
        await asking.send(sent, rootless)
        (told,) = await asking.all(V3, "FindTraceSummaries", query=ALWAYS)
    first, second = told.summaries
    assert first.trace_id == "a1".zfill(32)
    assert (first.root_service_name, first.root_operation_name) == ("shop", "buy")
    assert (first.min_start_time_unix_nano, first.max_end_time_unix_nano) == (NOW, NOW + 9 * MS)
    assert (first.span_count, first.error_span_count, first.orphan_span_count) == (3, 1, 1)
    services = [(one.name, one.span_count, one.error_span_count) for one in first.services]
    assert services == [("bank", 2, 1), ("shop", 1, 0)]
    assert (second.root_service_name, second.root_operation_name) == ("", "")
    assert second.orphan_span_count == 1


async def test_case_25_calls_need_a_time_that_ends_after_it_begins():
    sent = Sent()
    sent.span("shop", trace=1, span=1)
    sent.span("bank", trace=1, span=2, parent=1)
    first, last = {"start_time": at(NOW - 1)}, {"end_time": at(NOW)}
    async with jaeger() as asking:
        await asking.send(sent)
        for window, text in (
            (last, "start_time is required"),
            ({"start_time": YEAR_1} | last, "start_time is required"),
            (first, "end_time is required"),
            ({"start_time": at(NOW)} | last, "end_time must be after start_time"),
        ):
            assert await asking.wrong(V3, "GetDependencies", window) == (INVALID, text)
        (call,) = (await asking.one(V3, "GetDependencies", **first, **last)).dependencies
        assert (call.parent, call.child, call.call_count) == ("shop", "bank", 1)


@pytest.mark.parametrize("method", ["FindTraces", "FindTraceSummaries"])
async def test_case_26_a_filter_is_refused_and_never_ignored(method):
    async with jaeger() as asking:
        for given in ({}, {"op": "eq"}):
            query = {"query": ALWAYS | {"filter": given}}
            code, told = await asking.wrong(V3, method, query)
            assert code is INVALID
            assert "filter is not supported" in told


async def test_case_27_a_trace_of_more_than_4_megabytes_reaches_a_client_of_default_limits():
    sent = Sent()
    text = "x" * 20_000
    for number in range(300):
        sent.span("shop", trace=1, at=NOW + number, tags={"text": text})
    async with jaeger() as asking:
        await asking.send(sent)
        parts = await asking.all(V3, "GetTrace", trace_id="1")
    assert len(parts) > 1
    assert all(one.ByteSize() <= 2 * 2**20 for one in parts)
    times = [span.start_time_unix_nano for part in parts for span in spans(part)]
    assert times == [NOW + number for number in range(300)]


async def test_operations_without_a_kind_have_an_empty_one():
    sent = Sent()
    sent.span("a/b c", "ü", trace=1)
    attributes(sent.request.resource_spans[0].resource.attributes, {"x": 1})
    async with jaeger() as asking:
        await asking.send(sent)
        assert list((await asking.one(V3, "GetServices")).services) == ["a/b c"]
        (told,) = (await asking.one(V3, "GetOperations", service="a/b c")).operations
        assert (told.name, told.span_kind) == ("ü", "")
