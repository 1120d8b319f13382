"""Jaeger's query API v2 over gRPC: cases 4 to 19 of the contract, each with its number."""

import grpc
import pytest

from tests.support.jaeger_rpc import ALWAYS, V2, YEAR_1, at, id_of, jaeger, spans
from tests.support.jaegers import MS, Sent
from tests.support.stores import NOW

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def tag(pairs, key):
    (found,) = [one for one in pairs if one.key == key]
    fields = {field.name: value for field, value in found.ListFields()}
    return found.v_type, {
        name: one for name, one in fields.items() if name not in ("key", "v_type")
    }


async def test_case_4_there_are_no_services_in_an_empty_store():
    async with jaeger() as asking:
        assert list((await asking.one(V2, "GetServices")).services) == []


async def test_case_5_operations_are_told_by_kind_and_by_name():
    sent = Sent()
    sent.span("shop", "buy", trace=1, kind=2)
    sent.span("shop", "buy", trace=1, kind=3)
    sent.span("shop", "sell", trace=1)
    async with jaeger() as asking:
        await asking.send(sent)
        every = await asking.one(V2, "GetOperations", service="shop")
        assert {(one.name, one.span_kind) for one in every.operations} == {
            ("buy", "server"),
            ("buy", "client"),
            ("sell", ""),
        }
        assert list(every.operationNames) == ["buy", "sell"]
        servers = await asking.one(V2, "GetOperations", service="shop", span_kind="server")
        assert [(one.name, one.span_kind) for one in servers.operations] == [("buy", "server")]
        assert list(servers.operationNames) == ["buy"]
        strange = await asking.one(V2, "GetOperations", service="nobody")
        assert not strange.operations
        assert not strange.operationNames


async def test_case_6_a_trace_comes_in_chunks_of_ten_whose_spans_have_all_that_go_needs():
    sent = Sent()
    for number in range(25):
        sent.span("shop", f"op{number}", trace=2**100 + 7, at=NOW + number)
    async with jaeger() as asking:
        await asking.send(sent)
        chunks = await asking.all(V2, "GetTrace", trace_id=id_of(2**100 + 7))
    assert [len(chunk.spans) for chunk in chunks] == [10, 10, 5]
    for number, span in enumerate(one for chunk in chunks for one in chunk.spans):
        assert span.operation_name == f"op{number}"
        assert (span.trace_id, len(span.span_id)) == (id_of(2**100 + 7), 8)
        assert span.process.service_name == "shop"
        assert span.process_id == ""
        assert span.start_time == at(NOW + number)
        assert span.HasField("duration")


async def test_case_6_durations_of_zero_and_times_of_zero_are_there_as_well():
    sent = Sent()
    sent.span("shop", trace=1, lasts=0, events=(("", {"k": "v"}),))
    sent.request.resource_spans[0].scope_spans[0].spans[0].events[0].time_unix_nano = 0
    async with jaeger() as asking:
        await asking.send(sent)
        ((span,),) = map(spans, await asking.all(V2, "GetTrace", trace_id=id_of(1)))
    assert span.HasField("start_time")
    assert span.HasField("duration")
    assert span.logs[0].HasField("timestamp")


async def test_case_7_an_id_of_8_bytes_is_the_low_half():
    sent = Sent()
    sent.span("shop", trace=77)
    async with jaeger() as asking:
        await asking.send(sent)
        ((span,),) = map(spans, await asking.all(V2, "GetTrace", trace_id=id_of(77)[8:]))
    assert span.trace_id == id_of(77)


@pytest.mark.parametrize("method", ["GetTrace", "ArchiveTrace"])
async def test_case_8_ids_that_are_none_are_refused_and_unknown_ones_not_found(method):
    async with jaeger() as asking:
        for empty in (b"", bytes(8), bytes(16)):
            assert await asking.wrong(V2, method, {"trace_id": empty}) == (
                INVALID,
                "uninitialized TraceID is not allowed",
            )
        odd = await asking.wrong(V2, method, {"trace_id": b"12345"})
        assert odd == (INVALID, "trace_id has 16 bytes, or 8, not 5")
        unknown = await asking.wrong(V2, method, {"trace_id": id_of(9)})
        assert unknown == (grpc.StatusCode.NOT_FOUND, "trace not found")
        garbage = await asking.wrong(V2, method, b"\xff\xff")
        assert garbage[0] is INVALID
        assert list((await asking.one(V2, "GetServices")).services) == []


async def test_case_9_times_of_year_1_are_times_that_are_not_set():
    sent = Sent()
    sent.span("shop", trace=1)
    unset = {"start_time": YEAR_1, "end_time": YEAR_1}
    async with jaeger() as asking:
        await asking.send(sent)
        chunks = await asking.all(V2, "GetTrace", trace_id=id_of(1), **unset)
        assert len(spans(chunks[0])) == 1
        around = {"start_time_min": YEAR_1, "start_time_max": YEAR_1}
        assert await asking.find(V2, **around) == ["1"]
        await asking.one(V2, "ArchiveTrace", trace_id=id_of(1), **unset)
        assert await asking.wrong(V2, "GetDependencies", unset) == (
            INVALID,
            "StartTime and EndTime must be initialized.",
        )


