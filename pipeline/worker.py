"""The worker owns one log of the bus: reads it in order, and commits it group by group.

The position is the committer's own: it is read from the store at the start, and nothing is ever
acknowledged to the bus. A group that fails is tried again in place, so that order holds; a message
that can never be stored is found by bisecting, buried, and the rest goes on.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, TypeAlias

import structlog

from pipeline.config import RouterConfig
from pipeline.errors import AuraError, Rejected, Unavailable
from pipeline.gather import Gatherer
from pipeline.meters import RouterMeters
from pipeline.ports import Bus, Commit, Delivery, Group, LogState, Reader, Recovery, Store, Tail
from pipeline.position import Position
from pipeline.prepare import Preparation, Prepared
from pipeline.resume import Resume, resume
from pipeline.room import Room

log = structlog.get_logger()

Work: TypeAlias = tuple[Sequence[Delivery], Prepared | None] | Exception
"""A group's messages, and the group unless a processor failed on it; or why no more will come."""

_PAUSE_S: Final = 0.1

_CROWDED: Final = 0.5
"""A log with more of its room taken keeps no replay window: else it could stay full for ever."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How a worker groups and retries."""

    config: RouterConfig
    replay_window: int
    """Messages that stay on the bus below the committed position."""
    room: Room
    """What the groups of all workers take their bytes from."""


