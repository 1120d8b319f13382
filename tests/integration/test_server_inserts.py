"""An insert over HTTP counts once, however its connection, its server or its Aura ends."""

import asyncio
import os
import random
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from otlp.codec.request import REQUESTS
from pipeline.errors import Overloaded, Rejected, Unavailable
from pipeline.plan import Traces
from pipeline.signal import Signal
from storage.clickhouse import open_clickhouse
from tests.support.cutting_proxy import CuttingProxy
from tests.support.stores import (
    NOW,
    ask,
    commit,
    everything,
    group,
    holds,
    messages,
    replace_readers,
    rig,
    server,
    write,
)

TENANTS = ("a", "b")
CUTS = 5


@pytest.fixture
async def opened():
    server().clear()
    async with rig("server") as one:
        yield one
        server().clear()


@asynccontextmanager
async def another(target):
    """Another Aura at the same store."""
    async with open_clickhouse(target, replace_readers(1)) as store:
        yield store


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a poll
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("direction", ["sent", "received"])
async def test_a_commit_whose_connection_is_cut_at_any_byte_is_stored_once(opened, direction):
    """In the request: before the body, or within it; in the answer: after the body, or within."""
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with CuttingProxy(server().port) as proxy:
        through = replace(opened.target, server=replace(opened.target.server, port=proxy.port))
        async with another(through) as store:
            for at in range(CUTS + 1):
                posts = messages(Signal.LOGS, range(1, 4), (f"a{at}", f"b{at}"))
                whole = group(Signal.LOGS, posts, partition=at)
                recovery = await store.recover(Signal.LOGS, at)
                server().clear()
                if at == 0:  # how many bytes it takes
                    proxy.count()
                    await store.commit(whole, recovery)
                    total = int(getattr(proxy, direction) * 0.95)
                    continue
                proxy.cut(direction, chance.randrange(total))
                with suppress(Unavailable):  # behind the last header that matters it is done
                    await store.commit(whole, recovery)
                assert not proxy.cuts
                tables = server().seen
                assert len(tables) == len(set(tables)), "the driver repeated an insert"

                halves = [group(Signal.LOGS, part, partition=at) for part in (posts[:1], posts[1:])]
                await write(store, *halves)

                await holds(opened.store, Signal.LOGS, posts)


@pytest.mark.parametrize("table", ["spans", "commits"])
@pytest.mark.parametrize(("how", "end"), [("late", "taken this log over"), ("slow", "Code: 394")])
async def test_an_insert_that_outlives_its_aura_is_stored_once(opened, how, end, table):
    """It reaches the server late, or runs there still, while the next Aura makes other groups."""
    posts = messages(Signal.TRACES, range(1, 6), TENANTS)
    server().fault(how, table=table, row_s=0.29)
    async with another(opened.target) as killed:
        with pytest.raises(Unavailable):
            await write(killed, group(Signal.TRACES, posts))
    assert server().late == [""]

    recovery = await write(
        opened.store, group(Signal.TRACES, posts[:3]), group(Signal.TRACES, posts[3:])
    )
    server().release()
    await until(lambda: server().late != [""])

    assert end in server().late[0]
    assert recovery.last is None
    await holds(opened.store, Signal.TRACES, posts)
    assert list(await opened.store.history(Signal.TRACES, 0, 1, 9)) == [
        commit(1, 1, 3),
        commit(1, 4, 5),
    ]


async def test_whoever_took_a_log_shuts_the_other_out(opened):
    posts = messages(Signal.LOGS, range(1, 4), TENANTS)
    whole = group(Signal.LOGS, posts)
    async with another(opened.target) as first:
        recovery = await first.recover(Signal.LOGS, 0)
        other_log = await first.recover(Signal.LOGS, 1)
        await opened.store.recover(Signal.LOGS, 0)

        with pytest.raises(Unavailable, match="another has taken this log over"):
            await first.commit(whole, recovery)
        await first.commit(replace(whole, partition=1), other_log)

        assert (await ask(opened.store, everything(Signal.LOGS, "a"))).num_rows == 2
        await write(first, whole)
    await holds(opened.store, Signal.LOGS, posts + posts)


async def test_a_server_that_is_killed_in_an_insert_has_it_once_when_it_is_back(opened):
    posts = messages(Signal.LOGS, range(1, 4), TENANTS)
    whole = group(Signal.LOGS, posts)
    server().fault("stall", table="commits")
    recovery = await opened.store.recover(Signal.LOGS, 0)
    committing = asyncio.create_task(opened.store.commit(whole, recovery))
    await until(lambda: "commits" in server().seen)
    server().kill()
    with pytest.raises(Unavailable):
        await committing
    with pytest.raises(Unavailable):
        await opened.store.recover(Signal.LOGS, 0)
    with pytest.raises(Unavailable):
        await ask(opened.store, everything(Signal.LOGS, "a"))

    server().start()

    await write(opened.store, whole)
    await holds(opened.store, Signal.LOGS, posts)


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ({"how": "half"}, Unavailable),
        ({"how": "headers"}, Unavailable),
        ({"how": "busy"}, Unavailable),
        ({"how": "error", "code": 241}, Overloaded),
        ({"how": "error", "code": 252}, Overloaded),
        ({"how": "error", "code": 53}, Rejected),
        ({"how": "error", "code": 999}, Unavailable),
    ],
)
async def test_what_a_server_answers_is_a_verdict(opened, fault, verdict):
    posts = messages(Signal.LOGS, range(1, 3), TENANTS)
    for table in ("services", "commits"):
        server().fault(**fault, table=table)
        with pytest.raises(verdict):
            await write(opened.store, group(Signal.LOGS, posts))

    await write(opened.store, group(Signal.LOGS, posts))
    await holds(opened.store, Signal.LOGS, posts)


@pytest.mark.parametrize("how", ["before", "headers", "torn", "busy"])
async def test_a_question_whose_answer_breaks_is_no_answer(opened, how):
    await write(opened.store, group(Signal.LOGS, messages(Signal.LOGS, range(1, 9), ("a",))))
    server().fault(how, kind="SELECT", times=2)
    with pytest.raises(Unavailable):
        await ask(opened.store, everything(Signal.LOGS, "a"))
    server().clear()

    assert (await ask(opened.store, everything(Signal.LOGS, "a"))).num_rows == 16


async def test_more_traces_than_one_field_of_a_request_holds_are_found(opened):
    request = REQUESTS[Signal.TRACES]()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(1, 4102):  # at 35 bytes an ID
        scope.spans.add(
            name="op",
            trace_id=number.to_bytes(16, "big"),
            span_id=bytes(7) + b"1",
            start_time_unix_nano=NOW - number,
            end_time_unix_nano=NOW,
        )
    await write(opened.store, group(Signal.TRACES, [(1, "a", request)]))

    found = await ask(opened.store, Traces("a", 0, 2**63, None, 10_000))

    assert found.num_rows == 4101
