"""`/v1/ledger` over a memory bus and store."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from pipeline.bus.config import BusConfig
from pipeline.bus.memory import MemoryBus
from pipeline.keyring import Access, Keyring
from pipeline.reason import Reason
from pipeline.signal import Signal
from query.api import answers, ledger
from query.config import Limits
from query.engine import Engine
from storage.memory import MemoryStore
from tests.support.buses import message
from tests.support.keys import WRITE, bearer, kept, ring

NOW = 1_767_225_600_000_000_000
MINUTE = 60 * 10**9


def served(bus, keyring=None):
    app = web.Application(middlewares=[answers.errors])
    engine = Engine(MemoryStore(), Limits())
    app.add_routes(ledger.routes(engine, bus, keyring or Keyring(), lambda: NOW))
    return TestClient(TestServer(app))


@pytest.fixture
async def client():
    bus = MemoryBus(BusConfig(), lambda: NOW - MINUTE)
    reasons = {Reason.TIME: 2}
    await bus.publish(Signal.LOGS, message(b"", accepted=7, refused=2, reasons=reasons))
    async with served(bus) as client:
        yield client


async def test_an_entry_for_each_signal_of_the_last_hour(client):
    answer = await client.get("/v1/ledger")

    told = await answer.json()
    assert answer.status == 200
    assert told["start"] == "2025-12-31T23:00:00.000000000Z"
    assert told["end"] == "2026-01-01T00:00:00.000000000Z"
    assert "warnings" not in told
    assert [one["signal"] for one in told["ledger"]] == ["traces", "logs", "metrics"]
    assert told["ledger"][1] == {
        "signal": "logs",
        "start": told["start"],
        "end": told["end"],
        "received": 7,
        "refused": {"time": 2},
        "filtered": 0,
        "sampled": 0,
        "buried": 0,
        "stored": 0,
        "expired": 0,
        "in_flight": 7,
    }


async def test_intervals(client):
    answer = await client.get("/v1/ledger", params={"start": "now-3m", "step": "50s"})

    told = [one for one in (await answer.json())["ledger"] if one["signal"] == "logs"]
    assert [one["received"] for one in told] == [0, 0, 7, 0]
    assert told[-1]["start"] == "2025-12-31T23:59:30.000000000Z"
    assert told[-1]["end"] == "2026-01-01T00:00:00.000000000Z"


async def test_what_is_not_known_is_null_and_said():
    async with served(None) as client:
        told = await (await client.get("/v1/ledger")).json()

    assert [one["in_flight"] for one in told["ledger"]] == [None] * 3
    (warning,) = told["warnings"]
    assert "this process has no bus" in warning


@pytest.mark.parametrize(
    ("parameters", "name", "says"),
    [
        ({"step": "soon"}, "step", "step is a duration"),
        ({"step": "0s"}, "step", "at most 1000 intervals"),
        ({"step": "3.5s"}, "step", "at most 1000 intervals"),
        ({"step": "1e9"}, "step", "step is a duration"),
        ({"start": "now", "end": "now"}, "start", "is not before end"),
        ({"limit": "3"}, "limit", "unknown parameter"),
        ({"end": "yesterday"}, "end", "end is a time"),
    ],
)
async def test_bad_parameters_are_named(client, parameters, name, says):
    answer = await client.get("/v1/ledger", params=parameters)

    assert answer.status == 400
    error = (await answer.json())["error"]
    assert (error["parameter"], says in error["message"]) == (name, True), error


async def test_it_takes_a_key_that_may_read_and_tells_of_its_tenant():
    bus = MemoryBus(BusConfig(), lambda: NOW - MINUTE)
    await bus.publish(Signal.LOGS, message(b"", tenant="a", accepted=7))
    keyring = ring(kept(WRITE, Access.WRITE), kept("reader", Access.READ, tenant="a"))
    async with served(bus, keyring) as client:
        assert (await client.get("/v1/ledger")).status == 401
        assert (await client.get("/v1/ledger", headers=bearer(WRITE))).status == 403
        answer = await client.get("/v1/ledger", headers=bearer("reader"))
        assert sum(one["received"] for one in (await answer.json())["ledger"]) == 7
