"""Facets: of each named field the values that most records have that match, with their counts."""

import asyncio
from typing import Final

import pyarrow as pa
from aiohttp import web

from pipeline.errors import Rejected
from pipeline.plan import Table
from pipeline.signal import Signal
from query import plans
from query.api import answers, parameters, table, times
from query.api.desk import Asked, Desk
from query.api.parameters import Range
from query.api.render import Json
from query.language import tree
from query.language.check import Checked, record_by_record
from query.language.name import names
from query.language.stages import sort
from query.language.stages.sort import Sort
from query.language.stages.stats import By, Call, Stats
from query.wrong import Wrong

TAKES: Final = ("signal", "q", "fields", "start", "end", "limit", "explain")
VALUES: Final = 10
"""Values of each field when no limit is named."""

_VALUE: Final = tree.Name("value", quoted=True)
_COUNT: Final = tree.Name("count", quoted=True)
_ORDER: Final = Sort((sort.By(_COUNT, descending=True), sort.By(_VALUE)))


class FacetsApi:
    """The handler of `/v1/facets`; `signal` is logs when it is not given."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def facets(self, request: web.Request) -> web.Response:
        """
        Answer `{"facets": [{"field", "values": [{"value", "count"}], "truncated"}], …}`.

        The value of records without one is null. A field of too many values has an `error` instead,
        and costs the others nothing.
        """
        asked = self._desk.open(request, TAKES)
        given, engine = request.query, self._desk.engine
        signal = parameters.signal(given) or Signal.LOGS
        wanted = parameters.read(given, engine.limits, asked.now_ns)
        record_by_record(wanted.query, signal)
        most = wanted.limit if given.get("limit") else VALUES
        fields = names(parameters.text(given, "fields"), "fields")
        if len(fields) > engine.limits.facets_max:
            limit = f"{engine.limits.facets_max} (query.limits.facets_max)"
            raise Wrong(f"fields are {limit} at most, not {len(fields)}", "fields")
        checked = [await self._check(asked, wanted, signal, one) for one in fields]
        question = plans.Asked(signal, asked.tenant, wanted.start_ns, wanted.end_ns, most)
        found = [question.table(one, engine.limits) for one in checked]
        if asked.explain:
            return await self._desk.explain(asked, *found)
        facets: list[Json] = [
            await self._facet(asked, str(field), plan)
            for field, plan in zip(fields, found, strict=True)
        ]
        warnings: list[Json] = list(dict.fromkeys(text for one in checked for text in one.warnings))

        def write() -> bytes:
            return answers.encode(
                {
                    "facets": facets,
                    "start": times.text(wanted.start_ns),
                    "end": times.text(wanted.end_ns),
                    **({"warnings": warnings} if warnings else {}),
                    "cost": asked.spent(),
                }
            )

        return answers.respond(await asyncio.to_thread(write))

    async def _check(
        self, asked: Asked, wanted: Range, signal: Signal, field: tree.Name
    ) -> Checked:
        stage = Stats((Call("count", name=_COUNT),), (By(field, _VALUE),))
        query = tree.Query(wanted.query.where, (stage, _ORDER))
        return await self._desk.engine.check(query, signal, asked.tenant, asked.now_ns)

    async def _facet(self, asked: Asked, field: str, plan: Table) -> dict[str, Json]:
        try:
            answer = await self._desk.engine.run(plan, asked.cost)
        except Wrong:
            raise
        except Rejected as verdict:
            return {"field": field, "values": [], "truncated": True, "error": str(verdict)}
        rows: pa.Table = answer.rows.select(["value", "count"])
        values = [dict(zip(rows.column_names, row, strict=True)) for row in table.cells(rows)]
        return {"field": field, "values": list(values), "truncated": answer.truncated}
