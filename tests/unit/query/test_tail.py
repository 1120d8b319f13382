"""Live tails: who gets what, what is dropped and counted, and what is done once for all."""

import asyncio
import json
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiohttp import ClientPayloadError, web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from aura.conditions import condition, meet
from pipeline.bus import sights
from pipeline.bus.config import BusConfig
from pipeline.bus.sights import MemoryTail
from pipeline.errors import Overloaded, Rejected, Unavailable
from pipeline.keyring import Access, Keyring
from pipeline.plan import Column, Compare, Operator
from pipeline.signal import Signal
from query.api import answers
from query.api import tail as tail_api
from query.config import Limits, TailConfig
from query.engine import Engine
from query.tail import hub as hubs
from query.tail.meters import TailMeters
from query.tail.question import Question, sample
from query.tail.reader import Loss, Reader, Slice
from tests.support.buses import until
from tests.support.keys import READ, WRITE, bearer, kept, ring
from tests.support.sample_rows import SampleRows, log, point, span
from tests.support.tails import batch, group

LOGS = Signal.LOGS
TRACE = bytes(range(16))


class Works:
    """The parts of a hub, over a tail in memory; counts what is examined and written."""

    def __init__(self, **settings):
        self.tail = MemoryTail(BusConfig())
        self.registry = CollectorRegistry()
        self.examined = self.written = 0
        self.now = 0.0
        meters = TailMeters(self.registry)
        self.hub = hubs.Hub(
            self.tail, self.meet, self.write, TailConfig(**settings), meters, lambda: self.now
        )

    def meet(self, rows, conditions):
        self.examined += rows.num_rows * len(conditions)
        return meet(rows, conditions)

    def write(self, signal, rows):
        self.written += rows.num_rows
        return [body.encode() for body in rows["body"].to_pylist()]

    def show(self, *bodies, tenant="default"):
        self.tail.show(group(batch(LOGS, [log("api", 1, body) for body in bodies], tenant)))

    def told(self, outcome):
        return self.registry.get_sample_value("aura_tail_records_total", {"outcome": outcome}) or 0

    def read(self, query="", tenant="default"):
        return self.hub.read(LOGS, tenant, condition(query, LOGS) if query else None)


async def got(reader, records):
    """Take until so many came or were lost; return the text of those, and how many were lost."""
    data, lost, count = b"", {}, 0
    async with asyncio.timeout(10):
        while count + sum(lost.values()) < records:
            news = await reader.take(10)
            assert news is not None
            data += b"".join(piece.data for piece in news.slices)
            count += sum(piece.records for piece in news.slices)
            lost = {why: lost.get(why, 0) + news.lost.get(why, 0) for why in {*lost, *news.lost}}
    return data.decode(), lost


async def test_readers_of_one_question_and_of_others_get_what_matches_written_once():
    works = Works()
    async with (
        works.hub,
        works.read('body="a"') as one,
        works.read('body="a"') as same,
        works.read('body="a" OR body="b"') as wider,
        works.read() as everything,
    ):
        works.examined = 0
        works.show("a", "b", "c")

        assert await got(one, 1) == await got(same, 1) == ("a", {})
        assert await got(wider, 2) == ("ab", {})
        assert await got(everything, 3) == ("abc", {})
        assert works.examined == 2 * 3
        assert works.written == 3
        assert works.told("shown") == 7


async def test_questions_that_only_python_takes_for_equal_are_two():
    works = Works()
    rows = [log("api", 1, text, attributes={"a": value}) for text, value in (("1", 1), ("t", True))]
    async with works.hub, works.read("a=1") as one, works.read("a=true") as other:
        works.tail.show(group(batch(LOGS, rows)))

        assert await got(one, 1) == ("1", {})
        assert await got(other, 1) == ("t", {})


async def test_tenants_and_signals_are_apart():
    works = Works()
    async with works.hub, works.read(tenant="a") as one, works.read(tenant="b") as other:
        works.show("of b", tenant="b")
        works.show("of a", tenant="a")

        assert await got(one, 1) == ("of a", {})
        assert await got(other, 1) == ("of b", {})


