"""A query backend that remembers answers about time ranges that are over."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from pipeline.errors import AuraError
from pipeline.plan import HEADS_MAX, Changes, Dependencies, Head, Heads, Plan, Records, Table
from pipeline.ports import Cost, QueryBackend
from pipeline.signal import Signal
from query.cache import form
from query.cache.config import CacheConfig
from query.cache.form import Closable, Kept
from query.cache.meters import CacheMeters
from query.cache.port import Cache

_STOOD_S: Final = 10.0
"""How old heads may be: older ones are right too, but what came since makes their answers void."""

_PAUSE_S: Final = 0.02
_PAUSE_MAX_S: Final = 0.5
"""Pauses between looks at what another process is at."""


class CachedBackend:
    """
    Asks a backend what it has not asked before; a `QueryBackend`.

    An answer is kept with the heads of its signal's logs as they were before it was asked for. It
    is given again only after the store has said that the range holds nothing beyond them: so it is
    what the store would answer now, whoever wrote, restarted or was killed in between. (Records
    that retention removed meanwhile are still in it, `ttl` at most.)

    Of those in one process that ask the same, one asks the store; of several processes too, as long
    as the cache is shared and answers, and nobody waits for another process for more than `wait`.
    `claim_s` is how long a question may take.
    """

    def __init__(
        self,
        backend: QueryBackend,
        cache: Cache,
        config: CacheConfig,
        meters: CacheMeters,
        *,
        claim_s: float = 60.0,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._backend = backend
        self._cache = cache
        self._config = config
        self._meters = meters
        self._claim_s = claim_s
        self._now_ns = now_ns
        self._stood: dict[Signal, tuple[float, tuple[Head, ...]]] = {}
        self._turns: dict[str, _Turn] = {}

    async def run(
        self, plan: Plan, cost: Cost | None = None
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Answer a plan; see `pipeline.ports.QueryBackend`."""
        if not isinstance(plan, Records | Table | Dependencies) or not self._closed(plan):
            batches = self._backend.run(plan, cost)
        else:
            batches = self._remembered(plan, cost or Cost())
        async with aclosing(batches) as answer:
            async for batch in answer:
                yield batch

    def _closed(self, plan: Closable) -> bool:
        return plan.end_ns <= self._now_ns() - self._config.settle * 10**9

    async def _remembered(self, plan: Closable, cost: Cost) -> AsyncGenerator[pa.RecordBatch, None]:
        key = form.key(plan)
        while (found := await self._look(plan, key)) is None:
            turn = self._turns.get(key)
            if turn is None:
                turn = self._turns[key] = _Turn()
                async with aclosing(self._first(plan, key, cost, turn)) as answer:
                    async for batch in answer:
                        yield batch
                return
            await turn.over.wait()
            if turn.kept is False:  # there is nothing to be had of it: see `_fill`
                async with aclosing(self._backend.run(plan, cost)) as answer:
                    async for batch in answer:
                        yield batch
                return
        for batch in self._hit(found, cost):
            yield batch

    async def _first(
        self, plan: Closable, key: str, cost: Cost, turn: "_Turn"
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Ask the store on behalf of all who wait in this process, unless another process did."""
        try:
            found = await self._elsewhere(plan, key)
            if found is not None:
                turn.kept = True
                for batch in self._hit(found, cost):
                    yield batch
                return
            async with aclosing(self._fill(plan, key, cost, turn)) as answer:
                async for batch in answer:
                    yield batch
        finally:
            del self._turns[key]
            turn.over.set()
            await asyncio.shield(self._cache.release(key))

    async def _elsewhere(self, plan: Closable, key: str) -> Sequence[pa.RecordBatch] | None:
        """Wait while another process asks the same; None: now it is ours to ask."""
        clock = asyncio.get_running_loop().time
        end, pause_s, waited = clock() + self._config.wait, _PAUSE_S, False
        while not await self._cache.claim(key, self._claim_s) and clock() < end:
            if waited and (found := await self._look(plan, key)) is not None:
                return found
            await asyncio.sleep(pause_s)
            pause_s, waited = min(2 * pause_s, _PAUSE_MAX_S), True
        return await self._look(plan, key) if waited else None

    async def _look(self, plan: Closable, key: str) -> Sequence[pa.RecordBatch] | None:
        """Return what was kept, if it is still what the store would answer."""
        value = await self._cache.get(key)
        kept = await asyncio.to_thread(form.read, value) if value else None
        if kept is None or value is None:
            return None
        within = plan.tenant, plan.start_ns, plan.end_ns
        changed = await self._table(Changes(_signal(plan), *within, kept.heads, 1))
        if changed is None or changed.num_rows:
            self._meters.answered("stale")
            self._stood.pop(_signal(plan), None)
            return None
        self._meters.moved("read", len(value))
        return kept.batches

    def _hit(self, found: Sequence[pa.RecordBatch], cost: Cost) -> Sequence[pa.RecordBatch]:
        self._meters.answered("hit")
        cost.cached = True
        return found

    async def _fill(
        self, plan: Closable, key: str, cost: Cost, turn: "_Turn"
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        self._meters.answered("miss")
        heads = await self._heads(plan)  # before the answer, which then has all up to them
        began_ns = cost.engine_ns
        batches: list[pa.RecordBatch] = []
        room = 0 if heads is None else self._config.answer_bytes_max
        async with aclosing(self._backend.run(plan, cost)) as answer:
            async for batch in answer:
                room -= batch.nbytes
                if room >= 0:
                    batches.append(batch)
                else:
                    batches.clear()
                yield batch
        turn.kept = False
        worth = cost.engine_ns - began_ns >= self._config.worth * 10**9
        if heads is not None and batches and worth:
            value = await asyncio.to_thread(form.write, Kept(heads, batches))
            turn.kept = await self._cache.put(key, value)
            self._meters.moved("written", len(value))

    async def _heads(self, plan: Closable) -> tuple[Head, ...] | None:
        """Return where the logs stood a moment ago; None when that cannot be compared later."""
        signal = _signal(plan)
        until, heads = self._stood.get(signal, (0.0, ()))
        if time.monotonic() < until:
            return heads
        table = await self._table(Heads(signal, plan.tenant, HEADS_MAX + 1))
        if table is None:
            return None
        heads = tuple(Head(*one.values()) for one in table.to_pylist())
        # A log that has no message yet is like any other.
        if not heads or any(one.partition >= HEADS_MAX or not one.committed_ns for one in heads):
            return None
        self._stood[signal] = (time.monotonic() + _STOOD_S, heads)
        return heads

    async def _table(self, plan: Plan) -> pa.Table | None:
        """Return the answer of a look-up, None when there is none: then nothing is kept."""
        try:
            async with aclosing(self._backend.run(plan, Cost())) as answer:
                return pa.Table.from_batches([batch async for batch in answer])
        except AuraError:
            return None


@dataclass(slots=True)
class _Turn:
    """Somebody of this process asks the store; `kept` says afterwards whether that was kept."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    kept: bool | None = None


def _signal(plan: Closable) -> Signal:
    return Signal.TRACES if isinstance(plan, Dependencies) else plan.signal
