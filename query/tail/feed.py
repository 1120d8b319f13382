"""What is committed of one signal and tenant, examined for everybody who tails it."""

import asyncio
from collections.abc import Callable, Sequence
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
from query.tail.question import Places, Question, sample
from query.tail.reader import SLICE_BYTES, Loss, Reader, Slice

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
        self.questions: dict[str, Question] = {}
        """By the condition's own text: to Python, 1 equals True."""
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
        if not sight.batches:
            return
        rooms = [(question, question.room()) for question in self.questions.values()]
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._means.thread, self._examine, sight.batches, rooms)
        for question, slices, left_out in found:
            meters.count(question.show(slices, left_out))

    def _examine(
        self, batches: Sequence[pa.RecordBatch], rooms: Sequence[tuple[Question, int]]
    ) -> list[tuple[Question, list[Slice], int]]:
        """Return what to show of the rows to each question, and how many more of them match."""
        rows = _joined(batches)
        conditions = [question.asked for question, _ in rooms if question.asked is not None]
        masks = iter(self._means.meet(rows, conditions))
        matching: list[Places] = [
            np.arange(rows.num_rows) if question.asked is None else np.flatnonzero(next(masks))
            for question, _ in rooms
        ]
        shown = [sample(places, room) for places, (_, room) in zip(matching, rooms, strict=True)]
        union: Any = reduce(np.union1d, shown, np.arange(0))
        texts = self._means.write(self._signal, rows.take(union)) if len(union) else ()
        return [
            (
                question,
                _slices([texts[at] for at in np.searchsorted(union, places)]),
                len(matches) - len(places),
            )
            for (question, _), matches, places in zip(rooms, matching, shown, strict=True)
        ]

    def _readers(self) -> list[Reader]:
        return [reader for question in self.questions.values() for reader in question.readers]


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    # To look at something costs more than its rows do when they are few.
    if len(batches) == 1:
        return batches[0]
    whole = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    return whole.to_batches()[0]


def _slices(texts: Sequence[bytes]) -> list[Slice]:
    slices: list[Slice] = []
    start = size = 0
    for end, text in enumerate(texts, 1):
        size += len(text)
        if size >= SLICE_BYTES or end == len(texts):
            slices.append(Slice(b"".join(texts[start:end]), end - start))
            start, size = end, 0
    return slices
