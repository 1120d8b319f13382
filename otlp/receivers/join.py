"""Small requests that share a bus message: protobuf merges what is concatenated."""

import asyncio
import copy
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from otlp.receivers.budget import Budget
from otlp.receivers.metrics import Metrics
from pipeline.errors import AuraError, Unavailable
from pipeline.ports import Message
from pipeline.reason import Reason
from pipeline.signal import Signal

STOPPING: Final = "Aura is shutting down"

log = structlog.get_logger()


class Broken(Exception):  # noqa: N818 - a verdict, named as one
    """The publish failed by a bug, which was logged where it happened, once for all requests."""


@dataclass(slots=True)
class Load:
    """What goes to the bus as one message; `done` holds why it failed, or None."""

    arrived_ns: int
    done: asyncio.Future[Exception | None]
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    accepted: int = 0
    refused: Counter[Reason] = field(default_factory=Counter)

    def add(self, part: bytes, accepted: int, refused: Mapping[Reason, int]) -> None:
        """Join a part of a request."""
        self.parts.append(part)
        self.size += len(part)
        self.accepted += accepted
        self.refused.update(refused)

    async def published(self) -> None:
        """
        Wait for the bus; raises what it said, or Broken.

        Cancelling stops the waiting and nothing else: others are in the same message.
        """
        failure = await asyncio.shield(self.done)
        if failure is not None:
            # Each waiter raises an exception of its own: a traceback grows with every raise.
            raise copy.copy(failure)


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest message that requests are joined to, and the publishes under way at once."""

    join_bytes_max: int
    publishes_max: int


@dataclass(frozen=True, slots=True)
class Shared:
    """What the joiners of one door have in common."""

    publish: Callable[[Signal, Message], Awaitable[None]]
    limits: Limits
    clock_ns: Callable[[], int]
    budget: Budget
    metrics: Metrics
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Joiner:
    """
    The requests of one signal and tenant on their way to the bus.

    While fewer than `publishes_max` messages are under way a request leaves with the next turn of
    the event loop; after that requests gather, and leave together as soon as one is acknowledged.
    So an idle door adds no delay, and a busy one makes messages as large as the bus is slow. What
    waits is bounded by the budget; the budget has it back when its message is done. `forget` is
    called when nothing is left to do; a later request needs a new joiner.
    """

    def __init__(
        self, signal: Signal, tenant: str, shared: Shared, forget: Callable[[], object]
    ) -> None:
        self._forget = forget
        self._signal = signal
        self._tenant = tenant
        self._shared = shared
        self._waiting: deque[Load] = deque()
        self._publishers = 0

    def add(self, part: bytes, accepted: int, refused: Mapping[Reason, int]) -> Load:
        """Take a part, whose bytes the budget gets back from here; return what it left with."""
        last = self._waiting[-1] if self._waiting else None
        if last is None or last.size + len(part) > self._shared.limits.join_bytes_max:
            done = asyncio.get_running_loop().create_future()
            last = Load(self._shared.clock_ns(), done)
            self._waiting.append(last)
            self._start()
        last.add(part, accepted, refused)
        return last

    def _start(self) -> None:
        # Every load that waits has a publisher of its own, or all of them are busy. A new one
        # takes its load when it starts, so what comes in the same turn of the loop still joins.
        if self._publishers == self._shared.limits.publishes_max:
            return
        self._publishers += 1
        task = asyncio.create_task(self._run())
        self._shared.tasks.add(task)
        task.add_done_callback(self._stopped)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        # A callback, as a task that is cancelled before its first step runs none of its code.
        self._shared.tasks.discard(task)
        self._publishers -= 1
        if not task.cancelled():
            if self._waiting:  # since it looked for the last time
                self._start()
        elif not self._publishers:
            while self._waiting:
                self._finish(self._waiting.popleft(), Unavailable(STOPPING))
        if not self._publishers:
            self._forget()

    async def _run(self) -> None:
        while self._waiting:
            await self._send(self._waiting.popleft())

    async def _send(self, load: Load) -> None:
        message = Message(
            self._tenant,
            b"".join(load.parts),
            load.accepted,
            load.refused.total(),
            load.arrived_ns,
            load.refused,
        )
        failure: Exception | None = Unavailable(STOPPING)
        try:
            await self._shared.publish(self._signal, message)
            failure = None
        except AuraError as verdict:
            failure = verdict
        except Exception as error:  # whatever it is, the waiters must be told
            log.error("publishing failed by a bug", signal=self._signal, exc_info=error)
            failure = Broken("internal error")
        finally:
            self._finish(load, failure)

    def _finish(self, load: Load, failure: Exception | None) -> None:
        self._shared.budget.give(load.size)
        self._shared.metrics.published(self._signal, load.size, failure)
        load.done.set_result(failure)
