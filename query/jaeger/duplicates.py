"""Spans that were sent twice: of those that are equal in everything that was sent, one is kept."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.schema import SPANS
from query.jaeger import arrays, written
from query.jaeger.arrays import Column

_OURS: Final = ("sequence", "time")
_SENT: Final = tuple(name for name in SPANS.names if name not in _OURS)


def distinct(rows: pa.Table) -> pa.Table:
    """Return whole traces without their duplicates; of equal spans the first stays."""
    ids = arrays.words(arrays.one(rows["span_id"]))
    codes = arrays.codes(arrays.numbered(rows), ids)
    again = np.flatnonzero(np.bincount(codes)[codes] > 1) if len(codes) else codes
    if not len(again):
        return rows
    suspects = rows.take(arrays.index(again))
    parts: list[Any] = [_text(arrays.one(suspects[name])) for name in _SENT]
    whole: Any = pc.binary_join_element_wise(*parts, ",")
    same = whole.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    _, first = np.unique(same, return_index=True)
    kept = np.ones(rows.num_rows, bool)
    kept[again] = False
    kept[again[first]] = True
    return rows.filter(pa.array(kept))


def _text(column: Column) -> Column:
    """Return a text of each element of a column, equal for equal ones only."""
    kind: Any = column.type
    if pa.types.is_list(kind):
        flat = _text(arrays.one(pc.list_flatten(column)))
        rows = arrays.owners(column)
        inner: Any = pc.binary_join(arrays.listed(rows, flat, len(column)), ",")
        return pc.binary_join_element_wise("[", inner, "]", "")
    if pa.types.is_struct(kind):
        fields: list[Any] = [_text(column.field(at)) for at in range(kind.num_fields)]
        return pc.binary_join_element_wise(*fields, ",")
    if pa.types.is_fixed_size_binary(kind):
        return written.hexadecimal(column)
    if pa.types.is_string(kind):
        return written.quoted(column)
    return column.cast(pa.utf8())