async def test_case_10_a_search_needs_a_query_and_no_service():
    first, second = Sent(), Sent()
    first.span("shop", trace=1)
    second.span("bank", trace=2, at=NOW + 1)
    async with jaeger() as asking:
        await asking.send(first, second)
        assert await asking.wrong(V2, "FindTraces") == (INVALID, "missing query")
        assert await asking.find(V2) == ["2", "1"]
        assert await asking.find(V2, service_name="shop") == ["1"]
        assert await asking.find(V2, operation_name="no") == []
        none = {"start_time_min": at(NOW + 5), "start_time_max": at(NOW)}
        assert await asking.find(V2, **none) == []


async def test_case_11_durations_of_zero_do_not_filter():
    sent = Sent()
    sent.span("shop", trace=1, lasts=5 * MS)
    async with jaeger() as asking:
        await asking.send(sent)
        assert await asking.find(V2, duration_min={}, duration_max={}) == ["1"]
        assert await asking.find(V2, duration_min={"nanos": 5 * MS}) == ["1"]
        assert await asking.find(V2, duration_max={"nanos": 5 * MS - 1}) == []


async def test_case_12_a_depth_of_nothing_is_the_usual_one():
    sent = [Sent() for _ in range(120)]
    for number, one in enumerate(sent):
        one.span("shop", trace=number + 1, at=NOW + number)
    async with jaeger(traces_max=110) as asking:
        await asking.send(*sent)
        for depth, number in ((0, 100), (-1, 100), (1, 1), (1000, 110)):
            assert len(await asking.find(V2, search_depth=depth)) == number
        assert await asking.find(V2, search_depth=1) == ["78"]  # 120, the newest


async def test_case_13_tags_are_compared_with_the_text_form_of_what_was_sent():
    sent = Sent()
    sent.span("shop", trace=1, status=2, tags={"http.status_code": 200, "flag": True})
    async with jaeger() as asking:
        await asking.send(sent)
        for tags in ({"error": "true"}, {"http.status_code": "200"}, {"flag": "true"}):
            assert await asking.find(V2, tags=tags) == ["1"]
        for tags in ({"error": "false"}, {"http.status_code": "201"}, {"flag": "false"}):
            assert await asking.find(V2, tags=tags) == []


async def test_case_14_no_chunk_mixes_two_traces():
    first, second = Sent(), Sent()
    for number in range(13):
        first.span("shop", trace=1, at=NOW + number)
        second.span("shop", trace=2, at=NOW + number)
    async with jaeger() as asking:
        await asking.send(first, second)
        chunks = await asking.all(V2, "FindTraces", query=ALWAYS)
    of = [{span.trace_id for span in chunk.spans} for chunk in chunks]
    assert [len(one) for one in of] == [1, 1, 1, 1]
    assert of[0] == of[1] != of[2] == of[3]


async def test_case_14_a_chunk_has_a_megabyte_at_most_but_for_a_span_that_is_larger():
    sent = Sent()
    for size in (400_000, 400_000, 400_000, 1_500_000, 10):
        sent.span("shop", trace=1, tags={"text": "x" * size}, at=NOW + size)
    async with jaeger() as asking:
        await asking.send(sent)
        chunks = await asking.all(V2, "GetTrace", trace_id=id_of(1))
    assert [len(chunk.spans) for chunk in chunks] == [3, 1, 1]


async def test_case_15_each_type_of_attribute_has_its_own():
    many = {f"int{at}": number for at, number in enumerate((-(2**63), 2**63 - 1, 0))}
    said = {"text": "", "flag": False, "double": 0.5, "bytes": b"\0\xff", "list": [1, "a"]}
    sent = Sent()
    sent.span("shop", trace=1, tags=said | many, resource={"n": 7}, scope=("lib", "1"))
    async with jaeger() as asking:
        await asking.send(sent)
        ((span,),) = map(spans, await asking.all(V2, "GetTrace", trace_id=id_of(1)))
    assert tag(span.tags, "text") == (0, {})  # an empty text is not on the wire
    assert tag(span.tags, "flag") == (1, {})
    assert [tag(span.tags, name) for name in many] == [
        (2, {"v_int64": -(2**63)}),
        (2, {"v_int64": 2**63 - 1}),
        (2, {}),
    ]
    assert tag(span.tags, "double") == (3, {"v_float64": 0.5})
    assert tag(span.tags, "bytes") == (4, {"v_binary": b"\0\xff"})
    assert tag(span.tags, "list") == (0, {"v_str": '[1,"a"]'})
    assert tag(span.tags, "otel.scope.name") == (0, {"v_str": "lib"})
    assert tag(span.process.tags, "n") == (2, {"v_int64": 7})


