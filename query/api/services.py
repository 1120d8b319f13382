"""Services: which there are, what they do, and which calls which."""

from aiohttp import web

from pipeline.plan import Dependencies, Operations, Services
from query.api import parameters, times
from query.api.desk import Desk, listed
from query.api.spans import KINDS
from query.language.fields import SPAN_KINDS


class ServicesApi:
    """The handlers; all answer from lists but `dependencies`, which joins the spans of a range."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def services(self, request: web.Request) -> web.Response:
        """Answer `{"services": [{"name", "signals"}]}`, in order."""
        asked = self._desk.open(request, ("signal", "prefix", "limit", "explain"))
        plan = Services(
            asked.tenant,
            parameters.signal(request.query),
            parameters.text(request.query, "prefix"),
            parameters.limit(request.query, self._desk.engine.limits),
        )
        return await self._desk.answer(
            asked,
            plan,
            lambda answer: {
                "services": listed(answer.rows, name="service_name", signals="signals")
            },
        )

    async def operations(self, request: web.Request) -> web.Response:
        """Answer `{"operations": [{"service", "name", "kind"}]}`, in order."""
        takes = ("service", "kind", "prefix", "limit", "explain")
        asked = self._desk.open(request, takes)
        kind = parameters.choice(request.query, "kind", list(SPAN_KINDS))
        plan = Operations(
            asked.tenant,
            parameters.text(request.query, "service") if "service" in request.query else None,
            SPAN_KINDS[kind] if kind else None,
            parameters.text(request.query, "prefix"),
            parameters.limit(request.query, self._desk.engine.limits),
        )
        return await self._desk.answer(
            asked,
            plan,
            lambda answer: {
                "operations": [
                    {
                        "service": row["service_name"],
                        "name": row["name"],
                        "kind": KINDS.get(row["kind"], "unspecified"),
                    }
                    for row in answer.rows.to_pylist()
                ]
            },
        )

    async def dependencies(self, request: web.Request) -> web.Response:
        """Answer `{"dependencies": [{"parent", "child", "calls", "errors"}]}`, most calls first."""
        asked = self._desk.open(request, ("start", "end", "limit", "explain"))
        limits = self._desk.engine.limits
        start_ns, end_ns = parameters.span(request.query, parameters.range_ns(limits), asked.now_ns)
        plan = Dependencies(asked.tenant, start_ns, end_ns, parameters.limit(request.query, limits))
        return await self._desk.answer(
            asked,
            plan,
            lambda answer: {
                "dependencies": listed(
                    answer.rows,
                    parent="parent",
                    child="child",
                    calls="call_count",
                    errors="error_count",
                )
            },
            {"start": times.text(start_ns), "end": times.text(end_ns)},
        )
