"""A question over HTTP on its way: who asks, what is taken, and the answer with what it cost."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
from aiohttp import web

from pipeline.guard import identity
from pipeline.plan import Question
from pipeline.ports import Cost
from query.api import answers, explained, parameters, render
from query.api.render import Json
from query.engine import Answer, Engine

TRUNCATED: Final = "Aura-Truncated"
"""Header of what the limit cut and cannot say so in its body: `true`."""
COST: Final = "Aura-Cost"
"""Header of what an answer cost that cannot say so in its body, as JSON."""
CURSOR: Final = "Aura-Cursor"
"""Header with the cursor of an answer that goes on and cannot say so in its body."""

EXPLAIN: Final = "explain"
"""The parameter that asks how, instead of asking."""

Write = Callable[[Answer], dict[str, Json]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: whose data, since when it is answered, and what that took so far."""

    request: web.Request
    tenant: str
    now_ns: int
    explain: bool
    began_ns: int = field(default_factory=time.monotonic_ns)
    cost: Cost = field(default_factory=Cost)

    def spent(self) -> dict[str, Json]:
        """Return what answering took until now."""
        return {
            "rows": self.cost.rows,
            "bytes": self.cost.bytes,
            "time_ms": round((time.monotonic_ns() - self.began_ns) / 1e6, 3),
            "engine_ms": round(self.cost.engine_ns / 1e6, 3),
            "cached": self.cost.cached,
        }

    def headers(self, *, truncated: bool, cursor: str = "") -> dict[str, str]:
        """Return what an answer says in its headers that has no place for it in its body."""
        found = {COST: answers.encode(self.spent()).decode()}
        if truncated:
            found[TRUNCATED] = "true"
        if cursor:
            found[CURSOR] = cursor
        return found


class Desk:
    """Where handlers take questions and give answers."""

    def __init__(self, engine: Engine, now_ns: Callable[[], int]) -> None:
        self.engine = engine
        self._now_ns = now_ns

    def open(self, request: web.Request, takes: tuple[str, ...]) -> Asked:
        """Return the request as a question; raises Wrong for a parameter that it does not take."""
        parameters.only(request.query, takes)
        explain = EXPLAIN in takes and parameters.flag(request.query, EXPLAIN)
        return Asked(request, identity(request).tenant, self._now_ns(), explain)

    async def answer(
        self, asked: Asked, plan: Question, write: Write, rest: Mapping[str, Json] | None = None
    ) -> web.Response:
        """
        Run the plan and answer what `write` makes of its rows.

        With `rest`, `truncated` and `cost` beside it; or how the plan would be run, if that was
        asked.
        """
        if asked.explain:
            return await self.explain(asked, plan)
        answer = await self.engine.run(plan, asked.cost)

        def whole() -> bytes:
            found = write(answer) | dict(rest or {})
            return answers.encode({**found, "truncated": answer.truncated, "cost": asked.spent()})

        # Thousands of rows take long enough to hold up every other request.
        return answers.respond(await asyncio.to_thread(whole))

    async def explain(self, asked: Asked, *plans: Question) -> web.Response:
        """Answer how the plans would be run, one after the other."""
        rows = pa.concat_tables([await self.engine.explain(one, asked.cost) for one in plans])
        body: dict[str, Json] = {
            "plans": [explained.plan(one) for one in plans],
            "statements": explained.statements(rows),
            "cost": asked.spent(),
        }
        return answers.respond(answers.encode(body))


def listed(rows: pa.Table, **columns: str) -> list[Json]:
    """Return rows as objects; `columns` names the member that each column becomes."""
    renamed = rows.select(list(columns.values())).rename_columns(list(columns))
    return [
        {name: render.integer(cell) if type(cell) is int else cell for name, cell in row.items()}
        for row in renamed.to_pylist()
    ]