async def test_case_16_parents_links_and_events_are_references_and_logs():
    sent = Sent()
    sent.span(
        "shop",
        trace=1,
        span=3,
        parent=2,
        at=NOW + 123_456_789,
        lasts=987_654_321,
        links=((9, 8, {}),),
        events=(("boom", {"k": 1}),),
    )
    async with jaeger() as asking:
        await asking.send(sent)
        ((span,),) = map(spans, await asking.all(V2, "GetTrace", trace_id=id_of(1)))
    assert [(one.ref_type, one.trace_id, one.span_id) for one in span.references] == [
        (0, id_of(1), (2).to_bytes(8, "big")),
        (1, id_of(9), (8).to_bytes(8, "big")),
    ]
    (log,) = span.logs
    assert [(one.key, one.v_str, one.v_int64) for one in log.fields] == [
        ("event", "boom", 0),
        ("k", "", 1),
    ]
    assert log.timestamp == at(NOW + 123_456_789 + MS)
    assert span.start_time == at(NOW + 123_456_789)
    assert (span.duration.seconds, span.duration.nanos) == (0, 987_654_321)


async def test_case_17_raw_traces_have_what_was_sent_twice():
    sent = Sent()
    sent.span("shop", trace=1, span=5, tags={"b": 1, "a": 2})
    async with jaeger() as asking:
        await asking.send(sent, sent)
        (told,) = await asking.all(V2, "GetTrace", trace_id=id_of(1))
        assert [[one.key for one in span.tags] for span in told.spans] == [["a", "b"]]
        (raw,) = await asking.all(V2, "GetTrace", trace_id=id_of(1), raw_traces=True)
        assert [[one.key for one in span.tags] for span in raw.spans] == [["b", "a"]] * 2
        query = ALWAYS | {"raw_traces": True}
        (raw,) = await asking.all(V2, "FindTraces", query=query)
        assert len(raw.spans) == 2


async def test_case_18_a_trace_is_archived_or_not_there():
    sent = Sent()
    sent.span("shop", trace=1)
    async with jaeger() as asking:
        await asking.send(sent)
        for _ in range(2):
            await asking.one(V2, "ArchiveTrace", trace_id=id_of(1))
        (chunk,) = await asking.all(V2, "GetTrace", trace_id=id_of(1))
        assert len(chunk.spans) == 1
        assert await asking.wrong(V2, "ArchiveTrace", {"trace_id": id_of(2)}) == (
            grpc.StatusCode.NOT_FOUND,
            "trace not found",
        )
        assert (await asking.wrong(V2, "ArchiveTrace", {"trace_id": bytes(16)}))[0] is INVALID


async def test_traces_of_a_storage_role_elsewhere_are_read_and_archived():
    sent = Sent()
    sent.span("shop", trace=1)
    async with jaeger("remote") as asking:
        await asking.send(sent)
        await asking.one(V2, "ArchiveTrace", trace_id=id_of(1))
        (chunk,) = await asking.all(V2, "GetTrace", trace_id=id_of(1))
        assert len(chunk.spans) == 1


async def test_case_18_without_an_archive_it_says_so():
    # In Jaeger's own words for a store without one.
    sent = Sent()
    sent.span("shop", trace=1)
    async with jaeger(archive_for=0) as asking:
        await asking.send(sent)
        assert await asking.wrong(V2, "ArchiveTrace", {"trace_id": id_of(1)}) == (
            grpc.StatusCode.INTERNAL,
            "failed to archive trace: archive span storage was not configured",
        )


async def test_case_19_calls_are_counted():
    sent = Sent()
    sent.span("shop", trace=1, span=1)
    sent.span("bank", trace=1, span=2, parent=1)
    sent.span("bank", trace=1, span=3, parent=1)
    window = {"start_time": at(NOW - MS), "end_time": at(NOW)}
    async with jaeger() as asking:
        await asking.send(sent)
        links = (await asking.one(V2, "GetDependencies", **window)).dependencies
        assert [(one.parent, one.child, one.call_count) for one in links] == [("shop", "bank", 2)]
        for missing in ("start_time", "end_time"):
            some = {name: time for name, time in window.items() if name != missing}
            assert (await asking.wrong(V2, "GetDependencies", some))[0] is INVALID
        late = {"start_time": at(NOW), "end_time": at(NOW - MS)}
        assert not (await asking.one(V2, "GetDependencies", **late)).dependencies


@pytest.mark.parametrize("raw", [False, True])
async def test_a_trace_of_too_many_spans_is_cut_and_says_so(raw):
    first, second = Sent(), Sent()
    for number in range(5):
        first.span("shop", f"op{number}", trace=1, at=NOW + number)
    second.span("shop", trace=2, at=NOW - MS)
    async with jaeger(trace_spans_max=3) as asking:
        await asking.send(first, second)
        chunks = await asking.all(V2, "FindTraces", query=ALWAYS | {"raw_traces": raw})
    assert [[one.operation_name for one in spans(chunk)] for chunk in chunks] == [
        ["op0", "op1", "op2"],
        ["op"],
    ]
    said = [list(one.warnings) for chunk in chunks for one in chunk.spans]
    assert [len(one) for one in said] == [1, 0, 0, 0]
    assert "only the first 3 spans" in said[0][0]
