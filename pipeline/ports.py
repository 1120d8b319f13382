"""The seams: what the machinery asks of a bus, a processor, a store and a query backend."""

from collections import Counter
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol

import pyarrow as pa

from pipeline.batch import Batch
from pipeline.letter import DeadLetters
from pipeline.plan import Plan
from pipeline.position import Position
from pipeline.reason import Reason
from pipeline.signal import Signal

DEFAULT_TENANT = "default"


@dataclass(frozen=True, slots=True)
class Message:
    """
    What a door puts on the bus: validated OTLP protobuf of one signal and tenant.

    `payload` is an Export…ServiceRequest of `accepted` records (none: it only carries a count of
    refusals). `arrived_ns` bounds what is believed of the records' own times, so that decoding the
    same message again gives the same rows. `reasons` says why, of as many of the `refused` as are
    known: messages of older versions name none.
    """

    tenant: str
    payload: bytes
    accepted: int
    refused: int
    arrived_ns: int
    reasons: Mapping[Reason, int] = field(default_factory=dict)


class Packed(Protocol):
    """A message as it travels: a fifth of its size."""

    @property
    def accepted(self) -> int:
        """As in `Message`, as far as can be told from outside."""
        ...

    @property
    def size(self) -> int:
        """The bytes of its payload, as far as can be told from outside, and not fewer than held."""
        ...

    def unpack(self) -> Message:
        """Return the message, anew each time; from any thread."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    A message as the bus holds it: its sequence there, and the bus's own time of it.

    What cannot be read (a stranger's message, a newer version's) is delivered as it lies there:
    tenant `DEFAULT_TENANT`, the raw bytes as payload, `accepted` -1, `refused` and `arrived_ns` 0.
    """

    sequence: int
    stored_ns: int
    content: Message | Packed

    @property
    def message(self) -> Message:
        """The message; a packed one is unpacked anew each time, about 1 ms for 4 MB."""
        return self.content if isinstance(self.content, Message) else self.content.unpack()

    @property
    def records(self) -> int:
        """How many records it holds, without unpacking it."""
        return self.content.accepted

    @property
    def size(self) -> int:
        """The bytes of its payload, without unpacking it."""
        content = self.content
        return len(content.payload) if isinstance(content, Message) else content.size


@dataclass(frozen=True, slots=True)
class LogState:
    """
    What a log of the bus holds.

    `identity` differs between two logs that were created apart (a recreated stream). `last` is the
    last sequence ever given, 0 in a new log; `first` the oldest that is still there, `last` + 1
    when none is. `used` is the share of its room that is taken: at about 1 it refuses what is new.
    """

    identity: str
    first: int
    last: int
    used: float = 0.0


class Reader(Protocol):
    """
    Deliveries of one log in the order of their sequences, none left out, none twice.

    A reader belongs to the log that it first saw: when that log was recreated or went back, every
    later `take` raises Unavailable. So leave the reader after Unavailable and recover.
    """

    async def take(self, bytes_max: int, wait_s: float) -> Sequence[Delivery]:
        """
        Return what is there, up to about `bytes_max` of payload, waiting up to `wait_s` for some.

        Returns an empty list when nothing came. Raises Unavailable when the bus is gone. Cancelling
        loses nothing. One taker at a time.
        """
        ...


class Bus(DeadLetters, Protocol):
    """
    A durable log of messages for each signal and partition, and the dead letters.

    There is no acknowledgement by a reader: the committer's own position is the truth.
    """

    partitions: int

    async def publish(self, signal: Signal, message: Message) -> None:
        """
        Append a message to one of the signal's partitions; return once it is on disk.

        Raises Overloaded when the log or the disk is full or too many publishes wait (then it is
        surely not there), Unavailable when the bus does not answer (then it may or may not be),
        Rejected when the message is larger than the bus takes. Cancelling leaves it unknown.
        """
        ...

    def read(
        self, signal: Signal, partition: int, after: int
    ) -> AbstractAsyncContextManager[Reader]:
        """Read from the first message whose sequence is above `after`."""
        ...

    async def state(self, signal: Signal, partition: int) -> LogState:
        """Return what the log holds; raises Unavailable."""
        ...

    async def stored_ns(self, signal: Signal, partition: int, sequence: int) -> int | None:
        """Return the bus's time of a message, or None when it is not there; raises Unavailable."""
        ...

    async def heads(
        self, signal: Signal, partition: int, after: int, most: int
    ) -> Sequence[Delivery]:
        """
        Return the messages above `after` in order, at most `most`, their payloads empty.

        Those that are published meanwhile may be missing. Raises Unavailable.
        """
        ...

    async def bury(
        self, signal: Signal, partition: int, position: Position, message: Message, reason: str
    ) -> None:
        """
        Keep a message that cannot be stored, with its reason, among the dead letters.

        Idempotent by signal, partition and position while the letter is there. Returns once it is
        on disk; raises Unavailable.
        """
        ...

    async def purge(self, signal: Signal, partition: int, below: int) -> None:
        """Forget the messages whose sequence is below `below`; raises Unavailable."""
        ...


