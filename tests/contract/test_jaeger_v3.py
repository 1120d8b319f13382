"""Jaeger over HTTP, the numbered cases of its contract: api/v3 (31, 38 to 43)."""

import json

import pytest

from otlp.codec import from_json
from otlp.codec.request import parse
from pipeline.signal import Signal
from tests.support.jaegers import MS, Sent, golden_sent, jaeger
from tests.support.stores import NOW

MIN, MAX = "query.startTimeMin", "query.startTimeMax"
EVER = {MIN: "2000-01-01T00:00:00Z", MAX: "2100-01-01T00:00:00Z"}
BOTH = pytest.mark.parametrize("kind", ["memory", "chdb"])


async def test_case_38_lists_have_their_keys_when_they_are_empty():
    sent = Sent()
    sent.span("api", "work", trace=1)
    sent.span("api", "work", trace=1, kind=1)
    async with jaeger() as asked:
        assert await asked.text("/api/v3/services") == '{"services":[]}'
        assert await asked.text("/api/v3/operations", service="x") == '{"operations":[]}'
        await asked.send(sent)
        operations = (await asked.get("/api/v3/operations", service="api"))["operations"]
        assert operations == [{"name": "work", "spanKind": "internal"}]
        given = {"service": "api", "span_kind": "server"}
        assert (await asked.get("/api/v3/operations", **given))["operations"] == []


@pytest.mark.parametrize("path", ["/api/v3/traces", "/api/v3/trace-summaries"])
async def test_case_39_what_a_search_cannot_read_is_named_as_it_was_sent(path):
    wrong = [
        ({MAX: EVER[MAX]}, "query.startTimeMin is required"),
        ({MIN: EVER[MIN]}, "query.startTimeMax is required"),
        (EVER | {MIN: EVER[MAX]}, "query.startTimeMin must be before query.startTimeMax"),
        (EVER | {MIN: "now-1h"}, "malformed parameter query.startTimeMin: "),
        (EVER | {MAX: "2026-01-01T00:00:00"}, "malformed parameter query.startTimeMax: "),
        ({MAX: EVER[MAX], "query.start_time_min": "x"}, "malformed parameter query.start_time_min"),
        (EVER | {"query.searchDepth": "x"}, "malformed parameter query.searchDepth: "),
        (EVER | {"query.num_traces": "1.5"}, "malformed parameter query.num_traces: "),
        (EVER | {"query.durationMin": "5"}, "malformed parameter query.durationMin: "),
        (EVER | {"query.duration_max": "x"}, "malformed parameter query.duration_max: "),
        (EVER | {"query.attributes": "[1]"}, "malformed parameter query.attributes: "),
        (EVER | {"query.attributes": '{"a":1}'}, "malformed parameter query.attributes: "),
    ]
    async with jaeger() as asked:
        for given, said in wrong:
            assert (await asked.wrong_v3(path, **given)).startswith(said)
        said = await asked.wrong_v3("/api/v3/traces", **EVER, **{"query.rawTraces": "maybe"})
        assert said.startswith("malformed parameter query.rawTraces: ")


async def test_case_40_no_traces_are_not_found_and_no_summaries_an_empty_list():
    missing = {"error": {"httpCode": 404, "message": "No traces found"}}
    async with jaeger() as asked:
        assert await asked.get("/api/v3/traces", 404, **EVER) == missing
        assert await asked.get("/api/v3/traces/1", 404) == missing
        assert await asked.text("/api/v3/trace-summaries", **EVER) == '{"summaries":[]}'
        assert "malformed parameter startTime" in await asked.wrong_v3(
            "/api/v3/traces/1", startTime="yesterday"
        )


async def test_case_41_what_v3_answers_can_be_sent_again():
    sent = golden_sent()
    async with jaeger() as asked, jaeger() as other:
        await asked.send(sent)
        given = {"rawTraces": "true"}
        text = await asked.text("/api/v3/traces/110000000000000022", **given)
        body = json.dumps(json.loads(text)["result"]).encode()
        again = Sent()
        again.request = parse(Signal.TRACES, from_json(Signal.TRACES, body))
        assert again.request == sent.request
        await other.send(again)
        assert await other.text("/api/v3/traces/110000000000000022", **given) == text
        whole = await asked.text("/api/v3/traces", **EVER, **{"query.raw_traces": "1"})
        assert whole == text


