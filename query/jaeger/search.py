"""A search of Jaeger's to a plan: one span meets everything, its whole trace is the answer."""

import re
from dataclasses import dataclass
from typing import Final

from pipeline.plan import (
    And,
    AttributeField,
    Column,
    Compare,
    Condition,
    Level,
    Not,
    OneOf,
    Operator,
    Or,
    Scalar,
    Traces,
)
from query.jaeger.names import KINDS, MISSING_SERVICE

TIME_MAX: Final = 2**64 - 1
"""The end of all times, in Unix nanoseconds."""

LIMIT: Final = 100
"""How many traces a search finds that names no limit."""

_ERROR: Final = 2
_STATUSES: Final = {"unset": 0, "ok": 1, "error": _ERROR}
_LEVELS: Final = (Level.RECORD, Level.RESOURCE, Level.SCOPE, Level.EVENT, Level.LINK)
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NOTHING: Final = Or(())
_COLUMNS: Final = {
    **dict.fromkeys(("scope.name", "otel.scope.name"), "scope_name"),
    **dict.fromkeys(("scope.version", "otel.scope.version"), "scope_version"),
    "otel.status_description": "status_message",
    "w3c.tracestate": "trace_state",
}


@dataclass(frozen=True, slots=True)
class Query:
    """
    What a client asks for; what is empty or 0 is not asked.

    Times are Unix nanoseconds of a span's own start, the end not in it; durations are nanoseconds,
    both ends in them. `attributes` are texts, compared with the text form of what was sent.
    """

    service: str = ""
    operation: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    start_ns: int = 0
    end_ns: int = TIME_MAX
    duration_min_ns: int = 0
    duration_max_ns: int = 0
    limit: int = LIMIT

    def plan(self, tenant: str) -> Traces:
        """Return the plan of the newest traces of which one span meets everything."""
        return Traces(tenant, self.start_ns, self.end_ns, self.condition(), self.limit)

    def condition(self) -> Condition | None:
        """Return what the one span has to meet."""
        parts: list[Condition] = []
        if self.service:
            parts.append(service(self.service))
        if self.operation:
            parts.append(_equal("name", self.operation))
        if self.duration_min_ns:
            parts.append(_duration(Operator.GREATER_OR_EQUAL, self.duration_min_ns))
        if self.duration_max_ns:
            parts.append(_duration(Operator.LESS_OR_EQUAL, self.duration_max_ns))
        parts += [tag(key, value) for key, value in self.attributes]
        return And(tuple(parts)) if parts else None


def service(name: str) -> Condition:
    """Return the condition of the service that is shown by this name."""
    if name != MISSING_SERVICE:
        return _equal("service_name", name)
    return Or((_equal("service_name", ""), _equal("service_name", name)))


def tag(key: str, value: str) -> Condition:
    """Return the condition of a tag, as Jaeger shows it: some are no attributes."""
    match key:
        case "error":
            failed = _equal("status_code", _ERROR)
            return failed if value == "true" else Not(failed) if value == "false" else _NOTHING
        case "span.kind":
            kind = KINDS.get(value.lower())
            return _NOTHING if kind is None else _equal("kind", kind)
        case "span.status":
            status = _STATUSES.get(value.lower(), 0)
            return _equal("status_code", status)
        case "otel.status_code":
            shown = {"OK": 1, "ERROR": _ERROR}.get(value)
            own = _attribute(key, value, _LEVELS)
            return own if shown is None else Or((_equal("status_code", shown), own))
        case _ if column := _COLUMNS.get(key):
            return Or((_equal(column, value), _attribute(key, value, _LEVELS)))
        case _ if key.startswith("resource."):
            named = _attribute(key.removeprefix("resource."), value, (Level.RESOURCE,))
            return Or((named, _attribute(key, value, (Level.RECORD,))))
    return _attribute(key, value, _LEVELS)


def _attribute(key: str, value: str, levels: tuple[Level, ...]) -> Condition:
    """Return where an attribute's text form is the value; whole doubles are shown without `.0`."""
    values: tuple[Scalar, ...] = (value,)
    if _WHOLE.fullmatch(value):
        values = (value, int(value))
    return Or(tuple(OneOf(AttributeField(key, level), values) for level in levels))


def _duration(operator: Operator, nanoseconds: int) -> Condition:
    return Compare(Column("duration_ns"), operator, nanoseconds)


def _equal(column: str, value: Scalar) -> Condition:
    return Compare(Column(column), Operator.EQUAL, value)
