"""Resources and scopes that a condition asks for: looked up once, for all statements of a plan."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from pipeline.plan import Records, Traces
from pipeline.signal import Signal
from storage.compile.condition import Conditions, Listed
from storage.compile.parameters import Parameters, Statement
from storage.fields import check

_LOOKUPS_MAX: Final = 16
"""Look-ups in one statement; a plan with more has its subqueries."""

_TEXTS_MAX: Final = 64
_BYTES_MAX: Final = 32 * 2**10
"""Texts of a look-up that statements name: with more, or longer ones, each looks for itself."""


@dataclass(frozen=True, slots=True)
class Lookups:
    """The look-ups of a condition as one statement; its answer has the columns `answers.LISTED`."""

    statement: Statement
    count: int

    def listed(self, rows: pa.Table) -> Listed:
        """Return what they found, from the answer."""
        found: list[list[str]] = [[] for _ in range(self.count)]
        for place, text in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            found[place].append(text)
        return [one if _few(one) else None for one in found]


def lookups(plan: Records | Traces) -> Lookups | None:
    """Return what the plan's condition looks up; None where that is nothing, or not known to be."""
    signal = plan.signal if isinstance(plan, Records) else Signal.TRACES
    if plan.where is None or signal is Signal.METRICS:  # which have series instead
        return None
    check(signal, plan.where)
    parameters = Parameters()
    conditions = Conditions(signal, parameters.add(plan.tenant, "String"), parameters)
    conditions.sql(plan.where)
    asked = conditions.lookups
    if not 1 <= len(asked) <= _LOOKUPS_MAX:
        return None
    # A list has a text once for each day, until its rows are merged.
    parts = (
        f"(SELECT DISTINCT toUInt8({at}) AS place, text FROM ({one}) LIMIT {_TEXTS_MAX + 1})"
        for at, one in enumerate(asked)
    )
    return Lookups(Statement(" UNION ALL ".join(parts), parameters.bound), len(asked))


def _few(texts: list[str]) -> bool:
    return len(texts) <= _TEXTS_MAX and sum(map(len, texts)) <= _BYTES_MAX