class Decoder(Protocol):
    """
    Bytes to columns: many payloads appended, one batch finished.

    Not safe for several threads at once; holds no reference to a payload after `append`.
    """

    def append(self, payload: bytes, sequence: int, arrived_ns: int, expected: int) -> None:
        """
        Add the records of an Export…ServiceRequest.

        Raises Rejected when the payload is malformed or holds another number of records than
        `expected`; the decoder is then as it was before.
        """
        ...

    def finish(self) -> pa.RecordBatch:
        """Return all appended records, columns as in `pipeline/schema.py`, and start anew."""
        ...


class Processor(Protocol):
    """A pure step of the chain: same signal and tenant out, never more work than the batch."""

    @property
    def drops(self) -> Literal["filtered", "sampled"]:
        """What the ledger calls the records that this step takes out."""
        ...

    def __call__(self, batch: Batch) -> Batch:
        """Return the batch to go on with; it may be smaller or empty. No I/O, no mutation."""
        ...


@dataclass(slots=True)
class Counts:
    """
    The ledger of one tenant in a group, in records.

    received = filtered + sampled + buried + stored; `refused` never reached the bus, `reasons` are
    those of its messages.
    """

    received: int = 0
    refused: int = 0
    filtered: int = 0
    sampled: int = 0
    buried: int = 0
    stored: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)

    def add(self, other: "Counts") -> None:
        """Add another's numbers."""
        for one in fields(Counts):
            mine, more = getattr(self, one.name), getattr(other, one.name)
            setattr(self, one.name, mine + more)


@dataclass(frozen=True, slots=True)
class Commit:
    """
    A commit record: which messages of a log are stored, and how to know them again.

    `first` and `last` are sequences, both included. `first_stored_ns` and `last_stored_ns` are the
    smallest and largest of the bus's times of these messages, `committed_ns` that of `last`. `log`
    is the `LogState.identity` of the log that they came from.

    Every epoch begins with a record of no messages (`last` is `first` - 1), stored before its first
    row, so that rows which a killed commit left are never taken for those of another log.
    """

    epoch: int
    first: int
    last: int
    first_stored_ns: int
    last_stored_ns: int
    committed_ns: int
    log: str


@dataclass(frozen=True, slots=True)
class Group:
    """
    Consecutive messages of one log, decoded and processed: what is committed at once.

    At most one batch a tenant; `counts` is the ledger by tenant, of those without a batch as well.
    """

    signal: Signal
    partition: int
    commit: Commit
    batches: Sequence[Batch]
    counts: Mapping[str, Counts]


@dataclass(frozen=True, slots=True)
class Recovery:
    """
    What a store holds of one signal and partition.

    `last`: the newest commit record. `present`: for the store's own use, what an unfinished commit
    left above it.
    """

    last: Commit | None = None
    present: Any = None


class Store(Protocol):
    """Where groups go."""

    signals: frozenset[Signal]

    async def recover(self, signal: Signal, partition: int) -> Recovery:
        """Look up where a log stands and what an unfinished commit left; raises Unavailable."""
        ...

    async def history(
        self, signal: Signal, partition: int, first: int, last: int
    ) -> Sequence[Commit]:
        """Return the commit records of any epoch that touch these; raises Unavailable."""
        ...

    async def commit(self, group: Group, recovery: Recovery) -> None:
        """
        Store all rows of the group, then its commit record; return once both are durable.

        Rows that `recovery` says are there already are left out. Groups of one log come in order
        and one at a time. Raises Unavailable when the outcome is unknown (recover, then commit
        again), Overloaded when there is no room now (likewise), Rejected when these rows can never
        be stored. Cancelling leaves the outcome unknown.
        """
        ...


@dataclass(slots=True)
class Cost:
    """What answers took: a backend adds to it. `rows` and `bytes` are those that were read."""

    rows: int = 0
    bytes: int = 0
    engine_ns: int = 0
    cached: bool = False


class QueryBackend(Protocol):
    """Answers plans; refuses what it cannot answer exactly, never approximates."""

    def run(self, plan: Plan, cost: Cost | None = None) -> AsyncGenerator[pa.RecordBatch, None]:
        """
        Yield the answer in batches; at least one, which carries the columns.

        What it takes is added to `cost`. Raises Rejected for a plan it cannot run or that broke a
        limit, Overloaded when the engine has no room now, Unavailable when it does not answer.
        Closing the iterator ends the query.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sight:
    """
    What a follower has not seen yet: records in the order of their commits, and how many it missed.

    The columns of `batches` are those of `pipeline/schema.py`.
    """

    batches: Sequence[pa.RecordBatch]
    missed: int


class Follower(Protocol):
    """Sees the records of one signal and tenant as they are committed."""

    async def take(self) -> Sight:
        """
        Wait for something to see and return all of it.

        What waits for too long, or finds no room, is missed and counted: a follower that cannot
        keep up sees what is new. Cancelling loses nothing. One taker at a time.
        """
        ...


class Tail(Protocol):
    """
    What was just committed, for those who look at this moment; nothing is kept.

    A record is shown once at most, and only when it is stored. While nobody follows, showing is a
    look into an empty table.
    """

    def followed(self, signal: Signal) -> Collection[str]:
        """Return the tenants of whom somebody, in whatever process, follows the signal."""
        ...

    def show(self, group: Group) -> None:
        """Show the group's records to who follows them; never waits and never raises."""
        ...

    def follow(self, signal: Signal, tenant: str) -> AbstractAsyncContextManager[Follower]:
        """See what is committed from about now on; raises Unavailable, Overloaded."""
        ...
