"""What is kept of a request's refused records: the first ones, by the reason that they share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

RECORDS_MAX: Final = 100
"""Records that are kept of one request: enough to see what is wrong with its sender."""

REASONS_MAX: Final = 8
"""Reasons of one request that are told apart; plain JSON makes up its own."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cut:
    """
    Refused records of one request and reason, as a request of their own.

    `payload` holds `records` of them; `size` is its length, more than it has when only its
    beginning is kept. `indices` are their places among all records of the request, empty where they
    are not known.
    """

    reason: str
    payload: bytes
    records: int
    size: int
    indices: tuple[int, ...] = ()


class Cuts(Generic[T]):
    """
    Gathers refused records up to `bytes_max`, `RECORDS_MAX` and `REASONS_MAX`.

    A first record that is larger by itself is kept and cut off. `join` makes a request of records.
    """

    def __init__(self, bytes_max: int, join: Callable[[Sequence[T]], bytes]) -> None:
        self.full = bytes_max <= 0
        self._bytes_max = bytes_max
        self._join = join
        self._size = 0
        self._records = 0
        self._kept: dict[str, list[tuple[T, int | None]]] = {}

    def add(self, reason: str, record: T, size: int, index: int | None = None) -> None:
        """Keep a record that takes at most `size` bytes, or say from now on that it is full."""
        if self.full:
            return
        if reason not in self._kept and len(self._kept) == REASONS_MAX:
            return
        if self._records and self._size + size > self._bytes_max:
            self.full = True
            return
        self._size += size
        self._records += 1
        self._kept.setdefault(reason, []).append((record, index))
        self.full = self._records == RECORDS_MAX or self._size >= self._bytes_max

    def holds(self, reason: str) -> bool:
        """Tell whether a record of this reason was kept."""
        return reason in self._kept

    def finish(self, totals: Mapping[str, int]) -> tuple[Cut, ...]:
        """Return what was kept; `totals` counts all refused records of the request by reason."""
        return tuple(self._cut(reason, kept, totals[reason]) for reason, kept in self._kept.items())

    def _cut(self, reason: str, kept: Sequence[tuple[T, int | None]], total: int) -> Cut:
        payload = self._join([record for record, _ in kept])
        if len(kept) < total:
            reason = f"{reason} ({len(kept)} of {total})"
        indices = tuple(index for _, index in kept if index is not None)
        whole = len(indices) == len(kept)
        return Cut(
            reason,
            payload[: self._bytes_max],
            len(kept),
            len(payload),
            indices if whole else (),
        )
