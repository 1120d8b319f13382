"""What several readers ask alike: examined once, at most so many records a second."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from pipeline.plan import Condition
from query.tail.reader import Loss, Reader, Slice

Places: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


class Question:
    """The readers of one condition (None: of everything), and how much they may be shown now."""

    def __init__(
        self, asked: Condition | None, records_per_s: int, clock: Callable[[], float]
    ) -> None:
        self.asked = asked
        self.readers: set[Reader] = set()
        self._rate = records_per_s
        self._clock = clock
        self._room = float(records_per_s)
        self._at = clock()

    def room(self) -> int:
        """Return how many records may be shown now: those of a second at most."""
        now = self._clock()
        self._room = min(float(self._rate), self._room + (now - self._at) * self._rate)
        self._at = now
        return int(self._room)

    def show(self, slices: list[Slice], left_out: int) -> dict[str, int]:
        """Give every reader the slices; return what became of their records, by outcome."""
        self._room -= sum(piece.records for piece in slices)
        outcomes = {"shown": 0, Loss.SLOW: 0, Loss.RATE: left_out * len(self.readers)}
        for reader in self.readers:
            reader.lose(Loss.RATE, left_out)
            for piece in slices:
                outcomes["shown" if reader.offer(piece) else Loss.SLOW] += piece.records
        return outcomes


def sample(places: Places, most: int) -> Places:
    """Return at most so many of the places, evenly spread."""
    if len(places) <= most:
        return places
    return places[np.arange(most) * len(places) // most] if most else places[:0]
