"""Numbers that were seen before: millions of them, without a Python object each."""

from typing import Any, TypeAlias

import numpy as np

Numbers: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


class Seen:
    """
    Remembers at most `size` numbers; of more, those that were not met for longest are forgotten.

    In two generations: what is met enters the young one, and when that is full it becomes the old.
    """

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self._young: Numbers = np.empty(0, np.int64)
        self._old: Numbers = np.empty(0, np.int64)

    def fresh(self, numbers: Numbers) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        """Tell of each number whether it was not seen."""
        return ~(_within(numbers, self._young) | _within(numbers, self._old))

    def add(self, numbers: Numbers) -> None:
        """Remember numbers."""
        new = np.unique(numbers[~_within(numbers, self._young)])
        if not len(new):
            return
        # Put between those that are there, which are in order: to sort a million anew with each
        # group would cost more than all else of it.
        self._young = np.insert(self._young, np.searchsorted(self._young, new), new)
        if len(self._young) >= self._half:
            self._young, self._old = np.empty(0, np.int64), self._young[-2 * self._half :]


def _within(numbers: Numbers, known: Numbers) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    if not len(known):
        return np.zeros(len(numbers), np.bool_)
    at = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    return np.equal(known[at], numbers)
