"""Tables and whole traces over HTTP, and where they have no place."""

import json

import pyarrow as pa
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from aura.conditions import condition
from pipeline.errors import Rejected
from pipeline.keyring import Keyring
from pipeline.plan import CUT, Heads, Path, Traces
from pipeline.signal import Signal
from query.api import answers, http
from query.api.desk import TRUNCATED
from query.api.search import ARROW
from query.api.table import columns, rows
from query.config import Limits
from query.engine import Engine
from storage.answers import HEADS, SUMMARY
from tests.support.sample_rows import SampleRows, log, span

NOW = 1_767_225_600 * 10**9
LOGS = [
    log("api", NOW - 1, "a", severity_number=17, attributes={"size": 1}, trace_id=b"\1" * 16),
    log("api", NOW - 2, "b", severity_number=9),
    log("web", NOW - 3, "c", severity_number=17, attributes={"size": 2.5}),
]


class Cut(SampleRows):
    """A backend that did not examine all traces."""

    async def run(self, asked, cost=None):
        columns = HEADS if isinstance(asked, Heads) else SUMMARY.with_metadata({CUT: b"1"})
        yield pa.RecordBatch.from_pylist([], schema=columns)


@pytest.fixture
def backend(request):
    if getattr(request, "param", None) == "cut":
        return Cut()
    spans = [span("api", NOW - 9, 2**60, trace_id=b"\1" * 16, span_id=b"\2" * 8)]
    return SampleRows({Signal.LOGS: LOGS, Signal.TRACES: spans})


@pytest.fixture
async def client(backend):
    app = web.Application(middlewares=[answers.errors])
    app.add_routes(
        http.routes(Engine(backend, Limits(rows=5, rows_max=50)), Keyring(), lambda: NOW)
    )
    async with TestClient(TestServer(app)) as client:
        yield client


async def fetch(client, path, q, **parameters):
    response = await client.get(path, params={"q": q, **parameters})
    assert response.status == 200, await response.text()
    return json.loads(await response.text(), parse_constant=pytest.fail)


async def test_a_table_has_columns_with_types_and_rows(client):
    query = "level=ERROR | stats count(), sum(size), max(time) as last by service, trace_id"
    answer = await fetch(client, "/v1/logs", query)

    assert answer["columns"] == [
        {"name": "service", "type": "text"},
        {"name": "trace_id", "type": "text"},
        {"name": "count", "type": "integer"},
        {"name": "sum_size", "type": "number"},
        {"name": "last", "type": "time"},
    ]
    assert answer["rows"] == [
        ["api", "01" * 16, 1, 1.0, "2025-12-31T23:59:59.999999999Z"],
        ["web", None, 1, 2.5, "2025-12-31T23:59:59.999999997Z"],
    ]
    assert (answer["limit"], answer["truncated"]) == (50, False)


async def test_durations_are_nanoseconds_that_javascript_can_read(client):
    answer = await fetch(client, "/v1/traces", "| fields duration, error, kind")

    assert answer["columns"] == [
        {"name": "duration", "type": "duration", "unit": "ns"},
        {"name": "error", "type": "bool"},
        {"name": "kind", "type": "text"},
    ]
    assert answer["rows"] == [[str(2**60), False, "unspecified"]]


async def test_a_table_is_cut_by_the_limit_and_says_so(client):
    answer = await fetch(client, "/v1/logs", "| stats count() by body", limit="2")

    assert [row[0] for row in answer["rows"]] == ["a", "b"]
    assert answer["truncated"] is True


async def test_a_table_as_arrow_has_types_of_its_own(client):
    response = await client.get(
        "/v1/logs", params={"q": "| fields time, size"}, headers={"Accept": ARROW}
    )
    with pa.ipc.open_stream(await response.read()) as reader:
        table = reader.read_all()

    assert table.schema.field("time").type == pa.timestamp("ns", "UTC")
    assert table["size"].to_pylist() == ["1", None, "2.5"]


async def test_whole_traces_are_asked_for_within_the_bound(client, backend):
    await fetch(client, "/v1/traces", "{} > {} AND spans>1")

    (plan,) = backend.plans
    assert isinstance(plan, Traces)
    assert plan.where is None
    assert isinstance(plan.whole.parts[0], Path)
    assert plan.candidates_max == Limits().trace_candidates_max


@pytest.mark.parametrize("backend", ["cut"], indirect=True)
async def test_what_was_not_examined_is_told(client):
    answer = await fetch(client, "/v1/traces", "spans>100")

    assert (answer["traces"], answer["truncated"]) == ([], True)
    assert "than were examined" in answer["warnings"][0]
    response = await client.get("/v1/traces", params={"q": "{}"}, headers={"Accept": ARROW})
    assert response.headers[TRUNCATED] == "true"


async def test_a_mistake_in_a_stage_has_its_place(client):
    response = await client.get("/v1/logs", params={"q": "a=1 | stats cuont()"})

    error = (await response.json())["error"]
    assert (response.status, error["parameter"]) == (400, "q")
    assert error["position"] == {"line": 1, "column": 13}
    assert "did you mean count?" in error["message"]


async def test_types_that_were_seen_are_named(client):
    response = await client.get("/v1/logs", params={"q": "| stats sum(service_nam)"})
    assert "did you mean service_name?" in (await response.json())["warnings"][0]


@pytest.mark.parametrize("text", ["a=1 | stats count()", "a=1 | limit 5"])
def test_a_filter_on_the_way_takes_no_stages(text):
    with pytest.raises(Rejected, match="stages have no place"):
        condition(text, Signal.LOGS)


def test_a_filter_on_the_way_takes_no_whole_traces():
    with pytest.raises(Rejected, match="whole trace"):
        condition("{a=1} > {b=1}", Signal.TRACES)


def test_numbers_that_json_has_not_are_text():
    table = pa.table(
        {"x": pa.array([float("nan"), 2.0**70, None]), "y": pa.array([2**60, 1, None])}
    )

    assert rows(table) == [["NaN", str(2**60)], [2.0**70, 1], [None, None]]
    assert columns(table.schema) == [
        {"name": "x", "type": "number"},
        {"name": "y", "type": "integer"},
    ]
