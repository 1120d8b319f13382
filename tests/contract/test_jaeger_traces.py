"""Jaeger over HTTP, the numbered cases: traces in v1 (17 to 32, 35, 36, 48).

Case 22 is in `tests/golden/jaeger`."""

import base64
import json

import pytest

from otlp.codec import to_json
from tests.support.jaegers import Sent, golden_sent, jaeger
from tests.support.stores import NOW

ARCHIVED = {"data": [], "total": 0, "limit": 0, "offset": 0, "errors": []}
NOT_FOUND = {
    "data": None,
    "total": 0,
    "limit": 0,
    "offset": 0,
    "errors": [{"code": 404, "msg": "trace not found"}],
}


async def only(asked, trace="1", **parameters):
    """Return the one span of a trace."""
    (found,) = (await asked.get(f"/api/traces/{trace}", **parameters))["data"]
    (span,) = found["spans"]
    return span


def tags(span):
    return {one["key"]: (one["type"], one["value"]) for one in span["tags"]}


async def test_case_17_a_trace_is_found_by_its_id_in_any_spelling():
    sent = Sent()
    sent.span("api", trace=0xAB << 64 | 1)
    async with jaeger() as asked:
        await asked.send(sent)
        texts = [
            await asked.text(f"/api/traces/{spelled}")
            for spelled in ("ab0000000000000001", "AB0000000000000001", f"{0xAB << 64 | 1:032X}")
        ]
        assert len(set(texts)) == 1
        assert json.loads(texts[0])["data"][0]["traceID"] == f"{0xAB << 64 | 1:032x}"


@pytest.mark.parametrize("path", ["0" * 33, "zz!", "0", "zzzz", "%ff"])
async def test_case_18_what_is_no_id_is_wrong_and_an_unknown_one_not_found(path):
    async with jaeger() as asked:
        await asked.wrong(f"/api/traces/{path}")
        assert await asked.get("/api/traces/123", 404) == NOT_FOUND
        assert (await asked.wrong("/api/traces/1", start="x")).startswith("unable to parse")


@pytest.mark.parametrize("size", [8, 16])
async def test_case_19_an_id_may_be_base64(size):
    trace_id = bytes([0xFB, 0xFF, *range(1, size - 1)])
    sent = Sent()
    sent.span("api", trace=trace_id.rjust(16, b"\0"))
    async with jaeger() as asked:
        await asked.send(sent)
        standard, url = base64.b64encode(trace_id), base64.urlsafe_b64encode(trace_id)
        for text in (standard, url, standard.rstrip(b"="), url.rstrip(b"=")):
            quoted = text.decode().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
            assert (await only(asked, quoted))["traceID"] == trace_id.hex()


async def test_case_20_an_id_of_64_bits_has_16_digits_in_v1_and_32_in_v3():
    sent = Sent()
    sent.span("api", trace=1)
    around = {
        "query.startTimeMin": "2000-01-01T00:00:00Z",
        "query.startTimeMax": "2100-01-01T00:00:00Z",
    }
    async with jaeger() as asked:
        await asked.send(sent)
        assert (await only(asked))["traceID"] == f"{1:016x}"
        found = await asked.get("/api/v3/traces/1")
        (span,) = found["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"]
        assert span["traceId"] == f"{1:032x}"
        (summary,) = (await asked.get("/api/v3/trace-summaries", **around))["summaries"]
        assert summary["traceId"] == f"{1:032x}"


