"""A question whose connection is closed ends in the engine."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import ClientSession, web

from pipeline.keyring import Keyring
from pipeline.listener import AppRunner
from query.api import answers, http
from query.config import Limits
from query.engine import Engine
from storage.answers import VALUES
from storage.compile.parameters import Statement
from tests.support.postgres.rig import WAITING, kept_from
from tests.support.stores import remote, rig

ENDLESS = "SELECT toString(sum(sipHash64(number))) AS value FROM numbers(1000000000000)"
RUNNING = """SELECT count() FROM system.processes
WHERE query LIKE '%numbers(1000000000000)%' AND query NOT LIKE '%system.processes%'"""


class Endless:
    """The store, in which every question takes for ever."""

    def __init__(self, store):
        self._store = store

    async def run(self, plan, cost=None):
        pool = self._store._scans
        yield (await pool.ask(Statement(ENDLESS), VALUES, plan.tenant, cost)).to_batches()[0]


async def count(one, wanted, running=RUNNING):
    async with asyncio.timeout(20):
        while await one.sql(running) != [(wanted,)]:  # noqa: ASYNC110 - a poll
            await asyncio.sleep(0.01)


@asynccontextmanager
async def served(backend):
    """The query API over a backend, with room for one question."""
    engine = Engine(backend, Limits(concurrent_max=1))
    app = web.Application(middlewares=[answers.errors])
    app.add_routes(http.routes(engine, Keyring()))
    runner = AppRunner(app, answers.malformed, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://{}:{}/v1/".format(*runner.addresses[0])
    finally:
        await runner.cleanup()


async def ends_with_its_client(one, url, running):
    """See that a question ends when its client goes, and gives its place back."""
    async with ClientSession() as client:
        asking = asyncio.create_task(client.get(url))
        await count(one, 1, running)
        async with client.get(url) as refused:
            assert refused.status == 503, "the only place is taken"
        asking.cancel()

        await count(one, 0, running)
        again = asyncio.create_task(client.get(url))
        await count(one, 1, running)
        again.cancel()
        await count(one, 0, running)


@pytest.mark.parametrize("kind", ["chdb", "server"])
async def test_a_closed_connection_ends_its_query_in_the_engine(kind):
    async with rig(kind, query_rows_max=2**62) as one, served(Endless(one.store)) as url:
        await ends_with_its_client(one, f"{url}logs", RUNNING)


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_closed_connection_ends_its_statement_in_postgresql(elsewhere):
    """Also where storage is the role of another process."""
    async with AsyncExitStack() as up:
        one = await up.enter_async_context(rig("postgres"))
        asked = await up.enter_async_context(remote(one.store)) if elsewhere else one.store
        url = await up.enter_async_context(served(asked))
        await up.enter_async_context(kept_from(one, "series"))
        await ends_with_its_client(one, f"{url}metrics/range?measure=count", WAITING)
