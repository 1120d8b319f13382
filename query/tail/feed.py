"""What is committed of one signal and tenant, examined for everybody who tails it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import structlog

from pipeline.plan import Condition
from pipeline.ports import Follower, Tail
from pipeline.signal import Signal
from query.tail.meters import TailMeters
from query.tail.question import Question, sample
from query.tail.reader import SLICE_BYTES, Loss, Reader, Slice

Asked: TypeAlias = Condition | None
"""None asks for everything."""

Meet: TypeAlias = Callable[
    [pa.RecordBatch, Sequence[Condition]], "Sequence[np.ndarray[Any, np.dtype[np.bool_]]]"
]
"""Returns for each condition which of the rows meet it; raises Rejected where it cannot tell."""

Write: TypeAlias = Callable[[Signal, pa.RecordBatch], Sequence[bytes]]
"""Returns each row as it is sent to readers."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What feeds share; `thread` runs one thing at a time, so that tails take one core at most."""

    tail: Tail
    meet: Meet
    write: Write
    thread: Executor
    meters: TailMeters


class Feed:
    """
    Follows a signal and tenant from `open` to `close`.

    Each record is looked at once for a distinct question and written once for all. Where that
    takes longer than what comes, the follower says what it missed.
    """

    def __init__(self, means: Means, signal: Signal, tenant: str) -> None:
        self.questions: dict[Asked, Question] = {}
        self._means = means
        self._signal = signal
        self._tenant = tenant
        self._closing = AsyncExitStack()

    async def open(self) -> None:
        """Follow from now on; raises Unavailable."""
        follow = self._means.tail.follow(self._signal, self._tenant)
        follower = await self._closing.enter_async_context(follow)
        self._task = asyncio.create_task(self._run(follower))

    async def close(self) -> None:
        """Follow no more."""
        self._task.cancel()
        await asyncio.wait({self._task})
        await self._closing.aclose()

    async def _run(self, follower: Follower) -> None:
        try:
            while True:
                await self._look(follower)
        except Exception:  # noqa: BLE001 - readers are told, in place of a silence for ever
            _log.exception("tail.failed", signal=self._signal.value)
            for reader in self._readers():
                reader.end("internal error; the log says more")

    async def _look(self, follower: Follower) -> None:
        sight = await follower.take()
        meters, readers = self._means.meters, self._readers()
        for reader in readers:
            reader.lose(Loss.UNEXAMINED, sight.missed)
        meters.count({Loss.UNEXAMINED: sight.missed * len(readers)})
        rooms = {asked: question.room() for asked, question in self.questions.items()}
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._means.thread, self._examine, sight.rows, rooms)
        for asked, (slices, left_out) in found.items():
            if question := self.questions.get(asked):
                meters.count(question.show(slices, left_out))

    def _examine(
        self, rows: pa.RecordBatch, rooms: Mapping[Asked, int]
    ) -> dict[Asked, tuple[list[Slice], int]]:
        """Return what to show of the rows to each question, and how many more of them match."""
        conditions = [asked for asked in rooms if asked is not None]
        masks = dict(zip(conditions, self._means.meet(rows, conditions), strict=True))
        matching = {
            asked: np.arange(rows.num_rows) if asked is None else np.flatnonzero(masks[asked])
            for asked in rooms
        }
        shown = {asked: sample(places, rooms[asked]) for asked, places in matching.items()}
        union: Any = reduce(np.union1d, shown.values(), np.arange(0))
        texts = self._means.write(self._signal, rows.take(union)) if len(union) else ()
        return {
            asked: (
                _slices([texts[at] for at in np.searchsorted(union, places)]),
                len(matching[asked]) - len(places),
            )
            for asked, places in shown.items()
        }

    def _readers(self) -> list[Reader]:
        return [reader for question in self.questions.values() for reader in question.readers]


def _slices(texts: Sequence[bytes]) -> list[Slice]:
    slices: list[Slice] = []
    start = size = 0
    for end, text in enumerate(texts, 1):
        size += len(text)
        if size >= SLICE_BYTES or end == len(texts):
            slices.append(Slice(b"".join(texts[start:end]), end - start))
            start, size = end, 0
    return slices
