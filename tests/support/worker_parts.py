"""What a worker needs around it: messages that hold named records, a decoder, processors, limits.

A record is a word: `filter…` is filtered, `sample…` sampled, `bomb…` makes a processor fail. The
rows are those of logs, the word as body, so that any store takes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from prometheus_client import CollectorRegistry

from pipeline import schema
from pipeline.batch import Batch
from pipeline.bus.config import BusConfig
from pipeline.bus.memory import MemoryBus
from pipeline.bus.sights import MemoryTail
from pipeline.config import RouterConfig
from pipeline.errors import Rejected
from pipeline.meters import RouterMeters
from pipeline.ports import DEFAULT_TENANT, Message
from pipeline.prepare import Preparation
from pipeline.room import Room
from pipeline.signal import Signal
from pipeline.worker import Limits, Worker
from tests.support.sample_rows import log

SIGNAL = Signal.LOGS
DAY_NS = 86_400 * 10**9


def message(*words: str, tenant: str = DEFAULT_TENANT, **changes: Any) -> Message:
    fields = {"accepted": len(words), "refused": 0, "arrived_ns": 1} | changes
    return Message(tenant=tenant, payload=" ".join(words).encode(), **fields)


STRANGER = Message(DEFAULT_TENANT, b"?", -1, 0, 0)
JUNK = Message(DEFAULT_TENANT, b"\xff", 2, 0, 1)


class WordDecoder:
    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def append(self, payload: bytes, sequence: int, arrived_ns: int, expected: int) -> None:
        try:
            words = payload.decode().split()
        except UnicodeDecodeError:
            raise Rejected("no words") from None
        if len(words) != expected:
            raise Rejected(f"{len(words)} words, not {expected}")
        # Each record of a message lies on a day of its own.
        self._rows += [
            log("api", at * DAY_NS, word, sequence=sequence) for at, word in enumerate(words)
        ]

    def finish(self) -> pa.RecordBatch:
        rows, self._rows = self._rows, []
        return pa.RecordBatch.from_pylist(rows, schema=schema.LOGS)


@dataclass(frozen=True)
class Without:
    """Takes out the words that begin so."""

    drops: Literal["filtered", "sampled"]
    start: str

    def __call__(self, batch: Batch) -> Batch:
        chosen = pc.invert(pc.starts_with(batch.rows["body"], self.start))
        return batch.with_rows(batch.rows.filter(chosen))


class Fuse:
    """Fails when it meets a bomb."""

    drops: Literal["filtered"] = "filtered"

    def __call__(self, batch: Batch) -> Batch:
        if any(word.startswith("bomb") for word in batch.rows["body"].to_pylist()):
            raise ValueError("it went off")
        return batch


PROCESSORS = (Without("filtered", "filter"), Fuse(), Without("sampled", "sample"))


def preparation(
    processors: Sequence[Any] = PROCESSORS, decoder: Any = WordDecoder, partition: int = 0
) -> Preparation:
    return Preparation(SIGNAL, partition, decoder, processors)


def limits(replay_window: int = 1000, **settings: Any) -> Limits:
    config = RouterConfig(**settings)
    return Limits(config, replay_window, Room(config.groups_bytes_max, 1))


def memory_bus(**settings: Any) -> MemoryBus:
    """Return a bus whose clock ticks with every message."""
    ticks = iter(range(1_000, 10**9))
    return MemoryBus(BusConfig(url="memory://", **settings), lambda: next(ticks))


def worker(bus: Any, store: Any, registry: CollectorRegistry | None = None, **options: Any) -> Any:
    """Return a worker; options are its own, or settings of the router."""
    import asyncio

    parts = {
        "tail": options.pop("tail", None) or MemoryTail(BusConfig()),
        "prepare": options.pop("prepare", None) or preparation(),
        "meters": RouterMeters(registry or CollectorRegistry()),
        "limits": limits(**options),
    }
    return Worker(bus, store, clock=asyncio.get_running_loop().time, **parts)
