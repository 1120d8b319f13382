"""What is said of spans beside what was sent, in the attribute in which Jaeger keeps it."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from pipeline import value
from query.jaeger import arrays
from query.jaeger.arrays import Pairs

WARNINGS: Final = "@jaeger@warnings"
"""The attribute, a list of texts."""

Warnings = Mapping[int, Sequence[str]]
"""What is said of spans, by the number of their row."""


def stored(own: Pairs) -> dict[int, list[str]]:
    """Return the warnings that attributes of this name hold, by the number of their row."""
    found: dict[int, list[str]] = {}
    for row, kind, text in zip(
        own.rows.tolist(), own.types.tolist(), own.values.to_pylist(), strict=True
    ):
        said = value.decode(kind, str(text))
        more = said if isinstance(said, list) else [said]
        found.setdefault(row, []).extend(map(str, more))
    return found


def written(rows: pa.Table, said: Warnings) -> pa.Table:
    """Return spans that have these warnings among their attributes, behind those they came with."""
    if not said:
        return rows
    at = np.array(sorted(said), np.int64)
    own = Pairs.of(arrays.one(rows["attributes"]))
    old = own.named(WARNINGS) & np.isin(own.rows, at)
    before = stored(own.where(old))
    texts = [value.encode([*before.get(row, ()), *said[row]])[1] for row in at.tolist()]
    new = Pairs.said(at, WARNINGS, value.ARRAY, pa.array(texts, pa.utf8()))
    column = arrays.joined([own.where(~old), new]).column(rows.num_rows)
    return rows.set_column(rows.schema.get_field_index("attributes"), "attributes", column)