@BOTH
async def test_case_42_summaries_count_what_a_trace_has(kind):
    sent = Sent()
    sent.span("web", "root", trace=1, span=1, at=NOW + 7, lasts=9 * MS)
    sent.span("web", "late root", trace=1, span=2, at=NOW + 8)
    sent.span("api", "call", trace=1, span=3, parent=1, at=NOW + 3, status=2)
    sent.span("api", "call", trace=1, span=4, parent=99, at=NOW + 9)
    sent.span("db", "lost", trace=2, span=5, parent=98, at=NOW - 1, lasts=1)
    again = Sent()
    again.span("api", "call", trace=1, span=3, parent=1, at=NOW + 3, status=2)
    async with jaeger(kind) as asked:
        await asked.send(sent, again)
        text = await asked.text("/api/v3/trace-summaries", **EVER)
        assert json.loads(text) == {
            "summaries": [
                {
                    "traceId": f"{1:032x}",
                    "rootServiceName": "web",
                    "rootOperationName": "root",
                    "minStartTimeUnixNano": str(NOW + 3),
                    "maxEndTimeUnixNano": str(NOW + 7 + 9 * MS),
                    "spanCount": 4,
                    "errorSpanCount": 1,
                    "orphanSpanCount": 1,
                    "services": [
                        {"name": "api", "spanCount": 2, "errorSpanCount": 1},
                        {"name": "web", "spanCount": 2},
                    ],
                },
                {
                    "traceId": f"{2:032x}",
                    "minStartTimeUnixNano": str(NOW - 1),
                    "maxEndTimeUnixNano": str(NOW),
                    "spanCount": 1,
                    "orphanSpanCount": 1,
                    "services": [{"name": "db", "spanCount": 1}],
                },
            ]
        }
        given = {"query.serviceName": "api", "query.durationMin": "5ms", "query.searchDepth": "1"}
        (one,) = (await asked.get("/api/v3/trace-summaries", **EVER, **given))["summaries"]
        assert one["traceId"] == f"{1:032x}"
        given = {"query.attributes": '{"error":"true"}', "query.operation_name": "call"}
        assert len((await asked.get("/api/v3/trace-summaries", **EVER, **given))["summaries"]) == 1


async def test_case_43_a_filter_is_refused():
    async with jaeger() as asked:
        said = await asked.wrong_v3("/api/v3/traces", **EVER, **{"query.filter": "{}"})
        assert said == "malformed parameter query.filter: filters are not supported"


def told(answer):
    """Return the spans of an answer, and the warnings of each."""
    spans = [
        span
        for resource in answer["result"]["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    warnings = [
        [text["stringValue"] for text in one["value"]["arrayValue"]["values"]]
        for span in spans
        for one in span.get("attributes", [])
        if one["key"] == "@jaeger@warnings"
    ]
    return len(spans), warnings


async def test_a_trace_of_too_many_spans_is_cut_and_says_so():
    sent, other = Sent(), Sent()
    for span in range(1, 6):
        sent.span("api", trace=1, span=span, at=NOW + span, tags={"@jaeger@warnings": ["own"]})
    other.span("api", trace=2, span=9)
    cut = "only the first 3 spans of this trace are shown (query.jaeger.trace_spans_max)"
    async with jaeger(trace_spans_max=3) as asked:
        await asked.send(sent, other)
        for raw in ({}, {"rawTraces": "true"}):
            found = await asked.get("/api/v3/traces/1", **raw)
            assert told(found) == (3, [["own", cut], ["own"], ["own"]])
            searched = {f"query.{name}": one for name, one in raw.items()}
            found = await asked.get("/api/v3/traces", **EVER, **searched)
            assert told(found) == (4, [["own", cut], ["own"], ["own"]])


async def test_what_is_said_of_spans_is_said_of_adjusted_ones():
    sent = Sent()
    sent.span("api", trace=1, span=1, parent=9)
    said = "invalid parent span IDs=0000000000000009; skipping clock skew adjustment"
    async with jaeger() as asked:
        await asked.send(sent)
        assert told(await asked.get("/api/v3/traces/1")) == (1, [[said]])
        assert told(await asked.get("/api/v3/traces/1", rawTraces="true")) == (1, [])


@pytest.mark.parametrize("service", [None, "", 7])
async def test_case_31_a_resource_has_the_name_that_its_service_is_found_by(service):
    sent = Sent()
    resource = {"zone": "z"} if service is None else {"service.name": service, "zone": "z"}
    sent.span(None, trace=1, span=1, resource=resource)
    named = {
        "key": "service.name",
        "value": {"stringValue": str(service or "missing-service-name")},
    }
    zone = {"key": "zone", "value": {"stringValue": "z"}}
    async with jaeger() as asked:
        await asked.send(sent)
        (name,) = (await asked.get("/api/v3/services"))["services"]
        assert name == named["value"]["stringValue"]
        (found,) = (await asked.get("/api/v3/traces/1"))["result"]["resourceSpans"]
        assert found["resource"]["attributes"] == [named, zone]
        (raw,) = (await asked.get("/api/v3/traces/1", rawTraces="1"))["result"]["resourceSpans"]
        assert len(raw["resource"]["attributes"]) == len(resource)
