"""Finds the traces that match as a whole: asks for candidates, then for what is true of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.plan import Condition, Path, Traces
from storage import fields
from storage.answers import MATCHES
from storage.compile import whole as compiled
from storage.compile.parameters import Statement
from storage.pattern import Leaf, holds, leaves
from storage.structure import Flags, Spans

Ask: TypeAlias = Callable[[Statement, pa.Schema], Awaitable[pa.Table]]

_SPANS: Final[list[pa.Field[Any]]] = [
    pa.field("trace_id", schema.TRACE_ID),
    pa.field("span_id", schema.SPAN_ID),
    pa.field("parent_span_id", schema.SPAN_ID),
]


class Examination:
    """Examines the traces of one plan; `ask` runs a statement."""

    def __init__(self, plan: Traces, whole: Condition, ask: Ask) -> None:
        fields.check_whole(whole)
        self._plan = plan
        self._whole = whole
        self._ask = ask

    async def matching(self) -> tuple[dict[str, int], bool]:
        """
        Return the newest traces that match, at most the plan's limit, as `matches` does.

        And whether others might, which were not examined.
        """
        plan = self._plan
        found = matches(await self._ask(compiled.candidates(plan, self._whole), MATCHES))
        ids = list(found)[: plan.candidates_max]
        if not ids:
            return {}, bool(found)
        asked = list(leaves(self._whole))
        paths = [one for one in asked if isinstance(one, Path) and one.relations]
        others = [one for one in asked if not (isinstance(one, Path) and one.relations)]
        told = [*await self._paths(ids, paths), *await self._facts(ids, others)]
        # By what they say: to Python, conditions that differ in 1 and true are equal.
        known = dict(zip(map(repr, (*paths, *others)), told, strict=True))
        every = np.ones(len(ids), np.bool_)
        fits = holds(self._whole, lambda leaf: known[repr(leaf)], every)
        chosen = {ids[at]: found[ids[at]] for at in np.flatnonzero(fits)[: plan.limit]}
        return chosen, len(found) > len(ids) and len(chosen) < plan.limit

    async def _facts(self, ids: list[str], asked: list[Leaf]) -> list[Flags]:
        """Tell of each leaf which of the traces meet it."""
        if not asked:
            return []
        names = [f"f{at}" for at in range(len(asked))]
        columns = pa.schema([MATCHES.field("id"), *(pa.field(name, pa.bool_()) for name in names)])
        rows = await self._ask(compiled.facts(self._plan, ids, asked), columns)
        at = pc.index_in(pa.array(ids), value_set=rows["id"].combine_chunks())
        # What expired since the candidates were looked for meets nothing.
        told: list[Any] = [rows[name].combine_chunks().take(at) for name in names]
        return [np.asarray(one.fill_null(False)) for one in told]  # noqa: FBT003 - the value itself

    async def _paths(self, ids: list[str], paths: list[Path]) -> list[Flags]:
        """Tell of each path which of the traces have it."""
        if not paths:
            return []
        steps = [step for path in paths for step in path.steps]
        columns = pa.schema(
            [*_SPANS, *(pa.field(f"s{at}", pa.bool_()) for at in range(len(steps)))]
        )
        rows = await self._ask(compiled.spans(self._plan, ids, steps), columns)
        spans = Spans(rows)
        asked = pa.array([bytes.fromhex(one) for one in ids], schema.TRACE_ID)
        found, first = [], 0
        for path in paths:
            fits = [rows[f"s{first + at}"] for at in range(len(path.steps))]
            first += len(path.steps)
            met = pc.is_in(asked, value_set=spans.meet(fits, path.relations))
            found.append(np.asarray(met))
        return found


def matches(rows: pa.Table) -> dict[str, int]:
    """Return the IDs of an answer, as hex, with the time of the newest span that matches."""
    columns = (rows[name].to_pylist() for name in MATCHES.names)
    return {str(trace_id): int(time) for trace_id, time in zip(*columns, strict=True)}