async def test_case_21_times_are_cut_to_microseconds():
    sent = Sent()
    sent.span("api", trace=1, at=NOW + 1999, lasts=999)
    sent.span("api", trace=2, at=NOW + 1000, lasts=-5)
    async with jaeger() as asked:
        await asked.send(sent)
        span = await only(asked)
        assert (span["startTime"], span["duration"]) == (NOW // 1000 + 1, 0)
        assert (await only(asked, "2"))["duration"] == 0


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (2**53 - 1, 2**53 - 1),
        (2**53, "9007199254740992"),
        (-(2**53), "-9007199254740992"),
        (-(2**53) + 1, -(2**53) + 1),
        (999_999_999_999_999, 999_999_999_999_999),
        (-(2**63), str(-(2**63))),
    ],
)
async def test_case_23_integers_that_doubles_do_not_hold_are_strings(number, shown):
    sent = Sent()
    sent.span("api", trace=1, tags={"n": number})
    async with jaeger() as asked:
        await asked.send(sent)
        assert tags(await only(asked)) == {"n": ("int64", shown)}


async def test_case_24_values_of_every_type_are_json():
    told = {
        "bytes": (b"\x00\xff", ("binary", "AP8=")),
        "list": ([1, "x", b"\x00"], ("string", '[1,"x","AA=="]')),
        "map": ({"k": {"$bytes": "AA=="}}, ("string", '{"k":{"$bytes":"AA=="}}')),
        "nan": (float("nan"), ("float64", "NaN")),
        "infinite": (float("-inf"), ("float64", "-Infinity")),
        "double": (1e300, ("float64", 1e300)),
        "bool": (False, ("bool", False)),
        "none": (None, ("string", "")),
        "text": ('"\\\n\t\x01é\u2028😀', ("string", '"\\\n\t\x01é\u2028😀')),
    }
    sent = Sent()
    sent.span("api", trace=1, tags={key: said for key, (said, _) in told.items()})
    async with jaeger() as asked:
        await asked.send(sent)
        assert tags(await only(asked)) == {key: shown for key, (_, shown) in told.items()}


async def test_case_25_an_error_is_three_tags_one_of_them_a_bool():
    sent = Sent()
    sent.span("api", trace=1, status=2, message="why")
    async with jaeger() as asked:
        await asked.send(sent)
        assert tags(await only(asked)) == {
            "otel.status_code": ("string", "ERROR"),
            "error": ("bool", True),
            "otel.status_description": ("string", "why"),
        }


@pytest.mark.parametrize("kind", [0, 9])
async def test_case_26_a_span_of_no_kind_has_no_tag_of_it(kind):
    sent = Sent()
    sent.span("api", trace=1, kind=kind)
    async with jaeger() as asked:
        await asked.send(sent)
        assert (await only(asked))["tags"] == []


async def test_case_27_a_link_to_the_parent_is_no_second_reference():
    sent = Sent()
    own = {"opentracing.ref_type": "child_of"}
    sent.span("api", trace=1, parent=7, links=((1, 7, {}), (2, 8, {}), (3, 9, own)))
    sent.span("api", trace=2, parent=7, links=((2, 7, own),))
    async with jaeger() as asked:
        await asked.send(sent)
        told = [
            (one["refType"], int(one["traceID"], 16), int(one["spanID"], 16))
            for one in (await only(asked))["references"]
        ]
        assert told == [("FOLLOWS_FROM", 1, 7), ("FOLLOWS_FROM", 2, 8), ("CHILD_OF", 3, 9)]
        (parent,) = (await only(asked, "2"))["references"]
        assert parent["refType"] == "CHILD_OF"


