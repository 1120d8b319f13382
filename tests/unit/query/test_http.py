"""The HTTP API, over rows in memory."""

import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from pipeline.errors import Overloaded, Rejected, TooLarge, Unavailable
from pipeline.keyring import Access, Keyring
from pipeline.plan import AttributeField, Compare, Operator, Records, Trace, Traces
from pipeline.signal import Signal
from query.api import answers, http
from query.config import Limits
from query.engine import Engine
from tests.support.keys import WRITE, bearer, kept, ring
from tests.support.sample_rows import SampleRows, log, point, span

NOW = 1_767_225_600_123_456_789
HOUR = 3600 * 10**9
TRACE = bytes(range(16))
LISTS = [("/v1/logs", "logs"), ("/v1/traces", "traces"), ("/v1/metrics", "metrics")]


@pytest.fixture
def backend():
    return SampleRows(
        {
            Signal.LOGS: [
                log("api", NOW - 2, "older", severity_number=9),
                log("api", NOW - 1, "newer", severity_number=17),
                log("web", NOW - HOUR - 1, "old"),
            ],
            Signal.TRACES: [
                span("web", NOW - 9, 8, trace_id=TRACE, span_id=b"\1" * 8, name="GET /"),
                span(
                    "api",
                    NOW - 8,
                    5,
                    trace_id=TRACE,
                    span_id=b"\2" * 8,
                    parent_span_id=b"\1" * 8,
                    name="query",
                    status_code=2,
                ),
                span("web", NOW - 7, 1, trace_id=TRACE, span_id=b"\3" * 8, name="render"),
            ],
            Signal.METRICS: [point("api", NOW - 1, "up", metric_type=5, value_int=1)],
        }
    )


@pytest.fixture
async def client(backend):
    async def fails(_):
        raise ValueError("secret of the house")

    app = web.Application(middlewares=[answers.errors])
    app.add_routes(http.routes(Engine(backend, Limits(trace_spans_max=50)), Keyring(), lambda: NOW))
    app.add_routes([web.get("/fails", fails)])
    async with TestClient(TestServer(app)) as client:
        yield client


async def fetch(client, path, status=200, **parameters):
    response = await client.get(path, params=parameters)
    assert response.status == status, await response.text()
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    return json.loads(await response.text(), parse_constant=pytest.fail)


@pytest.mark.parametrize(("path", "name"), LISTS)
async def test_lists_cover_the_last_hour_and_say_so(client, backend, path, name):
    answer = await fetch(client, path)

    assert list(answer) == [name, "start", "end", "limit", "truncated", "cursor", "cost"]
    assert answer["start"] == "2025-12-31T23:00:00.123456789Z"
    assert answer["end"] == "2026-01-01T00:00:00.123456789Z"
    assert (answer["limit"], answer["truncated"]) == (100, False)
    assert (backend.plans[0].start_ns, backend.plans[0].end_ns) == (NOW - HOUR, NOW)
    assert backend.plans[0].tenant == "default"


async def test_logs_come_newest_first(client):
    answer = await fetch(client, "/v1/logs")

    assert [log["body"] for log in answer["logs"]] == ["newer", "older"]


async def test_parameters_reach_the_plan(client, backend):
    await fetch(client, "/v1/logs", start=str(NOW - 5), end="now-1ns", limit="7", q="`a`='1'")

    where = Compare(AttributeField("a"), Operator.EQUAL, "1")
    assert backend.plans == [Records(Signal.LOGS, "default", NOW - 5, NOW - 1, where, 8)]


async def test_the_default_start_lies_before_the_given_end(client, backend):
    await fetch(client, "/v1/traces", end=str(NOW - 5))

    assert backend.plans == [Traces("default", NOW - 5 - HOUR, NOW - 5, None, 101)]