async def test_nobody_is_followed_once_all_have_left():
    works = Works()
    async with works.hub:
        async with works.read(), works.read('body="a"'):
            assert set(works.tail.followed(LOGS)) == {"default"}
        assert not works.tail.followed(LOGS)
        assert works.registry.get_sample_value("aura_tail_readers") == 0


async def test_a_slow_reader_drops_with_a_count_and_another_gets_all():
    works = Works(backlog_bytes_max=10)
    async with works.hub, works.read() as slow, works.read() as quick:
        fast = ""
        for number in range(10, 30):
            works.show(str(number))
            fast += (await got(quick, 1))[0]

        assert fast == "".join(map(str, range(10, 30)))
        assert await got(slow, 20) == ("1011121314", {Loss.SLOW: 15})
        assert works.told("slow") == 15


async def test_what_is_larger_than_a_backlog_is_shown_to_who_keeps_up():
    works = Works(backlog_bytes_max=10)
    async with works.hub, works.read() as reader:
        works.show("x" * 100)
        assert await got(reader, 1) == ("x" * 100, {})


async def test_more_than_the_rate_is_sampled_evenly_with_a_count():
    works = Works(records_per_s_max=4)
    async with works.hub, works.read() as reader:
        works.show(*"abcdefgh")
        assert await got(reader, 8) == ("aceg", {Loss.RATE: 4})
        works.show("x")
        assert await got(reader, 1) == ("", {Loss.RATE: 1})
        works.now += 0.5
        works.show(*"abcd")
        assert await got(reader, 4) == ("ac", {Loss.RATE: 2})
        assert works.told("rate") == 7


async def test_what_nobody_looked_at_is_counted(monkeypatch):
    monkeypatch.setattr(sights, "BACKLOG_BYTES_MAX", 1)
    works = Works()
    async with works.hub, works.read('body="a"') as reader:
        works.show("a", "b")
        assert await got(reader, 2) == ("", {Loss.UNEXAMINED: 2})


async def test_readers_are_bounded_in_all_and_for_a_tenant():
    works = Works(readers_max=3, tenant_readers_max=2)
    async with works.hub, works.read(tenant="a"), works.read(tenant="a"):
        with pytest.raises(Overloaded, match="2 of this tenant"):
            async with works.read(tenant="a"):
                pass
        async with works.read(tenant="b"):
            with pytest.raises(Overloaded):
                async with works.read(tenant="c"):
                    pass
        async with works.read(tenant="c"):
            pass


async def test_a_client_that_goes_while_it_is_let_in_leaves_nothing_behind():
    works = Works()
    follow, gate = works.tail.follow, asyncio.Event()

    @asynccontextmanager
    async def slow(signal, tenant):
        await gate.wait()
        async with follow(signal, tenant) as follower:
            yield follower

    works.tail.follow = slow

    async def read():
        async with works.read():
            pytest.fail("it has gone")

    async with works.hub:
        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.sleep(0)
        gate.set()
        await asyncio.wait({reading})
        assert not works.tail.followed(LOGS)
        assert works.hub._readers.total() == 0


async def test_a_condition_that_cannot_be_told_on_the_way_is_refused():
    works = Works()
    with pytest.raises(Rejected, match="no column"):
        async with works.hub.read(LOGS, "a", Compare(Column("x"), Operator.EQUAL, "y")):
            pass
    assert not works.tail.followed(LOGS)


async def test_who_reads_is_let_go_with_what_it_has_and_nobody_is_taken():
    works = Works()
    async with works.hub, works.read() as reader:
        works.show("a")
        await until(lambda: works.told("shown"))
        works.hub.stop()
        assert await got(reader, 1) == ("a", {})
        assert reader.ended == hubs.STOPPING
        with pytest.raises(Unavailable):
            async with works.read():
                pass


