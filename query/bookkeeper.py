"""What became of a tenant's records: the commit records' counts, and what waits in the bus."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.errors import Overloaded, Unavailable
from pipeline.plan import Ledger, Positions, Reached
from pipeline.ports import Bus, Delivery
from pipeline.reason import Reason
from pipeline.signal import Signal
from query.engine import Engine

WAITING_MAX: Final = 10_000
"""Messages of one log whose headers are read for one answer, about 20 µs each."""

ASKERS_MAX: Final = 16
"""Answers that wait for their turn at the bus; more are told to come again."""

ATTEMPTS: Final = 3
"""A log may be committed and purged beyond what was read of its position a moment ago."""

NO_BUS: Final = (
    "in_flight is not known here, nor part of received: this process has no bus; "
    "one with the role ingestor or router has it"
)


@dataclass(slots=True)
class Entry:
    """
    One signal in one interval, in records; the end is not in it.

    received = filtered + sampled + buried + stored + in_flight. `refused`, by reason, was never
    received. `expired` are those of the stored whose retention is over. None: not known.
    """

    signal: Signal
    start_ns: int
    end_ns: int
    received: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    filtered: int = 0
    sampled: int = 0
    buried: int = 0
    stored: int = 0
    expired: int = 0
    in_flight: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose ledger, of when, in intervals of which length; `now_ns` tells what has expired."""

    tenant: str
    start_ns: int
    end_ns: int
    step_ns: int
    now_ns: int


@dataclass(frozen=True, slots=True)
class Books:
    """An entry for each signal and interval, and sentences about what is not known."""

    entries: Sequence[Entry]
    warnings: Sequence[str]


class Bookkeeper:
    """
    Reads the ledger; without a bus it does not know what is in flight, and says so.

    A message that the door answered is either counted by a commit record or waits in the bus above
    it: both are looked at up to the same place, so it is counted once whatever is committed
    meanwhile. One answer at a time reads the bus.
    """

    def __init__(self, engine: Engine, bus: Bus | None) -> None:
        self._engine = engine
        self._bus = bus
        self._turn = asyncio.Lock()
        self._askers = 0

    async def read(self, asked: Asked) -> Books:
        """Return the books of a tenant; raises what `Engine.look` does, and Overloaded."""
        if self._bus is None:
            entries = _Entries(asked)
            await self._commits(asked, (), entries)
            return Books(entries.all, [NO_BUS])
        if self._askers > ASKERS_MAX:
            raise Overloaded(f"no room for another look at the bus ({ASKERS_MAX} wait)")
        self._askers += 1
        try:
            async with self._turn:
                return await self._whole(asked, self._bus)
        finally:
            self._askers -= 1

    async def _whole(self, asked: Asked, bus: Bus) -> Books:
        for _ in range(ATTEMPTS):
            entries = _Entries(asked)
            unknown = await self._fill(asked, bus, entries)
            if not any(isinstance(error, _MovedError) for error in unknown.values()):
                break
        why = "in_flight of {} is not known, nor part of received: {}"
        return Books(entries.all, [why.format(*one) for one in unknown.items()])

    async def _fill(
        self, asked: Asked, bus: Bus, entries: "_Entries"
    ) -> Mapping[Signal, Unavailable]:
        """Enter what is committed and what waits; return of which signals that is not known."""
        logs = await self._logs(bus)
        await self._commits(asked, [reached for reached, _ in logs], entries)
        unknown: dict[Signal, Unavailable] = {}
        waiting: dict[Signal, list[Delivery]] = {signal: [] for signal in Signal}
        for reached, log in logs:
            try:
                waiting[reached.signal] += await _waiting(bus, reached, log)
            except Unavailable as error:
                unknown[reached.signal] = error
        for signal in Signal:
            if signal not in unknown:
                entries.wait(signal, waiting[signal])
        return unknown

    async def _logs(self, bus: Bus) -> list[tuple[Reached, str]]:
        """Return how far each log is committed, and the identity of that log."""
        rows = (await self._engine.look(Positions(bus.partitions))).to_pylist()
        found = {(row["signal"], row["partition"]): row for row in rows}
        logs = []
        for signal in Signal:
            for partition in range(bus.partitions):
                row = found.get((signal.value, partition), {"epoch": 0, "last": 0, "log": ""})
                reached = Reached(signal, partition, row["epoch"], row["last"])
                logs.append((reached, row["log"]))
        return logs

    async def _commits(self, asked: Asked, until: Sequence[Reached], entries: "_Entries") -> None:
        plan = Ledger(
            asked.tenant, asked.start_ns, asked.end_ns, asked.step_ns, asked.now_ns, tuple(until)
        )
        for row in (await self._engine.look(plan)).to_pylist():
            entries.commit(row)


class _MovedError(Unavailable):
    def __init__(self) -> None:
        super().__init__("messages went from the log while it was read, or were lost")


async def _waiting(bus: Bus, reached: Reached, log: str) -> Sequence[Delivery]:
    """Return what stands in the log above its committed place; Unavailable says why it cannot."""
    signal, partition = reached.signal, reached.partition
    state = await bus.state(signal, partition)
    after = reached.last if state.identity == log else 0
    if state.last <= after:
        return ()
    found = await bus.heads(signal, partition, after, WAITING_MAX + 1)
    if len(found) > WAITING_MAX:
        raise Unavailable(f"more than {WAITING_MAX} messages wait in a log")
    if not found or found[0].sequence != after + 1:
        raise _MovedError
    return found


class _Entries:
    """The entries of an answer while they are filled in."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._entries = {
            (signal, start): Entry(signal, start, min(start + asked.step_ns, asked.end_ns))
            for signal in Signal
            for start in range(asked.start_ns, asked.end_ns, asked.step_ns)
        }

    @property
    def all(self) -> Sequence[Entry]:
        """All entries, by signal and then by time."""
        return list(self._entries.values())

    def commit(self, row: Mapping[str, Any]) -> None:
        """Enter the sums of the commit records of an interval."""
        entry = self._entries[Signal(row["signal"]), row["start_ns"]]
        for name in ("received", "filtered", "sampled", "buried", "stored", "expired"):
            setattr(entry, name, row[name])
        reasons = Counter(dict(zip(row["reasons"], row["reason_records"], strict=True)))
        entry.refused = _refused(row["refused"], reasons)

    def wait(self, signal: Signal, waiting: Sequence[Delivery]) -> None:
        """Enter what waits in the logs of a signal: all of it."""
        asked = self._asked
        for (of_signal, _), entry in self._entries.items():
            if of_signal is signal:
                entry.in_flight = 0
        for delivery in waiting:
            message, at = delivery.message, delivery.stored_ns
            ours = message.tenant == asked.tenant and message.accepted >= 0
            if ours and asked.start_ns <= at < asked.end_ns:
                entry = self._entries[signal, at - (at - asked.start_ns) % asked.step_ns]
                entry.received += message.accepted
                entry.in_flight = (entry.in_flight or 0) + message.accepted
                entry.refused += _refused(message.refused, Counter(message.reasons))


def _refused(total: int, reasons: Counter[str]) -> Counter[str]:
    """Return the refused by reason; what older versions did not name counts as `other`."""
    return +(reasons + Counter({Reason.OTHER: total - reasons.total()}))
