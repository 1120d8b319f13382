"""The door: what every receiver hands a request to, and what its answer rests on."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self, TypeVar, TypeVarTuple

from otlp.aside import LARGE_BYTES, Aside
from otlp.codec import rules
from otlp.codec.cuts import NOTHING, Allowance, Cut
from otlp.codec.validate import Checked, Part, validate
from otlp.config import IngestorConfig
from otlp.letters import LetterBox
from otlp.rates import Rates
from otlp.receivers.budget import Budget, Room
from otlp.receivers.join import STOPPING, Broken, Joiner, Limits, Load, Shared
from otlp.receivers.metrics import Metrics
from pipeline.errors import AuraError, Rejected, Unavailable
from pipeline.keyring import Access, Headers, Keyring
from pipeline.letter import Form
from pipeline.ports import Message
from pipeline.reason import Reason
from pipeline.signal import Signal

Validate = Callable[[Signal, bytes, int, Allowance], Checked]

_T = TypeVar("_T")
_Arguments = TypeVarTuple("_Arguments")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many records are kept and how many were refused, and a sentence on why."""

    accepted: int
    refused: int
    message: str


@dataclass(slots=True)
class Sent:
    """
    What a receiver left out of a payload: the number by reason, and the first of them as `cuts`.

    `body` is what was sent, where that was OTLP/JSON: letters of refused records are cut from it.
    The door takes it away when that is done.
    """

    refused: Mapping[str, int] = field(default_factory=dict)
    cuts: Sequence[Cut] = ()
    body: bytes = b""


def as_json(body: bytes) -> Sent:
    """Return OTLP/JSON for the letters; a large body is not held for them, nor taken apart."""
    return Sent(body=body) if len(body) < LARGE_BYTES else Sent()


