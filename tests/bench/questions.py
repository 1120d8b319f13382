"""What is asked of a `Shop`: as the API takes it, and as SQL that a hand would write."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

Row = Mapping[str, Any]
"""A record that is looked for."""

ROWS: Final = 20
_EPOCH: Final = "1970-01-01T00:00:00Z"
TABLE_ROWS: Final = 10_001
"""Rows of the answer to stages, and the one that tells whether there are more."""


@dataclass(frozen=True)
class Question:
    """One kind of question; its cold answer may take `bound_ms`, or `ratio` times what SQL does."""

    name: str
    path: str
    q: Callable[[Row], str]
    sql: Callable[[Row], str]
    bound_ms: int = 0
    ratio: float = 0.0
    listener = "query.listen"
    """The setting of the address that it is asked at."""

    def url(self, row: Row) -> str:
        """Return where to ask it."""
        return self.path.format(trace_id=row["trace_id"].hex())

    def parameters(self, row: Row, end_ns: int) -> dict[str, str]:
        """Return what to ask, over all time."""
        if not (q := self.q(row)):
            return {}
        wanted = {"q": q, "start": "0", "end": str(end_ns)}
        return wanted if q.startswith("|") else wanted | {"limit": str(ROWS)}


@dataclass(frozen=True)
class JaegerQuestion(Question):
    """A search as Jaeger's UI asks it, of traces (v1) or of summaries (v3); `q` is JSON."""

    listener = "query.jaeger.listen"

    def parameters(self, row: Row, end_ns: int) -> dict[str, str]:
        """Return what to ask, over all time."""
        asked: dict[str, str] = json.loads(self.q(row))
        if "/v3/" in self.path:
            end = datetime.fromtimestamp(end_ns // 10**9 + 1, UTC).isoformat()
            around = {"startTimeMin": _EPOCH, "startTimeMax": end, "searchDepth": str(ROWS)}
            return {f"query.{name}": text for name, text in (around | asked).items()}
        return {"start": "0", "end": str(end_ns // 1000), "limit": str(ROWS)} | asked


def value(row: Row, key: str) -> str:
    """Return an attribute's value."""
    return next(one["value"] for one in row["attributes"] if one["key"] == key)


def pod(row: Row) -> str:
    """Return the name of the pod, an attribute of the resource."""
    return str(row["resource"].split('"k8s.pod.name",1,"')[1].split('"')[0])


def token(row: Row) -> str:
    """Return the unique word of a body."""
    return str(row["body"].split("request_id: ")[1].split()[0])


_SUMMARY: Final = """SELECT trace_id, min(start_time_unix_nano) AS start_ns,
max(end_time_unix_nano), count(), countIf(status_code = 2), groupUniqArray(service_name)
FROM spans WHERE tenant = 'default' AND trace_id IN (SELECT trace_id FROM newest)
AND time >= (SELECT min(first) FROM trace_bounds WHERE tenant = 'default' AND
trace_id IN (SELECT trace_id FROM newest))
AND time <= (SELECT max(last) FROM trace_bounds WHERE tenant = 'default' AND
trace_id IN (SELECT trace_id FROM newest)) GROUP BY trace_id ORDER BY start_ns DESC"""


def _traces(where: str) -> str:
    newest = (
        f"SELECT trace_id, max(time) AS at FROM spans WHERE tenant = 'default' AND {where} "
        f"GROUP BY trace_id ORDER BY at DESC LIMIT {ROWS}"
    )
    return f"WITH newest AS ({newest}) {_SUMMARY}"


def _logs(where: str) -> str:
    return (
        f"SELECT * FROM logs WHERE tenant = 'default' AND {where} ORDER BY time DESC LIMIT {ROWS}"
    )


def _pair(key: str, text: str) -> str:
    return (
        f"has(attributes.value, '{text}') AND "
        f"arrayExists(a -> a.key = '{key}' AND a.value = '{text}', attributes)"
    )


def _of_pod(row: Row) -> str:
    return (
        "resource IN (SELECT text FROM resources WHERE tenant = 'default' AND signal = 'traces' "
        f"AND position(text, '{pod(row)}') > 0)"
    )


_TRACE: Final = "tenant = 'default' AND trace_id = unhex('{}')"


def _trace(row: Row) -> str:
    where = _TRACE.format(row["trace_id"].hex())
    return (
        f"SELECT * FROM spans WHERE {where} "
        f"AND time >= (SELECT min(first) FROM trace_bounds WHERE {where}) "
        f"AND time <= (SELECT max(last) FROM trace_bounds WHERE {where}) ORDER BY time"
    )


_RATES: Final = (
    "SELECT service_name, intDiv(time, 60000000000) AS minute, count(), "
    "countIf(status_code = 2), quantileExact(0.95)(end_time_unix_nano - start_time_unix_nano) "
    "FROM spans WHERE tenant = 'default' GROUP BY service_name, minute "
    f"LIMIT {TABLE_ROWS} SETTINGS max_result_rows = 0"
)

QUESTIONS: Final = (
    Question("trace by ID", "/v1/traces/{trace_id}", lambda _: "", _trace, 30),
    Question(
        "traces: service, user",
        "/v1/traces",
        lambda row: f'service={row["service"]} user.id="{value(row, "user.id")}"',
        lambda row: _traces(
            f"service_name = '{row['service']}' AND {_pair('user.id', value(row, 'user.id'))}"
        ),
        150,
    ),
    Question(
        "traces: service, status code",
        "/v1/traces",
        lambda row: f"service={row['service']} http.response.status_code=404",
        lambda row: _traces(
            f"service_name = '{row['service']}' AND {_pair('http.response.status_code', '404')}"
        ),
        150,
    ),
    Question(
        "traces: user, any level",
        "/v1/traces",
        lambda row: f'user.id="{value(row, "user.id")}"',
        lambda row: _traces(_pair("user.id", value(row, "user.id"))),
        150,
    ),
    Question(
        "traces: pod, any level",
        "/v1/traces",
        lambda row: f'k8s.pod.name="{pod(row)}"',
        lambda row: _traces(_of_pod(row)),
        150,
    ),
    Question(
        "traces: unique value",
        "/v1/traces",
        lambda row: f'request.id="{value(row, "request.id")}"',
        lambda row: _traces(_pair("request.id", value(row, "request.id"))),
        100,
    ),
    Question(
        "traces: service",
        "/v1/traces",
        lambda row: f"service={row['service']}",
        lambda row: _traces(f"service_name = '{row['service']}'"),
        200,
    ),
    Question(
        "traces: duration",
        "/v1/traces",
        lambda _: "duration>2s",
        lambda _: _traces("end_time_unix_nano - start_time_unix_nano > 2000000000"),
        200,
    ),
    Question(
        "traces: error",
        "/v1/traces",
        lambda _: "error=true",
        lambda _: _traces("status_code = 2"),
        200,
    ),
    Question(
        "rates by service, minute",
        "/v1/traces",
        lambda _: "| stats count(), count(error=true), p95(duration) by service_name, bucket(1m)",
        lambda _: _RATES,
        ratio=1.5,
    ),
)
LOG_QUESTIONS: Final = (
    Question(
        "logs: unique token",
        "/v1/logs",
        lambda row: f'"{token(row)}"',
        lambda row: _logs(
            f"indexHint(has(tokens(lower(body)), '{token(row)}')) AND "
            f"hasToken(body, '{token(row)}')"
        ),
        100,
    ),
    Question(
        "logs: unique value",
        "/v1/logs",
        lambda row: f'request.id="{value(row, "request.id")}"',
        lambda row: _logs(_pair("request.id", value(row, "request.id"))),
        100,
    ),
    Question(
        "logs: level, service",
        "/v1/logs",
        lambda row: f"level=ERROR service={row['service']}",
        lambda row: _logs(f"severity_number >= 17 AND service_name = '{row['service']}'"),
        200,
    ),
    Question("logs: newest", "/v1/logs", lambda _: "time>0", lambda _: _logs("1"), 200),
)


def _jaeger(name: str, v1: Callable[[Row], dict[str, str]], where: Callable[[Row], str]) -> Any:
    """Return a search in both generations: whole traces, and summaries."""
    renamed = {"service": "serviceName", "minDuration": "durationMin", "tags": "attributes"}

    def v3(row: Row) -> str:
        return json.dumps({renamed[key]: text for key, text in v1(row).items()})

    def sql(row: Row) -> str:
        return _traces(where(row))

    return (
        JaegerQuestion(f"jaeger: {name}, v3", "/api/v3/trace-summaries", v3, sql, 200),
        JaegerQuestion(
            f"jaeger: {name}, v1", "/api/traces", lambda row: json.dumps(v1(row)), sql, 200
        ),
    )


JAEGER_QUESTIONS: Final = (
    *_jaeger(
        "service",
        lambda row: {"service": row["service"]},
        lambda row: f"service_name = '{row['service']}'",
    ),
    *_jaeger(
        "user, no service",
        lambda row: {"tags": json.dumps({"user.id": value(row, "user.id")})},
        lambda row: _pair("user.id", value(row, "user.id")),
    )[:1],
    *_jaeger(
        "duration, no service",
        lambda _: {"minDuration": "2s"},
        lambda _: "end_time_unix_nano - start_time_unix_nano >= 2000000000",
    )[:1],
    *_jaeger(
        "service, user, duration",
        lambda row: {
            "service": row["service"],
            "tags": json.dumps({"user.id": value(row, "user.id")}),
            "minDuration": "1ms",
        },
        lambda row: (
            f"service_name = '{row['service']}' AND {_pair('user.id', value(row, 'user.id'))} "
            "AND end_time_unix_nano - start_time_unix_nano >= 1000000"
        ),
    ),
    *_jaeger("newest", lambda _: {}, lambda _: "1")[:1],
)
"""Of v1 only what has a service: it takes no search without."""
