"""One open tail: what waits to be written to it, and what it did not get."""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SLICE_BYTES: Final = 64 * 1024
"""Records are offered in slices of about so many bytes, which all readers of a question share."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Some records as they are written."""

    data: bytes
    records: int


class Loss(StrEnum):
    """
    Why a reader did not get records.

    `SLOW`: it reads too slowly; `RATE`: more match than a tail shows; `UNEXAMINED`: so much came
    that nobody looked whether they match.
    """

    SLOW = "slow"
    RATE = "rate"
    UNEXAMINED = "unexamined"


@dataclass(frozen=True, slots=True)
class News:
    """What to write next: first what was lost before, then the records."""

    lost: dict[Loss, int]
    slices: list[Slice]


class Reader:
    """
    A queue of slices within a bound of bytes; what finds no room is dropped and counted.

    Offering never waits. `ended` says why nothing more comes, once that is so.
    """

    def __init__(self, backlog_bytes_max: int) -> None:
        self.ended = ""
        self._room = backlog_bytes_max
        self._slices: deque[Slice] = deque()
        self._bytes = 0
        self._lost: dict[Loss, int] = {}
        self._come = asyncio.Event()

    def offer(self, piece: Slice) -> bool:
        """Add a slice; False when it was dropped. One that is larger than the bound goes alone."""
        if self._slices and self._bytes + len(piece.data) > self._room:
            self.lose(Loss.SLOW, piece.records)
            return False
        self._slices.append(piece)
        self._bytes += len(piece.data)
        self._come.set()
        return True

    def lose(self, why: Loss, records: int) -> None:
        """Count records that the reader does not get."""
        if records:
            self._lost[why] = self._lost.get(why, 0) + records
            self._come.set()

    def end(self, reason: str) -> None:
        """Let the reader go when it has what waits for it."""
        self.ended = self.ended or reason
        self._come.set()

    async def take(self, wait_s: float) -> News | None:
        """Return what came, after at most `wait_s` of waiting; None when nothing did."""
        try:
            async with asyncio.timeout(wait_s):
                await self._come.wait()
        except TimeoutError:
            return None
        if not self.ended:
            self._come.clear()
        news = News(self._lost, list(self._slices))
        self._lost = {}
        self._slices.clear()
        self._bytes = 0
        return news
