"""Completion: the names that a query can ask for, and the values that they have."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from multidict import MultiMapping

from pipeline.plan import AttributeField, Column, Keys, Level, Values
from pipeline.signal import Signal
from pipeline.value import TYPE_NAMES
from query.api import answers, parameters
from query.api.desk import Desk
from query.api.render import Json
from query.language.columns import Choice, Failed, Flag, Kind, Text
from query.language.fields import COLUMNS
from query.language.level import LEVELS, Severity
from query.language.name import field
from query.wrong import Wrong

_LEVELS: Final = [one.value for one in (Level.RESOURCE, Level.SCOPE, Level.RECORD)]


class CompletionApi:
    """The handlers; `signal` is logs when it is not given."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def keys(self, request: web.Request) -> web.Response:
        """
        Answer `{"fields": […], "keys": [{"key", "level", "types"}]}`, in order.

        Fields are the signal's own, keys those of attributes; `limit` counts types of keys.
        """
        asked = self._desk.open(request, ("signal", "prefix", "level", "limit", "explain"))
        given = request.query
        signal = _signal(given)
        prefix = parameters.text(given, "prefix")
        level = parameters.choice(given, "level", _LEVELS)
        limit = parameters.limit(given, self._desk.engine.limits)
        plan = Keys(
            signal, asked.tenant, (), (), limit, Level(level) if level else Level.ANY, prefix
        )
        own: list[Json] = [] if level else _starting(prefix, COLUMNS[signal])
        return await self._desk.answer(
            asked, plan, lambda answer: {"fields": own, "keys": _keys(answer.rows.to_pylist())}
        )

    async def values(self, request: web.Request) -> web.Response:
        """Answer `{"values": […]}`: texts that the field has, in order."""
        takes = ("signal", "field", "prefix", "start", "end", "limit", "explain")
        asked = self._desk.open(request, takes)
        given, limits = request.query, self._desk.engine.limits
        signal = _signal(given)
        prefix = parameters.text(given, "prefix")
        limit = parameters.limit(given, limits)
        start_ns, end_ns = parameters.span(given, parameters.range_ns(limits), asked.now_ns)
        found = field(parameters.text(given, "field"), signal, "field")
        known = None if isinstance(found, AttributeField) else _known(found)
        if known is not None:
            values = _starting(prefix, known)
            body = {"values": values[:limit], "truncated": len(values) > limit}
            return answers.respond(answers.encode({**body, "cost": asked.spent()}))
        plan = Values(
            signal,
            asked.tenant,
            found if isinstance(found, AttributeField) else _column(found),
            prefix,
            start_ns,
            end_ns,
            limits.examined_max,
            limit,
        )
        return await self._desk.answer(
            asked, plan, lambda answer: {"values": answer.rows["value"].to_pylist()}
        )


def _signal(given: MultiMapping[str]) -> Signal:
    return parameters.signal(given) or Signal.LOGS


def _starting(prefix: str, names: Any) -> list[Json]:
    return [name for name in names if name.startswith(prefix)]


def _keys(rows: Sequence[Mapping[str, Any]]) -> list[Json]:
    types: dict[tuple[str, str], list[Json]] = {}
    for row in rows:
        types.setdefault((row["key"], row["level"]), []).append(TYPE_NAMES[row["type"]])
    return [{"key": key, "level": level, "types": of} for (key, level), of in types.items()]


def _known(kind: Kind) -> list[str] | None:
    """Return the values of a field that has few, whatever is stored."""
    match kind:
        case Severity():
            return list(LEVELS)
        case Choice():
            return list(kind.choices)
        case Flag() | Failed():
            return ["true", "false"]
        case _:
            return None


def _column(kind: Kind) -> Column:
    if not isinstance(kind, Text):
        raise Wrong("field is one that holds text, which this one does not", "field")
    return Column(kind.column)
