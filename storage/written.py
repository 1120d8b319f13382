"""Series that are in their list already: millions of them, without a Python object each."""

from __future__ import annotations

from itertools import count
from typing import Any, Final, TypeAlias, cast

import numpy as np
import pyarrow as pa

Rows: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.void]]"
_Flags: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.bool_]]"
_Numbers: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.uint64]]"

ROW: Final = np.dtype(
    [("series_id", "u8"), ("variant", "u8"), ("tenant", "u4"), ("expires_day", "u4")]
)
"""What tells rows of the list apart; the tenant as a number of this process."""

_FACTORS: Final = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
_TENANTS_MAX: Final = 10_000


class Written:
    """
    Remembers at most `size` rows of the list of series, 32 bytes each; of more it begins anew.

    A row is found by a number that is mixed of its columns, and then compared as a whole: one that
    was taken for another would be missing for ever. Where two have the same number the second is
    never known, and written again and again, which does no harm.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._tenants: dict[str, int] = {}
        self._next = count()
        self._numbers: _Numbers = np.empty(0, np.uint64)
        """In their order, and beside them the rows."""
        self._rows: Rows = np.empty(0, ROW)

    def rows(self, series: pa.Table) -> Rows:
        """Return what tells the rows of the list apart."""
        found = np.zeros(len(series), ROW)
        for name in ("series_id", "variant", "expires_day"):
            found[name] = series[name].to_numpy()
        tenants = cast("pa.DictionaryArray[Any, Any]", series["tenant"].combine_chunks())
        numbers = [self._tenant(str(one)) for one in tenants.dictionary.to_pylist()]
        found["tenant"] = np.array(numbers, "u4")[tenants.indices.to_numpy()]
        return found

    def lacks(self, rows: Rows) -> _Flags:
        """Tell of each row whether it is not known."""
        if not len(self._numbers):
            return np.ones(len(rows), np.bool_)
        at = np.searchsorted(self._numbers, _mixed(rows))
        found = self._rows[np.minimum(at, len(self._numbers) - 1)] != rows
        return cast("_Flags", found)

    def add(self, rows: Rows) -> None:
        """Remember rows that were not known and have been written."""
        if len(self._numbers) + len(rows) > self._size:
            self._numbers, self._rows = self._numbers[:0], self._rows[:0]
        numbers = _mixed(rows)
        order = np.argsort(numbers)[: self._size]
        at = np.searchsorted(self._numbers, numbers[order])
        self._numbers = np.insert(self._numbers, at, numbers[order])
        self._rows = np.insert(self._rows, at, rows[order])

    def _tenant(self, name: str) -> int:
        """Return a tenant's number; one that is forgotten comes back with another."""
        if name not in self._tenants:
            if len(self._tenants) >= _TENANTS_MAX:
                self._tenants.clear()
            self._tenants[name] = next(self._next)
        return self._tenants[name]


def _mixed(rows: Rows) -> _Numbers:
    names, found = ("variant", "tenant", "expires_day"), rows["series_id"].copy()
    for name, factor in zip(names, _FACTORS, strict=True):
        found += rows[name].astype(np.uint64) * np.uint64(factor)
    return cast("_Numbers", found)