async def test_case_28_an_event_has_its_name_once():
    sent = Sent()
    sent.span("api", trace=1, events=(("a", {"event": "mine"}), ("b", {"k": 1}), ("", {"k": 2})))
    async with jaeger() as asked:
        await asked.send(sent)
        logs = (await only(asked, raw="true"))["logs"]
        fields = [[(one["key"], one["value"]) for one in log["fields"]] for log in logs]
        assert fields == [[("event", "mine")], [("event", "b"), ("k", 1)], [("k", 2)]]
        assert {log["timestamp"] for log in logs} == {NOW // 1000 + 1000}


async def test_case_29_processes_differ_by_their_tags():
    sent = Sent()
    for number, host in enumerate(("h1", "h2", "h1")):
        sent.span("api", trace=1, at=NOW + number, resource={"host": host})
    async with jaeger() as asked:
        await asked.send(sent)
        (trace,) = (await asked.get("/api/traces/1"))["data"]
        assert [one["processID"] for one in trace["spans"]] == ["p1", "p2", "p1"]
        assert list(trace["processes"]) == ["p1", "p2"]
        assert trace["processes"]["p2"] == {
            "serviceName": "api",
            "tags": [{"key": "host", "type": "string", "value": "h2"}],
        }


async def test_case_30_a_trace_of_several_requests_is_one_and_duplicates_go():
    parts = [Sent(), Sent(), Sent()]
    for number, part in zip((3, 1, 2), parts, strict=True):
        part.span("api", trace=1, span=number, at=NOW + number, tags={"n": number})
    again = Sent()
    again.span("api", trace=1, span=2, at=NOW + 2, tags={"n": 2})
    other = Sent()
    other.span("api", trace=1, span=2, at=NOW + 2, tags={"n": 99})
    async with jaeger() as asked:
        await asked.send(*parts, again)
        (trace,) = (await asked.get("/api/traces/1"))["data"]
        assert sorted(int(one["spanID"]) for one in trace["spans"]) == [1, 2, 3]
        (raw,) = (await asked.get("/api/traces/1", raw="true"))["data"]
        assert sorted(int(one["spanID"]) for one in raw["spans"]) == [1, 2, 2, 3]
        await asked.send(other)
        (trace,) = (await asked.get("/api/traces/1"))["data"]
        assert len(trace["spans"]) == 4, "a span that differs is none that was sent twice"


@pytest.mark.parametrize("service", [None, ""])
async def test_case_31_a_service_without_a_name_has_one_to_be_found_by(service):
    sent = Sent()
    sent.span(service, "op", trace=1)
    named = "missing-service-name"
    async with jaeger() as asked:
        await asked.send(sent)
        assert (await asked.get("/api/services"))["data"] == [named]
        assert (await asked.get(f"/api/services/{named}/operations"))["data"] == ["op"]
        assert await asked.found(service=named) == {f"{1:016x}"}
        (trace,) = (await asked.get("/api/traces/1"))["data"]
        assert trace["processes"]["p1"] == {"serviceName": named, "tags": []}


@pytest.mark.parametrize(
    ("resource", "named"),
    [({}, "OTLPResourceNoServiceName"), ({"zone": "z"}, "missing-service-name")],
)
async def test_case_31_a_file_without_a_service_has_jaegers_own_name_for_it(resource, named):
    sent = Sent()
    sent.span(None, trace=1, resource=resource)
    body = json.dumps(to_json(sent.request)).encode()
    async with jaeger() as asked:
        (trace,) = (await asked.post("/api/transform", body))["data"]
    (process,) = trace["processes"].values()
    assert process["serviceName"] == named
    assert [one["key"] for one in process["tags"]] == list(resource)


async def test_case_32_pretty_print_indents():
    sent = Sent()
    sent.span("api", trace=1)
    async with jaeger() as asked:
        await asked.send(sent)
        for path in ("/api/services", "/api/traces/1", "/api/traces?service=api"):
            plain = await asked.text(path)
            assert "\n" not in plain
            assert (
                await asked.text(f"{path}{'&' if '?' in path else '?'}prettyPrint=false") == plain
            )
            pretty = await asked.text(f"{path}{'&' if '?' in path else '?'}prettyPrint=1")
            assert pretty.startswith('{\n    "data": [')
            assert json.loads(pretty) == json.loads(plain)


@pytest.mark.parametrize("raw", [{}, {"raw": "true"}])
async def test_case_35_what_is_archived_is_found_when_its_retention_is_over(raw):
    first, second, other = Sent(), Sent(), Sent()
    first.span("web", trace=1, span=1, tags={"n": 2**60, "l": [1]}, events=(("e", {"a": 1}),))
    second.span("api", trace=1, span=2, parent=1, at=NOW + 2, links=((1, 1, {}),))
    other.span("api", trace=2, span=3)
    async with jaeger("chdb") as asked:
        await asked.send(first, first, other)
        for _ in range(2):
            assert await asked.post("/api/archive/1?start=0&end=1") == ARCHIVED
        await asked.post("/api/archive/9", status=404)
        await asked.send(second)
        both = await asked.get("/api/traces/1", **raw)
        assert await asked.post("/api/archive/1") == ARCHIVED
        assert await asked.get("/api/traces/1", **raw) == both
        for only in ("span_id = unhex('0000000000000001')", "1"):
            await asked.sql(f"DELETE FROM spans WHERE {only}")
            assert await asked.get("/api/traces/1", **raw) == both
            assert (await asked.get("/api/traces?traceID=1", **raw))["data"] == both["data"]
        await asked.get("/api/traces/2", 404)
        assert await asked.post("/api/archive/1") == ARCHIVED, "it is there, and stays"


async def test_case_35_an_archive_has_its_bounds():
    sent = Sent()
    for span in range(1, 4):
        sent.span("api", trace=1, span=span)
    for given, said in (
        ({"archive_spans_max": 2}, "no room for 3 spans: it has 0 of at most 2"),
        ({"trace_spans_max": 2}, "the trace has more than 2 spans"),
    ):
        async with jaeger(**given) as asked:
            await asked.send(sent)
            refused = await asked.post("/api/archive/1", status=400)
            assert said in refused["errors"][0]["msg"]
            assert f"query.jaeger.{next(iter(given))}" in refused["errors"][0]["msg"]


async def test_case_35_without_an_archive_it_says_so():
    async with jaeger(archive_for=0) as asked:
        refused = await asked.post("/api/archive/1", status=500)
        assert refused["errors"][0]["msg"] == "archive span storage was not configured"
        await asked.post("/api/archive/xyz!", status=400)


async def test_case_36_a_file_is_turned_into_v1_as_it_is():
    sent = golden_sent()
    body = json.dumps(to_json(sent.request)).encode()
    async with jaeger(transform_bytes_max=10_000) as asked:
        await asked.send(sent)
        stored = await asked.get("/api/traces/110000000000000022", raw="true")
        assert await asked.post("/api/transform", body) == stored
        twice = json.dumps({"resourceSpans": 2 * to_json(sent.request)["resourceSpans"]}).encode()
        (trace,) = (await asked.post("/api/transform", twice))["data"]
        assert len(trace["spans"]) == 4, "duplicates are kept"
        assert (await asked.post("/api/transform", b"{}"))["data"] == []
        for wrong in (b"garbage", b"", b"[]", b'{"resourceSpans":7}'):
            await asked.post("/api/transform", wrong, 400)
        await asked.post("/api/transform", b" " * 10_001, 413)


async def test_case_48_a_trace_of_10000_spans_comes_in_full():
    sent = Sent()
    first = sent.span("api", trace=1, span=1, tags={"n": 1, "k": "v"})
    spans = sent.request.resource_spans[0].scope_spans[0].spans
    for number in range(2, 10_001):
        one = spans.add()
        one.CopyFrom(first)
        one.span_id = number.to_bytes(8, "big")
        one.parent_span_id = (number // 2).to_bytes(8, "big")
    async with jaeger() as asked:
        await asked.send(sent)
        (trace,) = (await asked.get("/api/traces/1"))["data"]
        assert len({one["spanID"] for one in trace["spans"]}) == 10_000
        assert trace["warnings"] is None
        (found,) = (await asked.get("/api/traces", service="api"))["data"]
        assert found == trace
    async with jaeger(trace_spans_max=9) as asked:
        await asked.send(sent)
        for path in ("/api/traces/1", "/api/traces?service=api", "/api/traces?traceID=1"):
            (trace,) = (await asked.get(path))["data"]
            assert len(trace["spans"]) == 9
            assert "only the first 9 spans" in trace["warnings"][0]
