"""Lists in Arrow columns, taken apart and put together again without an object per element."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.schema import ATTRIBUTE, ATTRIBUTES, EVENT

Numbers: TypeAlias = npt.NDArray[Any]
Column: TypeAlias = Any
"""An Arrow array in one piece; the stubs cannot say of what."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Attributes of many rows: the number of each one's row, then its key, type and value."""

    rows: Numbers
    keys: Column
    types: Numbers
    values: Column

    @classmethod
    def of(cls, column: Column) -> Self:
        """Return the attributes of a column, in their order."""
        flat: Any = pc.list_flatten(column)
        rows = owners(column)
        keys, types, values = (flat.field(at) for at in range(3))
        return cls(rows, _plain(keys), types.to_numpy(zero_copy_only=False), _plain(values))

    @classmethod
    def said(cls, rows: Numbers, key: str, kind: int, values: Column | str) -> Self:
        """Return one attribute of each of these rows, with values of their own or all the same."""
        texts = _repeated(values, len(rows)) if isinstance(values, str) else values
        types = np.full(len(rows), kind, np.uint8)
        return cls(rows, _repeated(key, len(rows)), types, texts)

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, kept: Numbers) -> "Pairs":
        """Return those for which `kept` holds."""
        if kept.all():
            return self
        return self.take(np.flatnonzero(kept))

    def take(self, chosen: Numbers) -> "Pairs":
        """Return those at these numbers."""
        at = index(chosen)
        return Pairs(
            self.rows[chosen], self.keys.take(at), self.types[chosen], self.values.take(at)
        )

    def named(self, *keys: str) -> Numbers:
        """Tell of each whether its key is one of these."""
        found: Any = pc.is_in(self.keys, pa.array(keys, pa.utf8()))
        return numbers(found)

    def by_key(self) -> "Pairs":
        """Return them sorted by key within each row; those of one key stay in their order."""
        coded: Any = pc.dictionary_encode(self.keys)
        order = pc.sort_indices(coded.dictionary).to_numpy(zero_copy_only=False)
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        keys = ranks[coded.indices.to_numpy(zero_copy_only=False)] if len(self) else self.rows
        # Most senders' attributes are few: the sort is the costly part, so it is looked for first.
        same, ahead = self.rows[1:] == self.rows[:-1], keys[1:] < keys[:-1]
        return self.take(np.lexsort((keys, self.rows))) if (same & ahead).any() else self

    def column(self, rows: int) -> Column:
        """Return them as an attributes column of so many rows; they stand by row."""
        flat = pa.StructArray.from_arrays(
            [self.keys, pa.array(self.types, pa.uint8()), self.values], fields=list(ATTRIBUTE)
        )
        return pa.ListArray.from_arrays(offsets(self.rows, rows), flat).cast(ATTRIBUTES)


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Return all of them by row; in a row those of the first part come first."""
    some = [one for one in parts if len(one)] or list(parts[:1])
    if len(some) == 1:
        return some[0]
    rows = np.concatenate([one.rows for one in some])
    every = Pairs(
        rows,
        pa.concat_arrays([one.keys for one in some]),
        np.concatenate([one.types for one in some]),
        pa.concat_arrays([one.values for one in some]),
    )
    return every.take(np.argsort(rows, kind="stable"))


def owners(lists: Column) -> Numbers:
    """Return the number of the row that each element of its lists belongs to."""
    return numbers(pc.list_parent_indices(lists))


def index(places: Numbers) -> Column:
    """Return places as Arrow takes them."""
    return pa.array(places, pa.int64())


def filled(texts: Column) -> Numbers:
    """Tell of each text whether it is not empty."""
    return numbers(pc.greater(pc.binary_length(texts), pa.scalar(0)))


def offsets(rows: Numbers, number: int) -> Column:
    """Return where the list of each of so many rows begins, of elements that stand by row."""
    starts = np.zeros(number + 1, np.int32)
    np.cumsum(np.bincount(rows, minlength=number), out=starts[1:])
    return pa.array(starts, pa.int32())


def listed(rows: Numbers, flat: Column, number: int) -> Column:
    """Return the lists of so many rows, of elements that stand by row."""
    return pa.ListArray.from_arrays(offsets(rows, number), flat)


def numbers(column: Any) -> Numbers:
    """Return a column of numbers or bools for numpy."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole.to_numpy(zero_copy_only=False)


def one(column: Any) -> Column:
    """Return a column in one piece, texts as plain ones."""
    whole: Any = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):  # of no rows, or more than one piece can hold
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    return _plain(whole)


def words(column: Column) -> Numbers:
    """Return IDs of 8 bytes as numbers; of 16 bytes two numbers each, the upper half first."""
    data = column.buffers()[1]
    width: int = column.type.byte_width // 8
    if data is None or not len(column):
        return np.zeros((0, width), np.uint64) if width > 1 else np.zeros(0, np.uint64)
    every = np.frombuffer(data, ">u8")[column.offset * width :][: len(column) * width]
    found = every.astype(np.uint64)
    return found.reshape(-1, width) if width > 1 else found


def runs(rows: pa.Table) -> list[tuple[int, int]]:
    """Return where each trace begins in a table of whole traces, and how many spans it has."""
    traces = words(one(rows["trace_id"]))
    if not len(traces):
        return []
    starts = np.flatnonzero(np.r_[True, (traces[1:] != traces[:-1]).any(axis=1)])
    sizes = np.diff(np.r_[starts, len(traces)])
    return list(zip(starts.tolist(), sizes.tolist(), strict=True))


def numbered(rows: pa.Table) -> Numbers:
    """Return the number of each span's trace in a table of whole traces."""
    sizes = [size for _, size in runs(rows)]
    return np.repeat(np.arange(len(sizes)), sizes)


def first(rows: pa.Table, most: int) -> pa.Table:
    """Return whole traces with at most so many spans of each."""
    found = runs(rows)
    if all(size <= most for _, size in found):
        return rows
    kept = np.concatenate([np.arange(at, at + min(size, most)) for at, size in found])
    return rows.take(index(kept))


def codes(traces: Numbers, ids: Numbers) -> Numbers:
    """Return a number for each ID within its trace: the same for the same."""
    order = np.lexsort((ids, traces))
    sorted_traces, sorted_ids = traces[order], ids[order]
    new = np.r_[
        False,
        (sorted_traces[1:] != sorted_traces[:-1]) | (sorted_ids[1:] != sorted_ids[:-1]),
    ]
    found = np.empty(len(ids), np.int64)
    found[order] = np.cumsum(new[: len(ids)])
    return found


def _repeated(text: str, times: int) -> Column:
    return pa.repeat(pa.scalar(text, pa.utf8()), times)


def _plain(column: Any) -> Column:
    return column.cast(pa.utf8()) if pa.types.is_dictionary(column.type) else column


def with_event_times(rows: pa.Table, deltas: Numbers) -> pa.Table:
    """Return spans whose events are moved by so many nanoseconds each."""
    events = one(rows["events"])
    flat: Any = pc.list_flatten(events)
    if not len(flat):
        return rows
    of = owners(events)
    parts = [flat.field(at) for at in range(flat.type.num_fields)]
    parts[0] = pa.array(numbers(parts[0]) + deltas[of].astype(np.uint64))
    made = pa.StructArray.from_arrays(parts, fields=list(EVENT))
    return rows.set_column(
        rows.schema.get_field_index("events"), "events", listed(of, made, len(events))
    )
