"""The series of a question, and the groups that their labels make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.envelope import Resource, Scope, find
from pipeline.errors import Rejected
from pipeline.plan import AttributeField, Column, Level, Range
from pipeline.value import Attribute
from storage.remembered import remembered

SERIES_MAX: Final = 200_000
"""Series that one question is about."""

Numbers: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Labels: TypeAlias = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """
    Series in the order of their `ids`, each with the number of its group.

    `labels` are those of each group, in order.
    """

    ids: Numbers
    of: Numbers
    monotonic: Numbers
    labels: list[Labels]

    def known(self, rows: pa.Table) -> pa.Table:
        """Leave out the points of series that were not there when the groups were made."""
        ids = rows["series_id"].to_numpy()
        at = np.minimum(np.searchsorted(self.ids, ids), max(0, len(self.ids) - 1))
        return rows.filter(pa.array(self.ids[at] == ids)) if len(self.ids) else rows.slice(0, 0)

    def places(self, series_id: Any) -> Numbers:
        """Return the place among `ids` of each of these series."""
        places: Numbers = np.searchsorted(self.ids, series_id.to_numpy())
        return places


def group(plan: Range, series: pa.Table) -> Groups:
    """Return the groups of a question's series; raises Rejected when they are too many."""
    if len(series) > SERIES_MAX:
        raise Rejected(f"more than {SERIES_MAX} series match: name a metric or a service")
    rows = series.select(_needed(plan)).to_pylist()
    labels = [tuple(_label(field, row) for field in plan.by) for row in rows]
    ordered = sorted(set(labels), key=lambda one: tuple((v is not None, v or "") for v in one))
    numbers = {one: at for at, one in enumerate(ordered)}
    ids = series["series_id"].to_numpy()
    order = np.argsort(ids)
    codes = np.array([numbers[one] for one in labels], np.int64)
    # Histograms and summaries only grow, whatever the flag of sums says.
    sums = series["metric_type"].to_numpy() == 7
    monotonic = ~sums | pc.cast(series["is_monotonic"], pa.uint8()).to_numpy().astype(bool)
    return Groups(ids[order], codes[order], monotonic[order], ordered)


def _needed(plan: Range) -> list[str]:
    names = {"series_id"}
    for field in plan.by:
        if isinstance(field, Column):
            names.add({"scope_name": "scope", "scope_version": "scope"}.get(field.name, field.name))
        else:
            names |= {"attributes", "resource", "scope"}
    return sorted(names)


def _label(field: Column | AttributeField, row: dict[str, Any]) -> str | None:
    if isinstance(field, AttributeField):
        return _attribute(field, row)
    if field.name in {"scope_name", "scope_version"}:
        scope = Scope.parse(row["scope"])
        return scope.name if field.name == "scope_name" else scope.version
    return str(row[field.name])


def _attribute(field: AttributeField, row: dict[str, Any]) -> str | None:
    found = None
    if field.level in {Level.ANY, Level.RECORD}:
        own = [(one["key"], one["type"], one["value"]) for one in row["attributes"]]
        found = find(own, field.key)
    if found is None and field.level in {Level.ANY, Level.RESOURCE}:
        found = find(_shared(row["resource"]), field.key)
    if found is None and field.level in {Level.ANY, Level.SCOPE}:
        found = find(_shared(row["scope"]), field.key)
    return found


@remembered(4096)
def _shared(text: str) -> tuple[Attribute, ...]:
    """Return the attributes of a resource or scope."""
    return Resource.parse(text).attributes
