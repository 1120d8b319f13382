"""The worker owns one log of the bus: reads it in order, and commits it group by group.

The position is the committer's own: it is read from the store at the start, and nothing is ever
acknowledged to the bus. A group that fails is tried again in place, so that order holds; a message
that can never be stored is found by bisecting, buried, and the rest goes on.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

import structlog

from pipeline.config import RouterConfig
from pipeline.errors import AuraError, Rejected
from pipeline.meters import RouterMeters
from pipeline.ports import Bus, Delivery, Group, Reader, Recovery, Store
from pipeline.position import Position
from pipeline.prepare import Preparation, Prepared
from pipeline.resume import Resume, resume

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """How a worker groups and retries."""

    config: RouterConfig
    replay_window: int
    """Messages that stay on the bus below the committed position."""


class Worker:
    """
    Commits one signal and partition until it is closed.

    Entering starts it; leaving stops it at once: what is not committed stays on the bus. `ready` is
    set once it knows where to go on.
    """

    def __init__(
        self,
        bus: Bus,
        store: Store,
        prepare: Preparation,
        limits: Limits,
        meters: RouterMeters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ready = asyncio.Event()
        self._bus = bus
        self._store = store
        self._prepare = prepare
        self._limits = limits
        self._meters = meters.of(prepare.signal, prepare.partition)
        self._clock = clock
        self._log = log.bind(signal=prepare.signal.value, partition=prepare.partition)
        self._recovery = Recovery()
        self._position = 0
        self._purged = 0

    async def __aenter__(self) -> "Worker":
        self._task = asyncio.create_task(self._run(), name=f"worker {self._prepare.signal}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        wait_s = 0.1
        while True:
            try:
                await self._work()
            except Exception as error:  # noqa: BLE001 - the outermost loop: a worker never ends
                self.ready.clear()
                self._failed("worker.again", error)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, self._limits.config.retry_wait_max_s)

    async def _work(self) -> None:
        """Recover, then prepare one group while the one before it is committed."""
        signal, partition = self._prepare.signal, self._prepare.partition
        self._recovery = await self._recover()
        place = await resume(self._bus, self._store, signal, partition, self._recovery)
        self._report(place)
        ready: asyncio.Queue[tuple[Sequence[Delivery], Prepared | None]] = asyncio.Queue(1)
        async with (
            self._bus.read(signal, partition, place.after) as reader,
            asyncio.TaskGroup() as tasks,
        ):
            self._position = place.after
            self.ready.set()
            tasks.create_task(self._gather_all(reader, place, ready))
            tasks.create_task(self._commit_all(place, ready))

    async def _gather_all(
        self,
        reader: Reader,
        place: Resume,
        ready: asyncio.Queue[tuple[Sequence[Delivery], Prepared | None]],
    ) -> None:
        while True:
            deliveries = await self._gather(reader)
            fresh = [one for one in deliveries if not place.is_done(one)]
            if fresh:
                await ready.put((fresh, await self._prepared(fresh, place)))

    async def _gather(self, reader: Reader) -> list[Delivery]:
        """Take messages until a group is full or has waited long enough."""
        config = self._limits.config
        taken: list[Delivery] = []
        records = size = 0
        deadline = None
        while records < config.group_records_max and size < config.group_bytes_max:
            wait_s = 1.0 if deadline is None else deadline - self._clock()
            if wait_s <= 0:
                break
            more = await reader.take(config.group_bytes_max - size, wait_s)
            taken.extend(more)
            records += sum(max(0, one.message.accepted) for one in more)
            size += sum(len(one.message.payload) for one in more)
            if more and deadline is None:
                # Under load the first look brings much at once; then it pays to wait for more.
                busy = records * 20 >= config.group_records_max
                wait_s = config.group_wait_s if busy else config.idle_wait_s
                deadline = self._clock() + wait_s
        return taken

    async def _prepared(self, deliveries: Sequence[Delivery], place: Resume) -> Prepared | None:
        """Return the group, or None when a processor failed on it and it must be bisected."""
        started = self._clock()
        try:
            prepared = await asyncio.to_thread(self._prepare, deliveries, place.epoch, place.log)
        except MemoryError:
            raise  # not the messages' fault
        except Exception as error:  # noqa: BLE001 - one bad record must not stop the log
            if len(deliveries) > 1:
                return None
            self._log.exception("worker.chain_failed", sequence=deliveries[0].sequence)
            reason = f"{type(error).__name__}: {error}"
            return self._prepare.without(deliveries[0], reason, place.epoch, place.log)
        self._meters.prepared(self._clock() - started)
        return prepared

    async def _commit_all(
        self,
        place: Resume,
        ready: asyncio.Queue[tuple[Sequence[Delivery], Prepared | None]],
    ) -> None:
        while True:
            await self._commit(*await ready.get(), place)
            await self._purge()

    async def _commit(
        self, deliveries: Sequence[Delivery], prepared: Prepared | None, place: Resume
    ) -> None:
        """Commit the messages; halve them until the one that can never be stored is alone."""
        reason = "a processor failed"
        if prepared is not None:
            try:
                await self._store_group(prepared)
            except Rejected as error:
                reason = str(error)
            else:
                return
        self._recovery = await self._recover()
        if len(deliveries) == 1:
            alone = self._prepare.without(deliveries[0], reason, place.epoch, place.log)
            await self._store_group(alone)
            return
        middle = len(deliveries) // 2
        for half in (deliveries[:middle], deliveries[middle:]):
            await self._commit(half, await self._prepared(half, place), place)

    async def _store_group(self, prepared: Prepared) -> None:
        """Bury what is poisonous, then commit; while a store is down, try again in place."""
        wait_s = 0.1
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
                self._position = prepared.group.commit.last
                self._meters.committed(prepared.group, self._clock() - started)
                return
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, self._limits.config.retry_wait_max_s)

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
        below = self._position - self._limits.replay_window
        if below <= self._purged:
            return
        with suppress(AuraError):  # the next commit purges as well
            await self._bus.purge(self._prepare.signal, self._prepare.partition, below)
            self._purged = below

    def _report(self, place: Resume) -> None:
        if place.lost:
            self._meters.lost(place.lost)
            self._log.error("worker.lost", messages=place.lost, epoch=place.epoch)
        if place.done:
            self._log.warning("worker.restored_log", epoch=place.epoch, after=place.after)
        self._log.info("worker.ready", epoch=place.epoch, after=place.after)
