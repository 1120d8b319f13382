"""Which traces have spans that lie below each other: paths, walked from parent to parent.

ClickHouse reads the spans, whose parents are looked up here in arrays: of 3M spans, a recursive
query took four times what this does, one of array functions is quadratic in the spans of a trace,
and older servers have neither.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.plan import Relation

Flags: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"
Places: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


class Spans:
    """
    The spans of some traces: columns trace_id, span_id, parent_span_id.

    Spans of a trace with the same ID count as one, which lies below the smallest of their parents.
    """

    def __init__(self, rows: pa.Table) -> None:
        traces = _coded(rows["trace_id"])
        spans = _coded(rows["span_id"])
        self.traces = traces.dictionary
        self._trace = _places(traces.indices)
        keys = self._trace << 32 | _places(spans.indices)
        nodes, self._node = np.unique(keys, return_inverse=True)
        self._size = len(nodes)
        self._trace_of = nodes >> 32
        self._parent = self._parents(rows, spans.dictionary, nodes)

    def meet(self, steps: list[Any], relations: tuple[Relation, ...]) -> Any:
        """Return the IDs of the traces with such a path; a step tells of each row if it fits."""
        first, *others = (self._by_node(one) for one in steps)
        found = first
        for relation, step in zip(relations, others, strict=True):
            above = self._child if relation is Relation.CHILD else self._descendant
            found = step & above(found)
        return self.traces.take(pa.array(np.unique(self._trace_of[found])))

    def _by_node(self, fits: pa.ChunkedArray[Any]) -> Flags:
        rows = fits.cast(pa.bool_()).to_numpy()
        node = np.zeros(self._size, np.bool_)
        node[self._node[rows]] = True
        return node

    def _child(self, above: Flags) -> Flags:
        """Tell of each whether it lies at once below one of these."""
        there = self._parent >= 0
        found = np.zeros(self._size, np.bool_)
        found[there] = above[self._parent[there]]
        return found

    def _descendant(self, above: Flags) -> Flags:
        """Tell of each whether it lies anywhere below one of these; parents may form a circle."""
        found, up = self._child(above), self._parent
        # Each round looks twice as far up as the one before.
        for _ in range(self._size.bit_length() + 1):
            there = np.flatnonzero(up >= 0)
            if not len(there):
                break
            found, before = found.copy(), found
            further = np.full_like(up, -1)
            found[there] |= before[up[there]]
            further[there] = up[up[there]]
            up = further
        return found

    def _parents(self, rows: pa.Table, ids: pa.Array[Any], nodes: Places) -> Places:
        """Return the place of each node's parent, -1 where it has none or none that is there."""
        parents = rows["parent_span_id"].combine_chunks()
        number = _numbers(parents)
        found_at: Any = pc.index_in(parents, value_set=ids)
        code = _places(found_at.fill_null(-1))
        key = self._trace << 32 | np.maximum(code, 0)
        place = np.minimum(np.searchsorted(nodes, key), max(0, self._size - 1))
        place[(code < 0) | (nodes[place] != key)] = -1
        found = np.full(self._size, -1, np.int64)
        named = np.flatnonzero(number)
        # Of several rows of a node the last that is written counts: the smallest parent.
        order = named[np.argsort(number[named], kind="stable")[::-1]]
        found[self._node[order]] = place[order]
        return found


def _coded(column: pa.ChunkedArray[Any]) -> Any:
    return column.combine_chunks().dictionary_encode()


def _places(numbers: Any) -> Places:
    return np.asarray(numbers).astype(np.int64)


def _numbers(ids: Any) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return IDs of 8 bytes as numbers of the same order."""
    data = np.frombuffer(ids.buffers()[1], ">u8")[ids.offset : ids.offset + len(ids)]
    return data.astype(np.uint64)