async def test_a_fault_of_ours_ends_the_readers_that_it_concerns_with_a_reason():
    works = Works()
    with capture_logs() as told:
        async with works.hub, works.read() as reader:
            object.__setattr__(works.hub._means, "write", None)
            works.show("a")
            await until(lambda: reader.ended)
    assert told[0]["event"] == "tail.failed"


async def test_a_reader_says_when_nothing_comes():
    assert await Reader(10).take(0.01) is None


def test_the_room_of_a_question_is_that_of_a_second():
    now = 0.0
    question = Question(None, 10, lambda: now)
    question.show([Slice(b"", 8)], 0)
    assert question.room() == 2
    now = 0.5
    assert question.room() == 7
    now = 100.0
    assert question.room() == 10


@given(st.integers(0, 200), st.integers(0, 50))
def test_a_sample_is_even_and_in_order(length, most):
    chosen = sample(np.arange(length), most)

    assert len(chosen) == min(length, most)
    gaps = np.diff(chosen)
    assert all(gap > 0 for gap in gaps)
    assert len(set(gaps)) <= 2
    assert not len(gaps) or max(gaps) - min(gaps) <= 1


@asynccontextmanager
async def serving(keyring=None, **settings):
    """Serve /v1/tail; return the tail to show on and the client."""
    shown = MemoryTail(BusConfig())
    rows = SampleRows({LOGS: [log("api", 1, attributes={"a": 1})], Signal.TRACES: []})
    meters = TailMeters(CollectorRegistry())
    async with hubs.Hub(shown, meet, tail_api.records, TailConfig(**settings), meters) as hub:
        app = web.Application(middlewares=[answers.errors])
        app.add_routes(tail_api.routes(Engine(rows, Limits()), hub, keyring or Keyring()))
        async with TestClient(TestServer(app)) as client:
            yield shown, client, hub


async def event(answer):
    """Return the next event's name and data, or the text of a comment."""
    name, data = "", None
    async with asyncio.timeout(10):
        while line := (await answer.content.readline()).decode():
            field, _, value = line.rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = json.loads(value)
            elif field == "":
                if value:
                    return value, None
                if data is not None:
                    return name, data
    return "", None


SHOWN = [
    (
        LOGS,
        [log("api", 10**9, "hi\n\r\u2028", severity_number=17)],
        {"body": "hi\n\r\u2028", "level": "ERROR", "service_name": "api"},
    ),
    (
        Signal.TRACES,
        [
            span(
                "api",
                10**9,
                5,
                name="GET /",
                kind=2,
                status_code=2,
                status_message="no",
                trace_id=TRACE,
                span_id=b"\2" * 8,
                events=[{"time_unix_nano": 7, "name": "e", "attributes": []}],
                links=[{"trace_id": TRACE, "span_id": b"\1" * 8, "attributes": []}],
            )
        ],
        {
            "trace_id": TRACE.hex(),
            "span_id": "02" * 8,
            "name": "GET /",
            "kind": "server",
            "start": "1970-01-01T00:00:01.000000000Z",
            "start_time_unix_nano": "1000000000",
            "duration_ns": 5,
            "status": "error",
            "status_message": "no",
            "service_name": "api",
            "attributes": {},
            "events": [
                {
                    "time": "1970-01-01T00:00:00.000000007Z",
                    "time_unix_nano": "7",
                    "name": "e",
                    "attributes": {},
                }
            ],
            "links": [{"trace_id": TRACE.hex(), "span_id": "01" * 8, "attributes": {}}],
            "resource": {"service.name": "api"},
            "scope": {"name": "", "version": "", "attributes": {}},
        },
    ),
    (Signal.METRICS, [point("api", 1, "up", value_int=7)], {"name": "up", "service_name": "api"}),
]


@pytest.mark.parametrize(("signal", "rows", "wanted"), SHOWN, ids=[str(one[0]) for one in SHOWN])
async def test_each_signal_is_told_as_the_lists_tell_it(signal, rows, wanted):
    async with serving() as (shown, client, _):
        answer = await client.get("/v1/tail", params={"signal": str(signal), "q": "service=api"})
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert answer.headers["Cache-Control"] == "no-store, no-transform"
        assert (await answer.content.readline()) == b"retry: 2000\n"
        assert await event(answer) == ("open", {"signal": str(signal)})
        shown.show(group(batch(signal, rows)))
        name, record = await event(answer)

    assert name == ""
    assert {key: record[key] for key in wanted} == wanted
    if signal is Signal.TRACES:
        assert set(record) == set(wanted)


