"""A run: clients publish, a worker commits, things go wrong; then all is accounted for.

The promise is per (record, attempt): stored at most once, and exactly once if that attempt was
answered. A record is a word `<kind><record>.<attempt>`; the kinds are those of `worker_parts`.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pipeline.bus.memory import MemoryBus
from pipeline.errors import AuraError, Overloaded
from pipeline.ports import DEFAULT_TENANT, Delivery, Group, Message
from pipeline.signal import Signal
from tests.sim.half import Disk, HalfStore
from tests.sim.world import World
from tests.support.fragile_bus import Copy, FragileBus
from tests.support.worker_parts import JUNK, SIGNAL, STRANGER, message, worker

CLIENTS = 2
KINDS = ("w",) * 12 + ("filter", "sample", "bomb", "reject")
SETTLED_S = 3000.0


class Bus(FragileBus):
    """The bus outlives the process; its own answers get lost as well."""

    def __init__(self, world: World, **settings: Any) -> None:
        super().__init__(world.before, **settings)
        self._world = world

    async def publish(self, signal: Any, message: Message) -> None:
        await self._world.before("publish")
        await super().publish(signal, message)
        await self._world.after("publish")

    async def bury(self, *args: Any) -> None:
        await super().bury(*args)
        await self._world.after("bury")

    async def purge(self, *args: Any) -> None:
        # Not held up on its way: a bus cannot be asked to purge only the log that was looked at.
        await MemoryBus.purge(self, *args)
        await self._world.after("purge")


class Shown:
    """A tail that somebody follows: what is shown, over all processes."""

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()

    def followed(self, signal: Signal) -> Sequence[str]:
        return [DEFAULT_TENANT]

    def show(self, group: Group) -> None:
        for batch in group.batches:
            self.words.update(batch.rows["body"].to_pylist())


class Run:
    """One seed's run; `check` raises AssertionError with what happened."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        dice = self.world.dice
        self.bus = Bus(self.world, stream_bytes_max=dice.choice((60, 400, 10_000)))
        self.disk = Disk()
        self.store = HalfStore(self.world, self.disk)
        self.shown = Shown()
        self.answered: dict[str, Message] = {}
        self._gone: list[tuple[Sequence[Delivery], set[str]]] = []
        self._replay_window = dice.choice((0, 3, 1000))
        self._group_records_max = dice.choice((1, 3, 1000))
        self._disasters = dice.choice((0, 0, 1, 2))
        self._messages = dice.randrange(1, 12)
        self._copy: Copy | None = None

    async def go(self) -> None:
        """Let it all happen, heal the world, and wait until everything is committed."""
        process = asyncio.create_task(self._processes())
        async with asyncio.TaskGroup() as tasks:
            for number in range(CLIENTS):
                tasks.create_task(self._client(number))
            tasks.create_task(self._operator())
        self.world.heal()
        async with asyncio.timeout(SETTLED_S):
            while not self._settled():
                # A log that was replaced while it was opened is noticed with its next messages.
                with suppress(Overloaded):
                    await self.bus.publish(SIGNAL, message("filter"))
                await asyncio.sleep(10)
        process.cancel()
        await asyncio.wait([process])

    async def _processes(self) -> None:
        """Run one process after the other: each lives until it is killed."""
        while True:
            self.world.killed.clear()
            self.store = HalfStore(self.world, self.disk)
            options = {
                "group_records_max": self._group_records_max,
                "retry_wait_max_s": 5.0,
                "tail": self.shown,
            }
            async with worker(self.bus, self.store, replay_window=self._replay_window, **options):
                await self.world.killed.wait()
                self.store.die()

    async def _client(self, number: int) -> None:
        dice = self.world.dice
        for record in range(self._messages):
            await asyncio.sleep(dice.choice((0.0, 0.01, 0.4, 3.0)))
            kinds = [dice.choice(KINDS) for _ in range(dice.randrange(1, 4))]
            for attempt in range(6):
                words = [f"{kind}{number}-{record}-{i}.{attempt}" for i, kind in enumerate(kinds)]
                sent = message(*words)
                if dice.random() < 0.05:
                    sent = dice.choice((JUNK, STRANGER))
                try:
                    await self.bus.publish(SIGNAL, sent)
                except AuraError:
                    await asyncio.sleep(dice.choice((0.0, 0.2, 5.0)))
                    continue
                self.answered |= dict.fromkeys(_words(sent), sent)
                break

    async def _operator(self) -> None:
        """Copy the log, restore it, make it anew: what is not stored by then is nobody's fault."""
        dice = self.world.dice
        for _ in range(self._disasters):
            self._copy = self.bus.copy()
            await asyncio.sleep(dice.choice((0.1, 2.0, 9.0)))
            # A log that goes back over a commit that a kill left half done is beyond the promise:
            # rows carry no time of the bus (ARCHITECTURE.md, section 3).
            if self.store.busy or self._half_done():
                continue
            self.world.mortal = False
            old = self.bus.log
            if dice.random() < 0.5:
                self.bus.recreate()
                self.world.happened.append("log made anew")
            else:
                self.bus.restore(self._copy)
                self.world.happened.append("older log restored")
            self._gone.append((old.deliveries, _held(self.bus.log.deliveries)))

    def _half_done(self) -> bool:
        place = self.disk.place
        return bool(self.disk.unfinished()) or any(one.position > place for one in self.bus.buried)

    def _settled(self) -> bool:
        last, log = self.disk.last, self.bus.log
        if last is None or not log.deliveries:
            return False
        newest = log.deliveries[-1]
        place = (log.identity, newest.sequence, newest.stored_ns)
        return (last.log, last.last, last.committed_ns) == place

    def check(self) -> None:
        """Compare what was answered with what is stored, buried and counted."""
        stored = self.disk.words()
        excused = {word for old, kept in self._gone for word in _held(old) - kept}
        buried = Counter(
            word
            for one in self.bus.buried
            if one.content.records and one.content.payload != JUNK.payload
            for word in one.content.payload.decode().split()
        )
        for word, sent in self.answered.items():
            if word in excused:
                continue
            if any("bomb" in one or "reject" in one for one in _words(sent)):
                assert (stored[word], buried[word]) == (0, 1), word
            else:
                wanted = 0 if word.startswith(("filter", "sample")) else 1
                assert (stored[word], buried[word]) == (wanted, 0), word
        doubled = [word for word, times in stored.items() if times > 1]
        assert not doubled, doubled
        assert self.shown.words <= stored, self.shown.words - stored
        ledger = self.disk.ledger()
        assert ledger.stored == len(self.disk.rows)
        counted = ledger.stored + ledger.filtered + ledger.sampled + ledger.buried
        assert ledger.received == counted


def _held(deliveries: Sequence[Delivery]) -> set[str]:
    return {word for one in deliveries for word in _words(one.message)}


def _words(message: Message) -> list[str]:
    return message.payload.decode().split() if message.accepted > 0 and message != JUNK else []
