"""What Jaeger's clients ask, by a seed: query strings, and the values that gRPC asks with too."""

import json
from random import Random
from urllib.parse import quote

from tests.fuzz import chance as odd
from tests.fuzz.questions import LIMITS, TIMES
from tests.fuzz.telemetry import NOW_NS, TRACE_IDS

SERVICES = ("test-svc", "label", "a", "", "unknown_service")
OPERATIONS = ("", "a", "label", "GET /")
KINDS = ("", "server", "client", "unspecified", "odd")
_US, _MS = NOW_NS // 1000, NOW_NS // 10**6
_BOOLS = ("", "true", "false", "1", "x")
_DURATIONS = ("", "0", "1ms", "1.5h", "-1s", "2µs", "9" * 30 + "s", "1", "1h1h", ".5s")
_MICROSECONDS = (
    "",
    "0",
    "1",
    str(_US - 10**9),
    str(_US + 10**9),
    str(2**63 - 1),
    "-1",
    "9" * 30,
    "x",
)
_MILLISECONDS = ("", "0", "1000", "3600000", str(_MS), str(2**63 - 1), "-1", "9" * 30, "1.5")
_DATES = (*(one for one in TIMES if "T" in one), "", "now", "0", "2026-09-21")
_TAGS = (
    "",
    "a:b",
    "label:x",
    "error:true",
    "span.kind:server",
    "span.status:ok",
    "nocolon",
    ":",
    "a:b:c",
)
_MAPS = (
    "",
    "{}",
    '{"label":"x"}',
    '{"error":"true"}',
    '{"a":1}',
    "[]",
    "{",
    '{"\\ud800":"x"}',
    "[" * 3000,
)
_IDS = (*(one.hex() for one in TRACE_IDS[:40]), "", "0" * 32, "f" * 33, "abc", "AAAAAAAAAAE=", "x")

_V3 = {
    "query.serviceName": SERVICES, "query.service_name": SERVICES,
    "query.operationName": OPERATIONS,
    "query.attributes": _MAPS, "query.startTimeMin": _DATES, "query.startTimeMax": _DATES,
    "query.durationMin": _DURATIONS, "query.durationMax": _DURATIONS, "query.searchDepth": LIMITS,
    "query.rawTraces": _BOOLS, "query.filter": ("x",),
}  # fmt: skip
PARAMETERS = {
    "jaeger search": {
        "service": SERVICES, "operation": OPERATIONS, "start": _MICROSECONDS, "end": _MICROSECONDS,
        "limit": LIMITS, "minDuration": _DURATIONS, "maxDuration": _DURATIONS, "tag": _TAGS,
        "tags": _MAPS, "raw": _BOOLS, "prettyPrint": _BOOLS,
    },
    "jaeger named": {"traceID": _IDS, "raw": _BOOLS, "prettyPrint": _BOOLS},
    "jaeger trace": {"raw": _BOOLS, "prettyPrint": _BOOLS, "start": _MICROSECONDS},
    "jaeger operations": {"service": SERVICES, "spanKind": KINDS},
    "jaeger links": {"endTs": _MILLISECONDS, "lookback": _MILLISECONDS, "service": SERVICES},
    "jaeger figures": {
        "service": SERVICES, "quantile": ("0.95", "0", "1", "2", "nan", ""), "endTs": _MILLISECONDS,
        "lookback": _MILLISECONDS, "step": _MILLISECONDS, "ratePer": _MILLISECONDS,
        "spanKind": KINDS, "groupByOperation": _BOOLS,
    },
    "jaeger v3 search": _V3,
    "jaeger v3 trace": {"startTime": _DATES, "endTime": _DATES, "rawTraces": _BOOLS},
}  # fmt: skip
"""What may be asked, by what a route takes."""

_NEEDED = {
    "jaeger search": ("service",),
    "jaeger figures": ("service", "quantile"),
    "jaeger v3 search": ("query.startTimeMin", "query.startTimeMax"),
}


def string(chance: Random, takes: str) -> str:
    """Return a query string with its question mark; most of what it needs is there."""
    pairs = []
    for name, values in PARAMETERS[takes].items():
        if chance.random() < (0.9 if name in _NEEDED.get(takes, ()) else 0.25):
            times = chance.choice((1, 1, 1, 2, 20))
            pairs += [(name, _value(chance, values)) for _ in range(times)]
    if chance.random() < 0.05:
        pairs.append((odd.text(chance, 6), odd.text(chance, 6)))
    chance.shuffle(pairs)
    return "?" + "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)


def _value(chance: Random, values: tuple[str, ...]) -> str:
    if chance.random() < 0.8:
        return chance.choice(values)
    return chance.choice((odd.text(chance), json.dumps(odd.text(chance)), str(odd.integer(chance))))


def trace(chance: Random) -> str:
    """Return the ID of a trace as a path has it, or what is none."""
    return chance.choice(_IDS) if chance.random() < 0.9 else quote(odd.text(chance), safe="")


def service(chance: Random) -> str:
    """Return the name of a service as a path has it."""
    return quote(chance.choice(SERVICES) or odd.text(chance, 8), safe="")
