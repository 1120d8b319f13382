"""A store like ClickHouse: an insert is whole for each day only, the commit record comes last."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from pipeline.errors import Rejected
from pipeline.ports import Commit, Counts, Group, Recovery
from pipeline.position import Position
from pipeline.signal import Signal
from storage.tables import covers
from tests.sim.world import World
from tests.support.worker_parts import DAY_NS

T = TypeVar("T")
Row = tuple[int, int, int, str]
"""Epoch, day, sequence, word."""


class Disk:
    """What outlives the process."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.groups: list[Group] = []

    @property
    def last(self) -> Commit | None:
        commits = (group.commit for group in self.groups)
        return max(commits, key=lambda one: (one.epoch, one.last), default=None)

    @property
    def place(self) -> Position:
        last = self.last
        return Position(last.epoch, last.last) if last else Position(0, 0)

    def unfinished(self) -> frozenset[Row]:
        """Return the rows above the newest commit record."""
        place = self.place
        return frozenset(row for row in self.rows if Position(row[0], row[2]) > place)

    def words(self) -> Counter[str]:
        return Counter(word for *_, word in self.rows)

    def ledger(self) -> Counts:
        total = Counts()
        for group in self.groups:
            for counts in group.counts.values():
                for name in Counts.__slots__:
                    setattr(total, name, getattr(total, name) + getattr(counts, name))
        return total


class HalfStore:
    """A process's way to the disk: one operation after the other, each to its end or its death."""

    signals = frozenset(Signal)

    def __init__(self, world: World, disk: Disk) -> None:
        self._world = world
        self._disk = disk
        self._turn = asyncio.Lock()
        self._alive = True
        self._tasks: list[asyncio.Task[Any]] = []

    @property
    def busy(self) -> bool:
        return self._turn.locked()

    def die(self) -> None:
        """What the process had begun goes no further, and nothing is begun."""
        self._alive = False
        for task in self._tasks:
            task.cancel()

    async def recover(self, signal: Signal, partition: int) -> Recovery:
        async def look() -> Recovery:
            await self._world.before("recover")
            present = frozenset(row[:3] for row in self._disk.unfinished())
            return Recovery(self._disk.last, present)

        return await self._in_turn(look)

    async def history(
        self, signal: Signal, partition: int, first: int, last: int
    ) -> Sequence[Commit]:
        commits = (group.commit for group in self._disk.groups)
        return [one for one in commits if one.last >= first and one.first <= last]

    async def commit(self, group: Group, recovery: Recovery) -> None:
        await self._in_turn(lambda: self._commit(group, recovery))

    async def _commit(self, group: Group, recovery: Recovery) -> None:
        if covers(recovery.last, group.commit):
            return
        rows = [
            (group.commit.epoch, time // DAY_NS, sequence, word)
            for batch in group.batches
            for time, sequence, word in zip(
                *(batch.rows[name].to_pylist() for name in ("time", "sequence", "body")),
                strict=True,
            )
        ]
        if any("reject" in word for *_, word in rows):
            raise Rejected("the store never takes it")
        present = recovery.present or frozenset()
        for day in sorted({row[1] for row in rows}):
            await self._world.before("insert")
            self._disk.rows += [row for row in rows if row[1] == day and row[:3] not in present]
            await self._world.after("insert")
        await self._world.before("record")
        self._disk.groups.append(group)
        await self._world.after("record")

    async def _in_turn(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run as in the log's own thread: a caller that gives up does not stop it."""

        async def alone() -> T:
            async with self._turn:
                return await work()

        if not self._alive:
            await asyncio.Event().wait()
        running: Coroutine[Any, Any, T] = alone()
        self._tasks.append(asyncio.create_task(running))
        return await asyncio.shield(self._tasks[-1])
