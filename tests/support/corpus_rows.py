"""Records that the queries of the corpus find and miss, as a group to commit."""

from typing import Any

import pyarrow as pa

from pipeline import schema
from pipeline.batch import Batch
from pipeline.ports import Counts, Group
from pipeline.signal import Signal
from tests.support.sample_rows import Row, log, point, span
from tests.support.stores import commit

TENANT = "a"
TRACE = bytes.fromhex("0af7651916cd43dd8448eb211c80319c")
BODIES = (
    "timeout",
    "Payment TIMEOUT: connection refused to context",
    "DEBUG connection",
    "404",
    "5s",
    "true",
    "error payment",
    "user 17 logged in\nuser_id=u-1 10.0.0.1",
    "GET /healthz 200",
    "foo@example.com",
    'a"b',
    "ünïcode STRASSE straße",
    "Ошибка сети",
    "-> done 100% \\",
    "payment failed: card",
    "",
    "'; DROP TABLE logs; --",
    "{p0:String} %s ${x} \\",
    "nul \x00 inside",
    "out of memory",
    "file exists already",
    "x y contains in",
)
VALUES: tuple[dict[str, Any], ...] = (
    {"http.route": "/v1/users/42", "http.request.method": "GET", "status": 200, "size": 10_000_000},
    {"http.route": "/v1/*", "http.request.method": "POST", "status": "200", "size": "10MB"},
    {"http.response.status_code": 500, "k": 1, "ratio": 0.5, "cached": True, "a": 1, "b": "2"},
    {"http.response.status_code": "500", "k": "5B", "ratio": 1, "cached": "true", "a": "1", "b": 2},
    {"user.id": "u-1", "tags": ["x", 5], "flag": False, "code": "404", "exists": 1, "in": "in"},
    {"level": "ERROR", "my key": 1, "a`b": 1, "'; --": "x", "contains": "contains", "and": 1},
    {"big": 2**63 - 1, "retries": -1, "zip": "01234", "timeout": "500ms", "empty": None, "log": 1},
    {"http.url.route": "/x", "http.rote": "x", "100%_": 1, "uri": "https://example.com:8080/a-b_c"},
    {"start_time": "now", "host.name": "web-1", "state": "used", "": "none", "x": 1, "both": 1},
    {},
)
RESOURCES = ({}, {"k8s.pod.name": "api-7d9f", "both": "x"}, {"k8s.pod.restarts": 4})


def rows(signal: Signal, now: int) -> list[Row]:
    """Return records of the last half hour before a time."""
    return [_row(signal, number, now - number * 60 * 10**9) for number in range(24)]


def _row(signal: Signal, number: int, time: int) -> Row:
    shared: dict[str, Any] = {
        "sequence": number,
        "attributes": VALUES[number % len(VALUES)],
        "resource": ({}, {"k8s.pod.name": "api-7d9f", "both": "x"}, {"k8s.pod.restarts": 4})[
            number % 3
        ],
        "scope_name": ("", "lib", "logger")[number % 3],
        "scope_version": ("", "1.2", "1.2.3")[number % 3],
        "scope_attributes": {"build": "7"} if number % 4 == 0 else {},
    }
    service = ("api", "web", "payments", "")[number % 4]
    if signal is Signal.LOGS:
        texts = ("", "ERROR", "warn", "NOTICE")
        return log(
            service,
            time,
            BODIES[number % len(BODIES)],
            **shared,
            severity_number=(0, 5, 9, 13, 17, 18, 21)[number % 7],
            severity_text=texts[number % 4],
            observed_time_unix_nano=time if number % 2 else 0,
            trace_id=TRACE if number % 5 == 0 else bytes(16),
            event_name="device.app.lifecycle" if number % 6 == 0 else "",
        )
    if signal is Signal.TRACES:
        names = ("GET /users", "POST /", "checkout", "healthz", "404", "SELECT")
        return span(
            service,
            time,
            (0, 10**6, 600 * 10**6, 10**9, 2 * 10**9)[number % 5],
            **shared,
            name=names[number % 6],
            kind=number % 6,
            status_code=number % 3,
            status_message="deadline" if number % 3 == 2 else "",
            trace_id=TRACE,
            span_id=(number + 1).to_bytes(8, "big"),
            parent_span_id=bytes(8) if number % 3 else b"\1" * 8,
            trace_state="a=1" if number % 4 else "",
        )
    names = ("up", "load", "http.server.request.duration", "requests_total", "requests")
    values = (
        {"value_int": number % 3},
        {"value_double": 2.5},
        {"count": 3},
        {"value_int": 2 * 10**7},
    )
    return point(
        service,
        time,
        names[number % 5],
        **shared,
        **values[number % 4],
        metric_type=(5, 7, 9, 7)[number % 4],
        metric_unit="ms" if number % 2 else "",
        aggregation_temporality=(0, 1, 2, 2)[number % 4],
        is_monotonic=number % 4 == 1,
        start_time_unix_nano=time if number % 2 else 0,
    )


def corpus_group(signal: Signal, now: int) -> Group:
    """Return the rows as a group of the tenant."""
    batch = pa.RecordBatch.from_pylist(rows(signal, now), schema=schema.SCHEMAS[signal])
    size = batch.num_rows
    counts = {TENANT: Counts(received=size, stored=size)}
    return Group(signal, 0, commit(1, 0, size), [Batch(signal, TENANT, batch)], counts)