async def test_a_limit_cuts_and_says_so(client):
    answer = await fetch(client, "/v1/logs", limit="1")

    assert [log["body"] for log in answer["logs"]] == ["newer"]
    assert answer["truncated"] is True


async def test_a_query_filters(client):
    answer = await fetch(client, "/v1/logs", q='level>=WARN AND service="api"')

    assert [log["body"] for log in answer["logs"]] == ["newer"]


async def test_an_attribute_that_is_nowhere_is_a_warning(client, backend):
    answer = await fetch(client, "/v1/logs", q="sevice=api")

    assert answer["logs"] == []
    assert answer["warnings"] == ["no log has an attribute sevice; did you mean service?"]
    await fetch(client, "/v1/logs", q="sevice=api")
    assert backend.keys_asked == 2, "its key and all keys, once"


async def test_a_text_is_no_number(client):
    error = (await fetch(client, "/v1/traces", 400, q="service.name=x OR resource.*=5"))["error"]

    assert error["message"].endswith(
        'is text (seen: string), not the number 5: write resource.*="5"'
    )
    assert error["position"] == {"line": 1, "column": 30}


async def test_the_line_of_the_readme(client):
    response = await client.get('/v1/logs?q=service_name="api"')

    assert len((await response.json())["logs"]) == 2


@pytest.mark.parametrize(("path", "_name"), LISTS)
@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"start": "x"}, "start"),
        ({"end": "2026-01-01"}, "end"),
        ({"start": "now"}, "start"),
        ({"start": "now-1m", "end": "now-2m"}, "start"),
        ({"limit": "0"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "1_0"}, "limit"),
        ({"limit": "\u0661"}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"from": "now"}, "from"),
        ({"query": "a=1"}, "query"),
        ({"Q": "a=1"}, "Q"),
        ({"q": "a="}, "q"),
    ],
)
async def test_wrong_parameters_are_named(client, backend, path, _name, parameters, named):
    error = (await fetch(client, path, 400, **parameters))["error"]

    assert error["parameter"] == named
    assert backend.plans == []


async def test_a_parameter_given_twice_is_wrong(client):
    response = await client.get("/v1/logs?limit=1&limit=2")

    assert response.status == 400
    assert (await response.json())["error"] == {
        "message": "limit is given twice",
        "parameter": "limit",
    }


async def test_a_wrong_query_tells_its_place(client):
    assert await fetch(client, "/v1/logs", 400, q="level=ERROR\nAND service=") == {
        "error": {
            "message": "line 2, column 13: expected a value, found the end",
            "parameter": "q",
            "position": {"line": 2, "column": 13},
        }
    }


@pytest.mark.parametrize(
    "query", ["'; DROP TABLE logs; --", "a=%00;", "\x00", "a='\x00", "\U0001f600"]
)
async def test_hostile_queries_are_mistakes_or_data(client, query):
    error = (await fetch(client, "/v1/logs", 400, q=query))["error"]

    assert error["position"]["line"] == 1


async def test_bytes_that_are_no_utf_8_do_not_break_the_answer(client):
    response = await client.get("/v1/logs?q=a%3D%22%ff%22")

    assert response.status in (200, 400)


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (Unavailable("the engine is gone", retry_s=7), 503, "7"),
        (Overloaded("no room", retry_s=2), 503, "2"),
        (Rejected("too much"), 400, None),
        (TooLarge("too large"), 413, None),
    ],
)
async def test_verdicts_become_statuses(client, backend, error, status, retry):
    backend.error = error
    response = await client.get("/v1/logs")

    assert response.status == status
    assert response.headers.get("Retry-After") == retry
    assert await response.json() == {"error": {"message": str(error)}}


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/logs/", "/v2/logs", "/v1/traces/a/b"])
async def test_an_unknown_path_is_a_json_404(client, path):
    assert path in (await fetch(client, path, 404))["error"]["message"]


