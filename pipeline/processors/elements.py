"""The attributes of a batch, opened for change: a list column as flat elements that keep a number.

Actions move numbers and never texts. An element that came keeps its number, one that is appended
gets the next; a dropped one is only marked; and a value is a handle into a pool of (type, text)
pairs. The texts are gathered once, when the column is closed.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.processors.arrays import Arrow, Mask, Numbers, from_arrow, spans, to_arrow
from pipeline.schema import ATTRIBUTE, ATTRIBUTES

Kinds: TypeAlias = npt.NDArray[np.uint8]
Handles: TypeAlias = npt.NDArray[np.int32]
"""Values in the pool; -1 stands for no value."""

_GATHER_COST = 4
"""Gathering one text costs about as much as comparing this many where they are."""

_VALUE = pa.struct([ATTRIBUTE.field("type"), ATTRIBUTE.field("value")])


class Elements:
    """
    The elements of one attributes column; for one thread, and for the length of one call.

    Rows and elements are arrays of numbers. Where a row repeats a key, reads take the last one and
    changes meet all of them.
    """

    def __init__(self, column: Arrow) -> None:
        # Lengths, not the column's offsets: those of a null may span hidden elements, and those of
        # a slice do not start at zero.
        counted: Arrow = pc.list_value_length(column)
        lengths = from_arrow(counted.fill_null(0))
        came, kinds, texts = column.flatten().flatten()
        self._column = column
        self._keys = came
        self._pool = [_values(kinds, texts)]
        self._pooled = len(came)
        self._ends: Numbers = np.cumsum(lengths, dtype=np.int64)
        self._lengths: Numbers = lengths
        self._row: Numbers = np.repeat(np.arange(len(column), dtype=np.int32), lengths)
        self._value: Handles = np.arange(len(came), dtype=np.int32)
        self._dead: Mask = np.zeros(len(came), dtype=bool)
        self._appended: list[tuple[str, Numbers]] = []
        self._assigned = False

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._column)

    def find(self, key: str) -> Numbers:
        """Return the elements of a key."""
        found = [_equal(self._keys, key)]
        found += [elements for name, elements in self._appended if name == key]
        return self._alive(np.concatenate(found))

    def match(self, pattern: str) -> Numbers:
        """Return the elements whose key matches a pattern (RE2) anywhere."""
        # Keys are few: matching the distinct ones costs a third of matching all.
        encoded = self._keys.dictionary_encode()
        fits = from_arrow(pc.match_substring_regex(encoded.dictionary, pattern))
        found = [np.flatnonzero(fits[from_arrow(encoded.indices)]) if len(encoded) else _none()]
        for name, elements in self._appended:
            if pc.match_substring_regex(pa.scalar(name), pattern).as_py():
                found.append(elements)
        return self._alive(np.concatenate(found))

    def by_key(self, tell: Callable[[Arrow], Numbers]) -> Numbers:
        """Return what a function tells of the key of each element that came; it gets each once."""
        encoded = self._keys.dictionary_encode()
        of_elements: Numbers = tell(encoded.dictionary)[from_arrow(encoded.indices)]
        return of_elements

    def rows(self, elements: Numbers) -> Numbers:
        """Return the row of each element."""
        return self._row[elements]

    def last(self, key: str) -> Numbers:
        """Return for every row its last element of a key, or -1."""
        elements = self.find(key)
        last = np.full(len(self), -1, dtype=np.int64)
        # Elements rise within a row, so the last assignment to a row is the one that stays.
        last[self._row[elements]] = elements
        return last

    def kinds(self, elements: Numbers) -> Kinds:
        """Return the type of each element's value."""
        kinds: Kinds = from_arrow(self._pick(elements).field("type"))
        return kinds

    def texts(self, elements: Numbers) -> Arrow:
        """Return the text of each element's value."""
        return self._pick(elements).field("value")

    def handles(self, elements: Numbers) -> Handles:
        """Return the value of each element; -1 gives -1."""
        if not len(self._value):
            return np.full(len(elements), -1, dtype=np.int32)
        handles: Handles = np.where(elements < 0, np.int32(-1), self._value[elements])
        return handles

    def add(self, kinds: Kinds, texts: Arrow) -> Handles:
        """Put values into the pool."""
        self._pool.append(_values(to_arrow(kinds), texts))
        first, self._pooled = self._pooled, self._pooled + len(kinds)
        return np.arange(first, self._pooled, dtype=np.int32)

    def constant(self, kind: int, text: str) -> Handles:
        """Put one value into the pool for every row."""
        handle = self.add(np.array([kind], np.uint8), pa.array([text], pa.utf8()))
        return np.full(len(self), handle[0], dtype=np.int32)

    def distinct(self, elements: Numbers) -> tuple[list[tuple[int, str]], Numbers]:
        """Return the distinct values of elements, and for each element which one it has."""
        if not len(elements):
            return [], elements
        words = self.texts(elements).dictionary_encode()
        pairs = from_arrow(words.indices).astype(np.int64) << 3 | self.kinds(elements)
        which = to_arrow(pairs).dictionary_encode()
        values = [
            (pair & 7, words.dictionary[pair >> 3].as_py()) for pair in which.dictionary.to_pylist()
        ]
        return values, from_arrow(which.indices)

    def change(self, elements: Numbers, change: Callable[[int, str], tuple[int, str]]) -> Handles:
        """Return what a function makes of each value; it is called once per distinct value."""
        values, which = self.distinct(elements)
        changed = [change(kind, text) for kind, text in values]
        kinds = np.array([kind for kind, _ in changed], np.uint8)
        return self.add(kinds, pa.array([text for _, text in changed], pa.utf8()))[which]

    def assign(self, elements: Numbers, handles: Handles) -> None:
        """Give elements other values."""
        if len(elements):
            self._value[elements] = handles
            self._assigned = True

    def append(self, rows: Numbers, key: str, handles: Handles) -> None:
        """Add one element at the end of each of the rows; `rows` rise."""
        if not len(rows):
            return
        first = len(self._value)
        self._appended.append((key, np.arange(first, first + len(rows))))
        self._row = np.concatenate([self._row, rows.astype(np.int32)])
        self._value = np.concatenate([self._value, handles])
        self._dead = np.concatenate([self._dead, np.zeros(len(rows), dtype=bool)])

    def put(self, key: str, handles: Handles) -> None:
        """Set a key where there is a value (one handle per row): in place, else at the end."""
        elements = self.find(key)
        rows = self._row[elements]
        has = handles[rows] >= 0
        self.assign(elements[has], handles[rows[has]])
        absent = handles >= 0
        absent[rows] = False
        self.append(np.flatnonzero(absent), key, handles[absent])

    def drop(self, elements: Numbers) -> None:
        """Take elements out."""
        self._dead[elements] = True

    def close(self) -> Arrow:
        """Return the column; the one that came if nothing changed."""
        dropped = bool(self._dead.any())
        if not (dropped or self._appended or self._assigned):
            return self._column
        if self._appended:
            order = self._order()
            keys, values = self._take_keys(order), self._take(self._value[order])
        elif dropped:
            alive = ~self._dead
            keys = self._keys.filter(to_arrow(alive))
            values = (
                self._take(self._value[alive])
                if self._assigned
                else self._pool[0].slice(0, len(alive)).filter(to_arrow(alive))
            )
        else:
            keys, values = self._keys, self._take(self._value)
        return self._list(keys, values)

    def _list(self, keys: Arrow, values: Arrow) -> Arrow:
        rows, came = len(self), len(self._keys)
        lengths = (
            self._lengths
            + np.bincount(self._row[came:], minlength=rows)
            - np.bincount(self._row[self._dead], minlength=rows)
        )
        offsets = np.zeros(rows + 1, dtype=np.int32)
        np.cumsum(lengths, out=offsets[1:])
        flat = pa.StructArray.from_arrays(
            [keys, values.field("type"), values.field("value")], fields=list(ATTRIBUTE)
        )
        # A null list stays null until something is appended to it.
        null = (
            from_arrow(self._column.is_null()) & (lengths == 0) if self._column.null_count else None
        )
        return pa.ListArray.from_arrays(
            to_arrow(offsets), flat, type=ATTRIBUTES, mask=None if null is None else to_arrow(null)
        )

    def _order(self) -> Numbers:
        """Return the numbers of the living elements as they will stand."""
        came = len(self._keys)
        rows = self._row[came:]
        late = np.argsort(rows, kind="stable")  # within a row: in the order of their actions
        order = np.insert(np.arange(came, dtype=np.int32), self._ends[rows[late]], late + came)
        return order[~self._dead[order]] if self._dead.any() else order

    def _take_keys(self, order: Numbers) -> Arrow:
        came = len(self._keys)
        at = np.arange(len(self._value), dtype=np.int32)
        for number, (_, elements) in enumerate(self._appended):
            at[elements] = came + number
        names = pa.array([name for name, _ in self._appended], pa.utf8())
        return pa.concat_arrays([self._keys, names]).take(to_arrow(at[order]))

    def _pick(self, elements: Numbers) -> Arrow:
        handles = self._value[elements]
        if len(handles) and handles.max() < len(self._pool[0]):
            return self._pool[0].take(to_arrow(handles))  # spares joining the pool
        return self._take(handles)

    def _take(self, handles: Handles) -> Arrow:
        if len(self._pool) > 1:
            self._pool = [pa.concat_arrays(self._pool)]
        return self._pool[0].take(to_arrow(handles))

    def _alive(self, elements: Numbers) -> Numbers:
        return elements[~self._dead[elements]]


def _equal(texts: Arrow, text: str) -> Numbers:
    """Return where an array holds a text: by length first, which settles most without a look."""
    ends, _ = spans(texts)
    candidates = np.flatnonzero(ends[1:] - ends[:-1] == len(text.encode()))
    many = len(candidates) > len(texts) // _GATHER_COST
    some = texts if many else texts.take(to_arrow(candidates))
    equal: Arrow = pc.equal(some, pa.scalar(text))
    found = from_arrow(equal.fill_null(False))  # noqa: FBT003 - a value
    chosen: Numbers = np.flatnonzero(found) if many else candidates[found]
    return chosen


def _values(kinds: Arrow, texts: Arrow) -> Arrow:
    return pa.StructArray.from_arrays([kinds, texts], fields=list(_VALUE))


def _none() -> Numbers:
    return np.empty(0, dtype=np.int64)