async def test_logs_are_the_default_and_a_name_never_seen_is_a_warning():
    async with serving() as (_, client, _):
        answer = await client.get("/v1/tail", params={"q": "b=1"})
        _, told = await event(answer)

    assert told["signal"] == "logs"
    assert "no log has an attribute b" in told["warnings"][0]


async def test_what_is_dropped_is_told_before_what_follows():
    async with serving(records_per_s_max=1) as (shown, client, _):
        answer = await client.get("/v1/tail")
        await event(answer)
        shown.show(group(batch(LOGS, [log("api", 1, body) for body in "abc"])))

        assert await event(answer) == ("dropped", {"slow": 0, "rate": 2, "unexamined": 0})
        assert (await event(answer))[1]["body"] == "a"


async def test_silence_is_filled_and_an_end_is_told():
    async with serving(heartbeat=0.05) as (_, client, hub):
        answer = await client.get("/v1/tail")
        await event(answer)
        assert await event(answer) == ("still here", None)
        hub.stop()
        while (told := await event(answer)) == ("still here", None):
            pass
        assert told == ("end", {"reason": hubs.STOPPING})
        assert await answer.content.read() == b""
        again = await client.get("/v1/tail")
        assert (again.status, again.headers["Retry-After"]) == (503, "1")


WRONG = [
    ({"q": "level="}, "q", {"line": 1, "column": 7}),
    ({"signal": "spans"}, "signal", None),
    ({"start": "now"}, "start", None),
]


@pytest.mark.parametrize(("given", "parameter", "position"), WRONG, ids=lambda _: "")
async def test_what_is_wrong_is_told_before_the_stream_begins(given, parameter, position):
    async with serving() as (_, client, _):
        answer = await client.get("/v1/tail", params=given)
        error = (await answer.json())["error"]

    assert answer.status == 400
    assert (error["parameter"], error.get("position")) == (parameter, position)


async def test_a_key_sees_its_own_tenant_and_one_that_may_not_read_nothing():
    keys = ring(kept("key-of-tenant-a", Access.READ, tenant="a"))
    async with serving(keys) as (shown, client, _):
        for key, status in (("unknown", 401), (WRITE, 403)):
            assert (await client.get("/v1/tail", headers=bearer(key))).status == status
        own = await client.get("/v1/tail", headers=bearer("key-of-tenant-a"))
        usual = await client.get("/v1/tail", headers=bearer(READ))
        for answer in (own, usual):
            await event(answer)
        for tenant in ("default", "a"):
            shown.show(group(batch(LOGS, [log("api", 1, f"of {tenant}")], tenant)))

        assert (await event(own))[1]["body"] == "of a"
        assert (await event(usual))[1]["body"] == "of default"


async def test_head_is_refused_and_who_leaves_is_followed_no_more():
    async with serving() as (shown, client, _):
        async with client.head("/v1/tail") as answer:
            assert answer.status == 405
        async with client.get("/v1/tail") as answer:
            await event(answer)
            assert shown.followed(LOGS)
        await until(lambda: not shown.followed(LOGS))


async def test_a_reader_that_takes_nothing_is_let_go(monkeypatch):
    monkeypatch.setattr(tail_api, "WRITE_WAIT_S", 0.1)
    async with (
        serving(records_per_s_max=100_000) as (shown, client, _),
        client.get("/v1/tail") as answer,
    ):
        await event(answer)
        async with asyncio.timeout(10):
            while shown.followed(LOGS):
                shown.show(group(batch(LOGS, [log("api", 1, "x" * 500_000)] * 4)))
                await asyncio.sleep(0.01)
        with pytest.raises(ClientPayloadError):
            await answer.read()