class Worker:
    """
    Commits one signal and partition until it is closed.

    Entering starts it; leaving stops it at once: what is not committed stays on the bus. `ready` is
    set while it knows where to go on and reads. At most two groups are in memory: one is
    gathered, prepared or waits, and one is committed.
    """

    def __init__(  # noqa: PLR0913 - six parts, and a seam for tests
        self,
        bus: Bus,
        store: Store,
        prepare: Preparation,
        limits: Limits,
        meters: RouterMeters,
        *,
        tail: Tail,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ready = asyncio.Event()
        self._bus = bus
        self._store = store
        self._tail = tail
        self._prepare = prepare
        self._limits = limits
        self._share = limits.room.share()
        self._meters = meters.of(prepare.signal, prepare.partition)
        self._clock = clock
        self._log = log.bind(signal=prepare.signal.value, partition=prepare.partition)
        self._closing = False
        self._recovery = Recovery()
        self._committed: Commit | None = None
        self._purged = 0
        self._known = Position(0, 0)
        """Up to here every message was delivered or counted as lost."""

    async def __aenter__(self) -> "Worker":
        self._task = asyncio.create_task(self._run(), name=f"worker {self._prepare.signal}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        pauses = self._pauses()
        while True:
            started = self._clock()
            try:
                await self._work()
            except Exception as error:  # noqa: BLE001 - the outermost loop: a worker never ends
                self._failed("worker.again", error)
            self.ready.clear()
            self._share.give(self._share.held)  # its groups are gone
            if self._closing:  # an error on the way out takes the place of the cancellation
                return
            if self._clock() - started > self._limits.config.retry_wait_max_s:
                pauses = self._pauses()  # it worked for a while: this is another failure
            await asyncio.sleep(next(pauses))

    def _pauses(self) -> Iterator[float]:
        pause_s, max_s = _PAUSE_S, self._limits.config.retry_wait_max_s
        while True:
            yield min(pause_s, max_s)
            pause_s = min(2 * pause_s, max_s)

    async def _work(self) -> None:
        """Recover, then prepare one group while the one before it is committed."""
        signal, partition = self._prepare.signal, self._prepare.partition
        recovery = self._recovery = await self._recover()
        place = await resume(self._bus, self._store, signal, partition, recovery)
        self._report(place)
        self._committed, self._purged = recovery.last, 0
        if place.begins:
            await self._store_group(self._prepare.beginning(place.epoch, place.after, place.log))
        await self._purge()  # a kill may have come between a commit and its purge
        ready: asyncio.Queue[Work] = asyncio.Queue(1)
        async with (
            self._bus.read(signal, partition, place.after) as reader,
            asyncio.TaskGroup() as tasks,
        ):
            self.ready.set()
            tasks.create_task(self._gather_all(reader, place, recovery, ready))
            tasks.create_task(self._commit_all(place, ready))

    async def _gather_all(
        self, reader: Reader, place: Resume, recovery: Recovery, ready: asyncio.Queue[Work]
    ) -> None:
        # What was gathered is committed before a failed reader is left: half a commit that is given
        # up would be stored again when the log that comes back is an older one.
        try:
            await self._gather(reader, place, recovery, ready)
        except Exception as error:  # noqa: BLE001 - it is raised again, in its turn
            self.ready.clear()
            await ready.put(error)

    async def _gather(
        self, reader: Reader, place: Resume, recovery: Recovery, ready: asyncio.Queue[Work]
    ) -> None:
        gatherer = Gatherer(reader, self._limits.config, self._share, self._clock, self._watched)
        deliveries = await gatherer.group()
        # The reader belongs to the log that it saw first: is it the one that was compared?
        signal, partition = self._prepare.signal, self._prepare.partition
        again = await resume(self._bus, self._store, signal, partition, recovery)
        if not again.agrees(place):
            raise Unavailable("the log was replaced while it was opened")
        while True:
            self._watch(deliveries, place)
            fresh = [one for one in deliveries if not place.is_done(one)]
            if fresh:
                self._share.give(sum(one.size for one in deliveries if place.is_done(one)))
                await ready.put((fresh, await self._prepared(fresh, place)))
            else:  # what is passed over is committed as well, or it would fill the log for ever
                passed = self._prepare.passing(deliveries, place.epoch, place.log)
                await ready.put((deliveries, passed))
            del deliveries, fresh  # a group that waits is to be held once
            await ready.join()
            deliveries = await gatherer.group()

    async def _prepared(self, deliveries: Sequence[Delivery], place: Resume) -> Prepared | None:
        """Return the group, or None when a processor failed on it and it must be bisected."""
        started = self._clock()
        # What the thread itself raises is not the messages' fault.
        prepared = await asyncio.to_thread(self._attempt, deliveries, place)
        if isinstance(prepared, Prepared):
            self._meters.prepared(self._clock() - started)
            return prepared
        if len(deliveries) > 1:
            return None
        self._log.error("worker.chain_failed", sequence=deliveries[0].sequence, exc_info=prepared)
        reason = f"{type(prepared).__name__}: {prepared}"
        return self._prepare.without(deliveries[0], reason, place.epoch, place.log)

    def _attempt(self, deliveries: Sequence[Delivery], place: Resume) -> Prepared | Exception:
        try:
            return self._prepare(deliveries, place.epoch, place.log)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad record must not stop the log
            return error

    async def _commit_all(self, place: Resume, ready: asyncio.Queue[Work]) -> None:
        while True:
            work = await ready.get()
            ready.task_done()
            if isinstance(work, Exception):
                raise work
            await self._commit(*work, place)
            self._share.give(sum(one.size for one in work[0]))
            del work  # while it waits for the next one
            await self._purge()

    async def _commit(
        self, deliveries: Sequence[Delivery], prepared: Prepared | None, place: Resume
    ) -> None:
        """Commit the messages; halve them until the one that can never be stored is alone."""
        reason = ""
        if prepared is not None:
            try:
                await self._store_group(prepared)
            except Rejected as error:
                reason = str(error)
            else:
                return
            self._recovery = await self._recover()  # some of its rows may be there
        if len(deliveries) == 1:
            alone = self._prepare.without(deliveries[0], reason, place.epoch, place.log)
            await self._store_group(alone)
            return
        middle = len(deliveries) // 2
        for half in (deliveries[:middle], deliveries[middle:]):
            await self._commit(half, await self._prepared(half, place), place)

    async def _store_group(self, prepared: Prepared) -> None:
        """Bury what is poisonous, then commit; while a store is down, try again in place."""
        pauses = self._pauses()
        sure = True
        while True:
            started = self._clock()
            try:
                if not sure:  # what failed may have been stored in part, or whole
                    self._recovery = await self._recover()
                if not self._covers(prepared.group):
                    await self._bury(prepared)
                    await self._store.commit(prepared.group, self._recovery)
            except Rejected:
                raise
            except Exception as error:  # noqa: BLE001 - a store that fails is tried again, whatever
                sure = False
                self._failed("worker.commit_again", error)
            else:
                self._committed = prepared.group.commit
                self._meters.committed(prepared.group, self._clock() - started)
                self._tail.show(prepared.group)
                return
            await asyncio.sleep(next(pauses))

    def _watched(self) -> bool:
        return bool(self._tail.followed(self._prepare.signal))

    async def _recover(self) -> Recovery:
        return await self._store.recover(self._prepare.signal, self._prepare.partition)

    def _covers(self, group: Group) -> bool:
        """Tell whether the newest commit record is this group's: an attempt got through."""
        last = self._recovery.last
        return last is not None and (last.epoch, last.last) >= (
            group.commit.epoch,
            group.commit.last,
        )

    async def _bury(self, prepared: Prepared) -> None:
        group = prepared.group
        for poison in prepared.poison:
            position = Position(group.commit.epoch, poison.delivery.sequence)
            self._log.error("worker.buried", position=str(position), reason=poison.reason)
            message = poison.delivery.message
            await self._bus.bury(group.signal, group.partition, position, message, poison.reason)

    def _failed(self, event: str, error: Exception) -> None:
        self._meters.failed()
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        expected = isinstance(error, AuraError)
        self._log.warning(event, error=str(error), exc_info=None if expected else error)

    async def _purge(self) -> None:
        """Let the bus forget what is committed and below the replay window."""
        last = self._committed
        if last is None:
            return
        signal, partition = self._prepare.signal, self._prepare.partition
        with suppress(AuraError):  # the next commit purges as well
            state = await self._bus.state(signal, partition)
            window = 0 if state.used > _CROWDED else self._limits.replay_window
            # The committed message itself stays: by it the log is known again (`resume.py`).
            below = last.last - window
            if below > self._purged and await self._is_ours(last, state):
                await self._bus.purge(signal, partition, below)
                self._purged = below

    async def _is_ours(self, last: Commit, state: LogState) -> bool:
        """Tell whether the log still is the one that was committed."""
        # One that was put in its place has messages below the position that nobody has read.
        signal, partition = self._prepare.signal, self._prepare.partition
        return state.identity == last.log and last.committed_ns == (
            await self._bus.stored_ns(signal, partition, last.last)
        )

    def _report(self, place: Resume) -> None:
        self._lose(place, place.after - place.lost, place.after)
        if place.done:
            self._log.warning("worker.restored_log", epoch=place.epoch, after=place.after)
        self._log.info("worker.ready", epoch=place.epoch, after=place.after)

    def _watch(self, deliveries: Sequence[Delivery], place: Resume) -> None:
        """Count as lost what is missing between the messages: a log has no holes of its own."""
        before = place.after
        for delivery in deliveries:
            self._lose(place, before, delivery.sequence - 1)
            before = delivery.sequence
        self._known = max(self._known, Position(place.epoch, before))

    def _lose(self, place: Resume, after: int, last: int) -> None:
        """Count the messages above `after` up to `last` as lost, each once."""
        after = max(self._known, Position(place.epoch, after)).sequence
        if after < last:
            self._known = Position(place.epoch, last)
            self._meters.lost(last - after)
            self._log.error("worker.lost", messages=last - after, epoch=place.epoch, after=after)
