"""Connections that answer questions: pools, each with its own settings, and turns by tenant."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.errors import AuraError
from pipeline.ports import Cost
from storage.compile.parameters import Statement
from storage.connection import Connection, fetch, kill
from storage.verdicts import asking

_KILL_AGAIN_S: Final = 0.1


@dataclass(slots=True)
class _Turns:
    """A tenant's turns at a pool; `users` have one or wait for it."""

    free: asyncio.Semaphore
    users: int = 0


@dataclass(frozen=True, slots=True)
class _Seat:
    """A connection that answers for a tenant."""

    connection: Connection
    tenant: str
    comment: str = field(default_factory=lambda: f"aura-{uuid4()}")


class Pool:
    """
    Connections for one kind of question; who finds none free waits, by order of coming.

    One tenant has at most `tenant_max` of them, so that another's question finds one. Of `threads`
    (0: the engine decides) each question has its share as it starts. `control` ends queries that
    nobody waits for; `limits` are what `asking` takes.
    """

    def __init__(
        self,
        connections: Sequence[Connection],
        control: Connection,
        tenant_max: int,
        limits: Mapping[str, float],
        threads: int = 0,
    ) -> None:
        self._size = len(connections)
        self._threads = threads
        self._free: asyncio.Queue[Connection] = asyncio.Queue()
        for one in connections:
            self._free.put_nowait(one)
        self._control = control
        self._tenant_max = tenant_max
        self._limits = limits
        self._turns: dict[str, _Turns] = {}
        self._endings: set[asyncio.Task[None]] = set()

    async def ask(
        self, statement: Statement, columns: pa.Schema, tenant: str, cost: Cost
    ) -> pa.Table:
        """Return a statement's rows with these columns, adding what it took; raises verdicts."""
        seat = await self._take(tenant)
        began_ns = time.monotonic_ns()
        said = statement.sql, statement.parameters, seat.comment, self._share()
        asked = seat.connection.start(lambda client: fetch(client, *said))
        answer = asyncio.wrap_future(asked)
        try:
            with asking(self._limits):
                # Shielded, because the thread cannot be cancelled: the connection is busy until
                # the query has ended.
                table, took = await asyncio.shield(answer)
        except asyncio.CancelledError:
            ending = asyncio.create_task(self._end(answer, seat))
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)
            cost.engine_ns += time.monotonic_ns() - began_ns
            raise
        except BaseException:
            self._give(seat)
            cost.engine_ns += time.monotonic_ns() - began_ns
            raise
        self._give(seat)
        cost.rows += took.rows
        cost.bytes += took.bytes
        cost.engine_ns += took.engine_ns
        return table.select(columns.names).cast(columns)

    async def close(self) -> None:
        """Wait for the end of what was given up."""
        if self._endings:
            await asyncio.wait(self._endings)

    def _share(self) -> int:
        """Return the threads of one more question: all of them when it is the only one."""
        running = self._size - self._free.qsize()
        return max(1, self._threads // running) if self._threads else 0

    async def _take(self, tenant: str) -> _Seat:
        turns = self._turns.setdefault(tenant, _Turns(asyncio.Semaphore(self._tenant_max)))
        turns.users += 1
        try:
            await turns.free.acquire()
            try:
                return _Seat(await self._free.get(), tenant)
            except BaseException:
                turns.free.release()
                raise
        except BaseException:
            self._leave(tenant)
            raise

    def _give(self, seat: _Seat) -> None:
        self._free.put_nowait(seat.connection)
        self._turns[seat.tenant].free.release()
        self._leave(seat.tenant)

    def _leave(self, tenant: str) -> None:
        turns = self._turns[tenant]
        turns.users -= 1
        if not turns.users:
            del self._turns[tenant]

    async def _end(self, answer: asyncio.Future[tuple[pa.Table, Cost]], seat: _Seat) -> None:
        """Kill a query that nobody waits for, and give its connection back once it ended."""
        # Again and again: it may not have reached the engine when the first attempt came.
        while not answer.done():
            await self._kill(seat.comment)
            await asyncio.wait([answer], timeout=_KILL_AGAIN_S)
        if not answer.cancelled():
            answer.exception()  # nobody else asks for it
        self._give(seat)

    async def _kill(self, comment: str) -> None:
        try:
            with asking(self._limits):
                await self._control.run(lambda client: kill(client, comment))
        except (AuraError, ClickHouseError):
            return  # then it ends by its own time limit