async def test_a_wrong_method_is_a_json_405(client):
    response = await client.post("/v1/logs")

    assert response.status == 405
    assert response.headers["Allow"] == "GET,HEAD"
    assert "POST /v1/logs" in (await response.json())["error"]["message"]


async def test_a_bug_is_logged_and_tells_nothing(client):
    with capture_logs() as logged:
        answer = await fetch(client, "/fails", 500)

    assert answer == {"error": {"message": "internal error; the log says more"}}
    assert [(entry["event"], entry["path"]) for entry in logged] == [("unhandled error", "/fails")]


async def test_traces_are_summaries(client):
    answer = await fetch(client, "/v1/traces", q="error=true")

    assert answer["traces"] == [
        {
            "trace_id": TRACE.hex(),
            "start": "2026-01-01T00:00:00.123456780Z",
            "start_unix_nano": str(NOW - 9),
            "duration_ns": 8,
            "span_count": 3,
            "error_count": 1,
            "services": ["api", "web"],
            "root_service": "web",
            "root_name": "GET /",
        }
    ]


async def test_a_trace_is_otlp(client, backend):
    answer = await fetch(client, f"/v1/traces/{TRACE.hex().upper()}")

    assert list(answer) == ["resourceSpans"]
    names = [
        [span["name"] for scope in resource["scopeSpans"] for span in scope["spans"]]
        for resource in answer["resourceSpans"]
    ]
    assert names == [["GET /", "render"], ["query"]]
    assert backend.plans == [Trace("default", TRACE, 51)]


async def test_a_trace_that_is_cut_says_so_in_a_header(client, backend):
    backend.rows[Signal.TRACES] *= 20
    response = await client.get(f"/v1/traces/{TRACE.hex()}")

    assert response.headers["Aura-Truncated"] == "true"


async def test_an_unknown_trace_is_a_404(client):
    error = (await fetch(client, f"/v1/traces/{'ab' * 16}", 404))["error"]

    assert "ab" * 16 in error["message"]


@pytest.mark.parametrize(
    "identifier", ["xyz", "0" * 32, "ab" * 15, "ab" * 17, "%00", "\u0661" * 32]
)
async def test_a_malformed_trace_id_is_wrong(client, identifier):
    error = (await fetch(client, f"/v1/traces/{identifier}", 400))["error"]

    assert error["parameter"] == "trace_id"


async def test_a_trace_takes_no_limit(client):
    error = (await fetch(client, f"/v1/traces/{TRACE.hex()}", 400, limit="1"))["error"]

    assert error == {
        "message": "unknown parameter limit; known are format, explain",
        "parameter": "limit",
    }


ROUTES = [route.path for route in http.routes(Engine(SampleRows({}), Limits()), Keyring())]
ROUTES.remove("/v1/openapi.json")  # says nothing of anybody's data


NEEDED = {
    "/v1/values": {"field": "user.id"},
    "/v1/facets": {"fields": "level"},
}


@pytest.mark.parametrize("path", ROUTES)
async def test_every_route_asks_for_a_key_that_may_read_and_plans_for_its_tenant(backend, path):
    keyring = ring(kept("key-of-acme", Access.READ, tenant="acme"))
    app = web.Application(middlewares=[answers.errors])
    app.add_routes(http.routes(Engine(backend, Limits()), keyring))
    url = path.replace("{trace_id}", TRACE.hex())
    async with TestClient(TestServer(app)) as client:
        for headers, status in [({}, 401), (bearer("x"), 401), (bearer(WRITE), 403)]:
            async with client.get(url, headers=headers) as answer:
                assert answer.status == status
                assert list(await answer.json()) == ["error"]
                assert (answer.headers.get("WWW-Authenticate") == "Bearer") is (status == 401)
        assert backend.tenants == set()
        headers = bearer("key-of-acme") | {"X-Scope-OrgID": "default"}
        async with client.get(url, headers=headers, params=NEEDED.get(path)):
            assert backend.tenants == {"acme"}
