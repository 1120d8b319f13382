"""Keys at every door, on real sockets in front of a real memory bus. Case: contracts/otlp.md, 7."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from google.protobuf import json_format
from google.rpc import status_pb2  # type: ignore[import-untyped]
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from otlp.receivers import plain
from otlp.receivers.grpc import SIGNALS, GrpcReceiver
from otlp.receivers.http import HttpReceiver
from otlp.receivers.intake import JSON, PROTOBUF
from pipeline.bus.memory import MemoryBus
from pipeline.keyring import Access, Keyring
from pipeline.signal import Signal
from tests.support.keys import READ, bearer, kept, ring
from tests.support.otlp_requests import REQUESTS, door, ingestor, memory_bus, spans, stored

UNKNOWN = "another-key-of-nobody-789"
OPEN, ACME, EITHER = "key-of-the-default-tenant", "key-of-the-tenant-acme", "key-of-whoever-it-is"
METHODS = {signal: method for method, signal in SIGNALS.items()}
REFUSED = [({}, 401, 16), (bearer(UNKNOWN), 401, 16), (bearer(READ), 403, 7)]


@dataclass
class Doors:
    """One door with its three listeners; `http` and `api` are URLs, `grpc` a channel."""

    bus: MemoryBus
    session: ClientSession
    http: str
    api: str
    grpc: Any

    async def post(self, url: str, body: Any = None, **headers: str) -> tuple[int, Any, bytes]:
        body = spans() if body is None else body
        async with self.session.post(url, data=body, headers=headers) as got:
            return got.status, got.headers, await got.read()

    def call(self, payload: bytes, signal: Signal = Signal.TRACES, **headers: str) -> Any:
        metadata = [(name.lower(), value) for name, value in headers.items()]
        return self.grpc.unary_unary(METHODS[signal])(payload, metadata=metadata)

    async def tenants(self, signal: Signal = Signal.TRACES) -> list[str]:
        return [message.tenant for message in await stored(self.bus, signal)]


async def opened(keyring: Keyring) -> AsyncIterator[Doors]:
    bus, config = memory_bus(), ingestor()
    async with door(bus.publish, config, keyring=keyring) as stands:
        app = web.Application()
        app.add_routes(plain.routes(stands, config))
        async with (
            HttpReceiver(config, stands) as http,
            GrpcReceiver(config, stands) as grpc,
            TestServer(app) as api,
            ClientSession() as session,
            aio.insecure_channel(grpc.address) as channel,
        ):
            yield Doors(bus, session, f"http://{http.address}", str(api.make_url("")), channel)


@pytest_asyncio.fixture
async def doors() -> AsyncIterator[Doors]:
    more = [
        kept(OPEN, Access.WRITE, Access.READ),
        kept(ACME, Access.WRITE, tenant="acme"),
        kept(EITHER, Access.WRITE, tenant=""),
    ]
    async for found in opened(ring(*more)):
        yield found


@pytest_asyncio.fixture
async def open_doors() -> AsyncIterator[Doors]:
    async for found in opened(Keyring()):
        yield found


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON, ""])
@pytest.mark.parametrize(("headers", "http", "code"), REFUSED, ids=["none", "unknown", "scope"])
async def test_case_45_http(doors: Doors, media_type: str, headers, http: int, code: int):
    url = f"{doors.http}/v1/traces"
    status, got, body = await doors.post(url, **headers, **{"Content-Type": media_type})
    assert status == http
    assert got.get("WWW-Authenticate") == ("Bearer" if http == 401 else None)
    assert got["Content-Type"] == (media_type or JSON)
    if media_type == PROTOBUF:
        told = status_pb2.Status.FromString(body)
    else:
        told = json_format.Parse(body, status_pb2.Status())
    assert told.code == code
    assert "key" in told.message
    assert "secret" not in told.message
    assert UNKNOWN not in told.message
    assert await doors.tenants() == []


async def test_case_45_a_preflight_is_not_asked_for_a_key(doors: Doors):
    asked = {"Origin": "http://app.example", "Access-Control-Request-Method": "POST"}
    for base in (doors.http, doors.api):
        async with doors.session.options(f"{base}/v1/traces", headers=asked) as got:
            assert got.status not in {401, 403}
            assert "WWW-Authenticate" not in got.headers


@pytest.mark.parametrize(("headers", "http", "code"), REFUSED, ids=["none", "unknown", "scope"])
async def test_case_45_grpc(doors: Doors, headers, http: int, code: int):
    with pytest.raises(aio.AioRpcError) as caught:
        await doors.call(spans(), **headers)
    expected = StatusCode.UNAUTHENTICATED if http == 401 else StatusCode.PERMISSION_DENIED
    assert caught.value.code() == expected
    trailers: dict[str, Any] = dict(caught.value.trailing_metadata())  # type: ignore[arg-type]
    told = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    assert (told.code, told.message) == (code, caught.value.details())
    assert "google.rpc.retryinfo-bin" not in trailers
    assert "secret" not in told.message
    assert await doors.tenants() == []


@pytest.mark.parametrize(("headers", "http", "code"), REFUSED, ids=["none", "unknown", "scope"])
async def test_plain_json_is_refused_in_its_own_form(doors: Doors, headers, http: int, code: int):
    status, got, body = await doors.post(f"{doors.api}/v1/logs", b'{"message":"hi"}', **headers)
    assert (status, got.get("WWW-Authenticate")) == (http, "Bearer" if http == 401 else None)
    told = json.loads(body)
    assert (told["accepted"], told["refused"], len(told["errors"])) == (0, 0, 1)
    assert "secret" not in told["errors"][0]["message"]
    assert await doors.tenants(Signal.LOGS) == []


@pytest.mark.parametrize("base", ["http", "api"])
async def test_who_has_no_key_is_answered_before_the_body(doors: Doors, base: str):
    host, port = getattr(doors, base).removeprefix("http://").rstrip("/").split(":")
    head = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
    for more in ("", "Expect: 100-continue\r\n", f"Authorization: Bearer {READ}\r\n"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"{head}Content-Length: 1000000\r\n{more}\r\n".encode())
        line = await asyncio.wait_for(reader.readline(), 10)
        assert line.split()[1] == (b"403" if READ in more else b"401")
        writer.close()


async def test_who_has_no_key_is_answered_before_the_message(doors: Doors):
    never = asyncio.Event()

    async def silent() -> AsyncIterator[bytes]:
        await never.wait()
        yield spans()

    call = doors.grpc.stream_unary(METHODS[Signal.TRACES])(silent(), timeout=10)
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    assert caught.value.code() == StatusCode.UNAUTHENTICATED


async def test_health_is_open(doors: Doors):
    stub = health_pb2_grpc.HealthStub(doors.grpc)
    answer = await stub.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("signal", Signal)
async def test_a_key_decides_whose_records_they_are(doors: Doors, signal: Signal):
    sent = [
        (OPEN, None, "default"),
        (ACME, None, "acme"),
        (ACME, "default", "acme"),
        (EITHER, None, "default"),
        (EITHER, "team-b", "team-b"),
    ]
    for key, said, _ in sent:
        headers = bearer(key) | ({"X-Scope-OrgID": said} if said else {})
        payload = REQUESTS[signal](1)
        for base in (doors.http, doors.api):
            url = f"{base.rstrip('/')}/v1/{signal}"
            status, _, _ = await doors.post(url, payload, **headers, **{"Content-Type": PROTOBUF})
            assert status == 200
        await doors.call(payload, signal, **headers)
    expected = [tenant for _, _, tenant in sent for _ in range(3)]
    assert sorted(await doors.tenants(signal)) == sorted(expected)


async def test_a_tenant_that_is_none_is_refused(doors: Doors):
    headers = bearer(EITHER) | {"X-Scope-OrgID": "a/b"}
    status, _, body = await doors.post(
        f"{doors.http}/v1/traces", **headers, **{"Content-Type": JSON}
    )
    assert (status, json.loads(body)["code"]) == (400, 3)
    with pytest.raises(aio.AioRpcError, match="X-Scope-OrgID: a tenant has") as caught:
        await doors.call(spans(), **headers)
    assert caught.value.code() == StatusCode.INVALID_ARGUMENT
    assert await doors.tenants() == []


async def test_without_keys_a_bearer_and_a_tenant_header_are_ignored(open_doors: Doors):
    headers = bearer(UNKNOWN) | {"X-Scope-OrgID": "acme"}
    status, _, _ = await open_doors.post(
        f"{open_doors.http}/v1/traces", **headers, **{"Content-Type": PROTOBUF}
    )
    assert status == 200
    await open_doors.call(spans(), **headers)
    assert await open_doors.tenants() == ["default", "default"]
