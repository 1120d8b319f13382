"""What is there of a trace twice: under its retention, and in the archive."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from query.jaeger import arrays

_PLACE: Final = ("epoch", "partition", "sequence", "ordinal")
"""What a span is told apart by, wherever it lies."""

_ORDER: Final = ("trace_id", "time", "span_id")


def together(rows: pa.Table, archived: pa.Table) -> pa.Table:
    """Return the spans of traces, each once, trace by trace and the oldest of each first."""
    if not archived.num_rows or not rows.num_rows:
        return rows if rows.num_rows else archived
    both = pa.concat_tables([rows, archived])
    places = [arrays.numbers(both[name]).astype(np.uint64) for name in _PLACE]
    _, first = np.unique(np.stack(places, axis=1), axis=0, return_index=True)
    if len(first) == rows.num_rows:  # as long as the retention is not over
        return rows
    distinct = both.take(arrays.index(np.sort(first)))
    keys: Any = [(name, "ascending") for name in _ORDER]
    return distinct.take(pc.sort_indices(distinct, sort_keys=keys))
