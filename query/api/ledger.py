"""`GET /v1/ledger`: what became of a tenant's records, by signal and interval."""

import time
from collections.abc import Callable
from typing import Final

from aiohttp import web

from pipeline import units
from pipeline.guard import guarded, identity
from pipeline.keyring import Access, Keyring
from pipeline.ports import Bus
from query.api import answers, parameters, times
from query.api.render import Json
from query.bookkeeper import Asked, Bookkeeper, Entry
from query.engine import Engine
from query.language.moment import SECOND_NS
from query.wrong import Wrong, shown

TAKES: Final = ("start", "end", "step")
INTERVALS_MAX: Final = 1000


def routes(
    engine: Engine, bus: Bus | None, keyring: Keyring, now_ns: Callable[[], int] = time.time_ns
) -> list[web.RouteDef]:
    """Return the route of the ledger; the application needs the middleware `answers.errors`."""
    range_ns = int(engine.limits.range * SECOND_NS)
    api = LedgerApi(Bookkeeper(engine, bus), range_ns, now_ns)
    return guarded([web.get("/v1/ledger", api.ledger)], keyring, Access.READ)


class LedgerApi:
    """
    The handler of `/v1/ledger`, which takes `start`, `end` and `step`.

    Answers `{"ledger": […], "start", "end"}`, an entry for each signal and interval (without `step`
    the range is one), and `warnings` about what is not known here: such a number is null.
    """

    def __init__(self, bookkeeper: Bookkeeper, range_ns: int, now_ns: Callable[[], int]) -> None:
        self._bookkeeper = bookkeeper
        self._range_ns = range_ns
        self._now_ns = now_ns

    async def ledger(self, request: web.Request) -> web.Response:
        """Answer the ledger of the tenant."""
        parameters.only(request.query, TAKES)
        now_ns = self._now_ns()
        start_ns, end_ns = parameters.span(request.query, self._range_ns, now_ns)
        step_ns = _step(request.query.get("step", ""), end_ns - start_ns)
        tenant = identity(request).tenant
        books = await self._bookkeeper.read(Asked(tenant, start_ns, end_ns, step_ns, now_ns))
        told: dict[str, Json] = {
            "ledger": [_entry(one) for one in books.entries],
            "start": times.text(start_ns),
            "end": times.text(end_ns),
        }
        if books.warnings:
            told["warnings"] = list(books.warnings)
        return answers.respond(answers.encode(told))


def _step(text: str, range_ns: int) -> int:
    if not text:
        return range_ns
    try:
        step_ns = int(float(units.seconds(text)) * SECOND_NS)  # type: ignore[arg-type]
    except ValueError:
        raise Wrong(f'step is a duration such as "1m" or "1h", not {shown(text)}', "step") from None
    if step_ns < 1 or -(-range_ns // step_ns) > INTERVALS_MAX:
        raise Wrong(
            f"step is to cut the range into at most {INTERVALS_MAX} intervals; {shown(text)} "
            "does not",
            "step",
        )
    return step_ns


def _entry(entry: Entry) -> dict[str, Json]:
    return {
        "signal": entry.signal.value,
        "start": times.text(entry.start_ns),
        "end": times.text(entry.end_ns),
        "received": entry.received,
        "refused": {str(reason): entry.refused[reason] for reason in sorted(entry.refused)},
        "filtered": entry.filtered,
        "sampled": entry.sampled,
        "buried": entry.buried,
        "stored": entry.stored,
        "expired": entry.expired,
        "in_flight": entry.in_flight,
    }