class Door:
    """
    Checks requests record by record and answers once the bus has them on disk.

    What it refuses goes to the `letters`, where there are some, once the request is answered.

    Memory is bounded: what all unanswered requests hold together is at most
    `config.in_flight_bytes_max`; nothing queues beyond it. An async context manager; leaving it is
    `close`.
    """

    def __init__(  # noqa: PLR0913 - five parts, and three seams for tests
        self,
        publish: Callable[[Signal, Message], Awaitable[None]],
        config: IngestorConfig,
        *,
        message_bytes_max: int,
        metrics: Metrics,
        keyring: Keyring,
        letters: LetterBox | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        clock: Callable[[], float] = time.monotonic,
        validate: Validate = validate,
    ) -> None:
        self.metrics = metrics
        self.closed = False
        self.aside = Aside()
        self._config = config
        self._keyring = keyring
        self._message_bytes_max = message_bytes_max
        self._validate = validate
        self._letters = letters
        self._budget = Budget(config.in_flight_bytes_max)
        self._rates = Rates(config.limits, metrics.turned_away, clock)
        limits = Limits(min(config.join_bytes_max, message_bytes_max), config.publishes_max)
        self._shared = Shared(publish, limits, clock_ns, self._budget, metrics)
        self._joiners: dict[tuple[Signal, str], Joiner] = {}
        metrics.watch(lambda: self._budget.taken)

    @property
    def in_flight_bytes(self) -> int:
        """The bytes that unanswered requests hold."""
        return self._budget.taken

    def tenant(self, headers: Headers) -> str:
        """
        Return whose records a request brings, to be asked before its body is read.

        Raises what `Keyring.admit` raises.
        """
        return self._keyring.admit(headers, Access.WRITE).tenant

    @property
    def allowance(self) -> Allowance:
        """What is kept of a request's refused records now."""
        return self._letters.allowance if self._letters else NOTHING

    async def read(
        self,
        signal: Signal,
        tenant: str,
        form: Form,
        body: bytes,
        work: Callable[[*_Arguments], _T],
        *arguments: *_Arguments,
    ) -> _T:
        """
        Return what `work` makes of a body, aside; a body that it raises Rejected for is kept.

        Raises what it raises.
        """
        try:
            return await self.aside.run(len(body), work, *arguments)
        except Rejected as error:
            if self._letters:
                self._letters.unread(signal, tenant, form, body, error)
            raise

    def room(self, tenant: str) -> Room:
        """
        Return the place of one request in the budget, to be entered before its body is read.

        Raises Unavailable once the door is closed; entering raises Overloaded. Whoever has read
        the body calls `weigh` before it is looked into.
        """
        if self.closed:
            raise Unavailable(STOPPING)
        return Room(self._budget, self._rates.purse(tenant))

    async def admit(
        self,
        signal: Signal,
        tenant: str,
        payload: bytes,
        room: Room | None = None,
        sent: Sent | None = None,
    ) -> Outcome:
        """
        Check an Export…ServiceRequest, and return once the bus acknowledged all that it keeps.

        `room` holds the bytes of the payload already; without one they are taken here. What a
        receiver left out, which `sent` tells, is refused as if found here. A request with
        refused records is a success, also when nothing is left of it. Raises Rejected for
        bytes that are no such request and for more records than its tenant may send at once,
        Overloaded when there is no room here or in the bus, or the tenant sends too much,
        Unavailable when the bus does not answer or the door is closed, Broken for a bug. After an
        error, parts of a large request may be in the bus; sending it again is right.

        Cancelling gives up the answer only: what was joined with other requests is published, and
        the budget has its bytes back when that is done.
        """
        if room is None:
            with self.room(tenant) as own:
                own.take(len(payload))
                own.weigh(len(payload))
                return await self.admit(signal, tenant, payload, own, sent)
        sent = sent or Sent()
        checked = await self.read(
            signal,
            tenant,
            Form.PROTOBUF,
            payload,
            self._validate,
            signal,
            payload,
            self._message_bytes_max,
            self.allowance,
        )
        room.count(checked.accepted)
        reasons = Counter(sent.refused) + Counter(checked.reasons)
        refused = reasons.total()
        # A refused record is to be counted in the ledger even when nothing else is left.
        parts = checked.parts or ((Part(b"", 0),) if refused else ())
        size = len(payload)
        del payload
        with self._holding(signal, tenant, checked, refused, sent):
            room.resize(sum(len(part.payload) for part in parts))
            if self.closed:
                raise Unavailable(STOPPING)
            loads = self._join(signal, tenant, parts, rules.reasons(reasons), room)
            await self._published(loads, checked.accepted)
        self.metrics.admitted(signal, size, checked.accepted, reasons)
        return Outcome(checked.accepted, refused, checked.message)

    async def close(self) -> None:
        """
        Admit nothing more and finish what is under way, for at most `stop_timeout_s`.

        What is not acknowledged by then is answered Unavailable. Safe to call twice.
        """
        self.closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._config.stop_timeout_s):
                await self._idle()
        for task in self._shared.tasks:
            task.cancel()
        self.aside.close()
        await self._idle()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _holding(
        self, signal: Signal, tenant: str, checked: Checked, refused: int, sent: Sent
    ) -> AbstractContextManager[None]:
        """Return what sends the letters of a request when it is left without an error."""
        body, sent.body = sent.body, b""
        if self._letters is None or not refused:
            return nullcontext()
        letters = self._letters.written(signal, tenant, [*sent.cuts, *checked.cuts], body)
        return self._letters.holding(signal, letters, refused)

    def _join(
        self,
        signal: Signal,
        tenant: str,
        parts: tuple[Part, ...],
        refused: Mapping[Reason, int],
        room: Room,
    ) -> list[Load]:
        if not parts:
            return []
        key = signal, tenant
        joiner = self._joiners.get(key)
        if joiner is None:
            # It is forgotten when idle: tenants come and go, and nobody bounds their number.
            forget = partial(self._joiners.pop, key)
            joiner = self._joiners[key] = Joiner(signal, tenant, self._shared, forget)
        loads = []
        for part in parts:
            room.hand_over(len(part.payload))
            loads.append(joiner.add(part.payload, part.records, refused))
            refused = {}  # counted once, with the first part
        return loads

    async def _idle(self) -> None:
        while self._shared.tasks:
            await asyncio.wait(self._shared.tasks)
            await asyncio.sleep(0)  # for what a task that is done has yet to say

    @staticmethod
    async def _published(loads: list[Load], accepted: int) -> None:
        try:
            for load in loads:
                await load.published()
        except (AuraError, Broken):
            # Refusing needs no bus: the client must not send such records again, so it is told so
            # although the ledger misses their number (which both sides of its balance then lack).
            if accepted:
                raise
