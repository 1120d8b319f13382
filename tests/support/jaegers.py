"""Jaeger's API over a store, asked without a process of its own; and spans to put into it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from otlp.codec.request import REQUESTS
from pipeline.keyring import Keyring
from pipeline.signal import Signal
from query.api import answers
from query.config import Limits
from query.engine import Engine
from query.jaeger import http
from query.jaeger.config import JaegerConfig
from query.jaeger.reader import Reader
from query.jaeger.ui import Ui
from tests.support.stores import NOW, group, rig, write

TENANT = "default"
MS = 10**6

_ids = count(1)


def attributes(into: Any, said: Mapping[str, Any]) -> None:
    """Add attributes with the type of each value."""
    for key, content in said.items():
        _value(into.add(key=key).value, content)


def _value(value: Any, content: Any) -> None:
    match content:
        case bool():
            value.bool_value = content
        case str():
            value.string_value = content
        case int():
            value.int_value = content
        case float():
            value.double_value = content
        case bytes():
            value.bytes_value = content
        case list():
            for one in content:
                _value(value.array_value.values.add(), one)
        case dict():
            for key, one in content.items():
                _value(value.kvlist_value.values.add(key=key).value, one)


class Sent:
    """A request of spans, put together span by span."""

    def __init__(self) -> None:
        self.request: Any = REQUESTS[Signal.TRACES]()

    def span(
        self,
        service: str | None,
        name: str = "op",
        *,
        trace: int | bytes,
        span: int | None = None,
        parent: int = 0,
        at: int = NOW,
        lasts: int = 5 * MS,
        resource: Mapping[str, Any] | None = None,
        scope: tuple[str, str] = ("", ""),
        scope_attributes: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        events: tuple[tuple[str, Mapping[str, Any]], ...] = (),
        links: tuple[tuple[int, int, Mapping[str, Any]], ...] = (),
        status: int = 0,
        message: str = "",
        **fields: Any,
    ) -> Any:
        """Add a span with a resource of its own; return it."""
        around = self.request.resource_spans.add()
        if service is not None:
            attributes(around.resource.attributes, {"service.name": service})
        attributes(around.resource.attributes, resource or {})
        inner = around.scope_spans.add()
        inner.scope.name, inner.scope.version = scope
        attributes(inner.scope.attributes, scope_attributes or {})
        made = inner.spans.add(
            trace_id=trace if isinstance(trace, bytes) else trace.to_bytes(16, "big"),
            span_id=(next(_ids) if span is None else span).to_bytes(8, "big"),
            parent_span_id=parent.to_bytes(8, "big") if parent else b"",
            name=name,
            start_time_unix_nano=at,
            end_time_unix_nano=at + lasts,
            **fields,
        )
        attributes(made.attributes, tags or {})
        for event, said in events:
            attributes(made.events.add(name=event, time_unix_nano=at + MS).attributes, said)
        for of, to, said in links:
            link = made.links.add(trace_id=of.to_bytes(16, "big"), span_id=to.to_bytes(8, "big"))
            attributes(link.attributes, said)
        made.status.code, made.status.message = status, message
        return made


def golden_sent() -> Sent:
    """Return a trace of two services that has everything that Jaeger shows."""
    sent = Sent()
    at = 1_700_000_000_000_001_000
    sent.span(
        "web",
        "GET /",
        trace=0x11 << 64 | 0x22,
        span=0xA1,
        at=at,
        lasts=20 * MS,
        kind=2,
        flags=0x101,
        resource={"host.name": "h1", "host.cpus": 4},
        scope=("telemetrygen", "1.2"),
        scope_attributes={"left": "out"},
        tags={"peer.service": "api", "net.peer.ip": "1.2.3.4", "big": 2**53, "list": [1, "x"]},
        events=(("later", {"n": 1}), ("exception", {"event": "own", "b": b"\x00"})),
        status=2,
        message='went "wrong"',
        trace_state="a=b",
    )
    sent.span(
        "api",
        "SELECT",
        trace=0x11 << 64 | 0x22,
        span=0xB2,
        parent=0xA1,
        at=at + MS,
        lasts=2 * MS,
        kind=3,
        tags={"@jaeger@warnings": ["mind", "this"], "ok": True, "share": 0.25},
        links=((0x11 << 64 | 0x22, 0xA1, {}), (0x99, 0xC3, {"opentracing.ref_type": "child_of"})),
        status=1,
    )
    return sent


class Jaeger:
    """Asks the API, and checks that what it answers is JSON."""

    def __init__(self, client: TestClient, behind: Any) -> None:
        self.client = client
        self.store = behind.store
        self.sql = behind.sql
        self._sequences = count(1)

    async def send(self, *sent: Sent, tenant: str = TENANT) -> None:
        """Store requests, each as a message of its own."""
        messages = [(next(self._sequences), tenant, one.request) for one in sent]
        await write(self.store, group(Signal.TRACES, messages))

    async def get(self, path: str, status: int = 200, **parameters: Any) -> Any:
        """Return what a path answers with that status."""
        return json.loads(await self.text(path, status, **parameters))

    async def text(self, path: str, status: int = 200, **parameters: Any) -> str:
        """Return the JSON as it is written."""
        url = URL(path, encoded="%" in path)
        async with self.client.get(url, params=parameters) as response:
            text = await response.text()
            assert response.status == status, text
            assert response.content_type == "application/json"
            return text

    async def post(self, path: str, body: bytes = b"", status: int = 200) -> Any:
        """Return what a path answers to a body."""
        async with self.client.post(path, data=body) as response:
            text = await response.text()
            assert response.status == status, text
            return json.loads(text)

    async def found(self, **parameters: Any) -> set[str]:
        """Return the IDs of the traces that a search of v1 finds."""
        around: dict[str, Any] = {"start": 0, "end": NOW // 1000 + 10**9}
        answer = await self.get("/api/traces", **(around | parameters))
        return {one["traceID"] for one in answer["data"]}

    async def wrong(self, path: str, **parameters: Any) -> str:
        """Return the message of a refusal of v1."""
        answer = await self.get(path, 400, **parameters)
        (error,) = answer["errors"]
        assert answer == {"data": None, "total": 0, "limit": 0, "offset": 0, "errors": [error]}
        assert error["code"] == 400
        return error["msg"]

    async def wrong_v3(self, path: str, **parameters: Any) -> str:
        """Return the message of a refusal of v3."""
        error = (await self.get(path, 400, **parameters))["error"]
        assert error["httpCode"] == 400
        return error["message"]


@asynccontextmanager
async def jaeger(
    kind: str = "memory",
    limits: Limits | None = None,
    keyring: Keyring | None = None,
    **config: Any,
) -> AsyncIterator[Jaeger]:
    """Serve an empty store."""
    settings = JaegerConfig(**config)
    async with rig(kind) as behind:
        reader = Reader(Engine(behind.store, limits or Limits()), settings)
        app = web.Application(middlewares=[answers.errors])
        ui = Ui(settings, "1.0")
        app.add_routes(http.routes(reader, keyring or Keyring(), ui, lambda: NOW + 60 * 10**9))
        async with TestClient(TestServer(app)) as client:
            yield Jaeger(client, behind)
