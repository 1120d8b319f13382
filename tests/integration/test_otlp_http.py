"""OTLP over HTTP on a real socket, in front of a real memory bus. Numbers: contracts/otlp.md, 7."""

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
import zstandard
from aiohttp import ClientSession, TCPConnector
from google.protobuf import json_format
from google.rpc import status_pb2  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from structlog.testing import capture_logs

from otlp.codec.validate import Checked
from otlp.door import Door
from otlp.receivers.http import HttpReceiver
from otlp.receivers.intake import JSON, PROTOBUF
from pipeline.bus.memory import MemoryBus
from pipeline.errors import Overloaded, Setup
from pipeline.ports import Message
from pipeline.signal import Signal
from tests.support import otlp_sdk
from tests.support.otlp_requests import (
    REQUESTS,
    Gate,
    door,
    ingestor,
    memory_bus,
    opened,
    points,
    spans,
    stored,
    until,
)

TRACES = Signal.TRACES
LIMIT = 256 * 1024


@dataclass
class Reply:
    status: int
    type: str | None
    headers: Any
    body: bytes

    def told(self) -> status_pb2.Status:
        """The Status in the body, whatever its encoding."""
        if self.type == PROTOBUF:
            return status_pb2.Status.FromString(self.body)
        assert self.type == JSON
        return json_format.Parse(self.body, status_pb2.Status())


@dataclass
class Client:
    session: ClientSession
    base: str
    bus: MemoryBus
    door: Door

    async def send(
        self, path: str, body: Any = b"", media_type: str | None = PROTOBUF, **options: Any
    ) -> Reply:
        headers = options.pop("headers", {}) | ({"Content-Type": media_type} if media_type else {})
        method = options.pop("method", "POST")
        url = f"http://{self.base}{path}"
        async with self.session.request(
            method, url, data=body, headers=headers, skip_auto_headers=["Content-Type"], **options
        ) as response:
            kind = response.headers.get("Content-Type")
            return Reply(response.status, kind, response.headers, await response.read())

    async def nothing_is_stored(self) -> bool:
        return not any([await stored(self.bus, signal) for signal in Signal])


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    bus = memory_bus()
    async with (
        opened(HttpReceiver, bus.publish, request_bytes_max=LIMIT) as (http, stands),
        ClientSession() as session,
    ):
        yield Client(session, http.address, bus, stands)
        await until(lambda: not stands.in_flight_bytes)


def as_json(payload: bytes) -> bytes:
    request = ExportTraceServiceRequest.FromString(payload)
    content = json_format.MessageToDict(request)
    for resource in content.get("resourceSpans", []):
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                span |= {"traceId": "0af7651916cd43dd8448eb211c80319c"}
                span |= {"spanId": "b7ad6b7169203331"}
    return json.dumps(content).encode()


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/traces/"])
async def test_case_1_protobuf(client: Client, path: str):
    payload = spans()
    reply = await client.send(path, payload)
    assert (reply.status, reply.type, reply.body) == (200, PROTOBUF, b"")
    assert [message.payload for message in await stored(client.bus, TRACES)] == [payload]


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"]
)
async def test_cases_2_3_json(client: Client, media_type: str):
    reply = await client.send("/v1/traces", as_json(spans()), media_type)
    assert (reply.status, reply.type, reply.body) == (200, JSON, b"{}")
    assert [message.accepted for message in await stored(client.bus, TRACES)] == [1]


@pytest.mark.parametrize("signal", Signal)
async def test_case_4_gzip_stores_the_same(client: Client, signal: Signal):
    payload = REQUESTS[signal](50)
    zipped = {"Content-Encoding": "gzip"}
    for body, headers in [(payload, {}), (gzip.compress(payload, mtime=0), zipped)]:
        assert (await client.send(f"/v1/{signal}", body, headers=headers)).status == 200
    ways: dict[str, Any] = {"deflate": zlib.compress, "zstd": zstandard.compress}
    for way, compress in ways.items():
        reply = await client.send(
            f"/v1/{signal}", compress(payload), headers={"Content-Encoding": way}
        )
        assert reply.status == 200
    assert [message.payload for message in await stored(client.bus, signal)] == [payload] * 4


async def test_case_4_gzip_of_json(client: Client):
    body = as_json(spans())
    for data, headers in [(body, {}), (gzip.compress(body, mtime=0), {"Content-Encoding": "gzip"})]:
        assert (await client.send("/v1/traces", data, JSON, headers=headers)).status == 200
    first, second = await stored(client.bus, TRACES)
    assert first.payload == second.payload


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
@pytest.mark.parametrize("body", [b"plain", b"", gzip.compress(spans(), mtime=0)[:-3]])
async def test_case_5_a_corrupt_stream(client: Client, media_type: str, body: bytes):
    reply = await client.send("/v1/traces", body, media_type, headers={"Content-Encoding": "gzip"})
    assert (reply.status, reply.type, reply.told().code) == (400, media_type, 3)
    assert await client.nothing_is_stored()


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
async def test_case_6_an_unknown_encoding(client: Client, media_type: str):
    reply = await client.send("/v1/traces", spans(), media_type, headers={"Content-Encoding": "br"})
    assert (reply.status, reply.told().message) == (400, "unsupported Content-Encoding: br")
    assert await client.nothing_is_stored()


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_case_7_another_media_type(client: Client, media_type: str | None):
    reply = await client.send("/v1/traces", spans(), media_type)
    assert (reply.status, reply.type) == (415, JSON)
    assert PROTOBUF in reply.told().message


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_case_7_another_method(client: Client, method: str):
    reply = await client.send("/v1/traces", method=method)
    assert (reply.status, reply.headers["Allow"], reply.type) == (405, "POST", PROTOBUF)
    assert (await client.send("/v1/traces", media_type=None, method=method)).type == JSON


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"", PROTOBUF, 200),
        (spans(0), PROTOBUF, 200),
        (b"{}", JSON, 200),
        (b'{"resourceSpans":[]}', JSON, 200),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[]}]}]}', JSON, 200),
        (b"", JSON, 400),
    ],
)
async def test_case_8_nothing_in_it(client: Client, body: bytes, media_type: str, status: int):
    reply = await client.send("/v1/traces", body, media_type)
    assert (reply.status, reply.type) == (status, media_type)
    assert await client.nothing_is_stored()


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"\xff\xfe random", PROTOBUF),
        (spans()[:-1], PROTOBUF),
        (b"1234", JSON),
        (b"[]", JSON),
        (b'{"resourceSpans":[', JSON),
        (b"[" * 100_000, JSON),
    ],
)
async def test_case_9_undecodable(client: Client, body: bytes, media_type: str):
    reply = await client.send("/v1/traces", body, media_type)
    assert (reply.status, reply.type, reply.told().code) == (400, media_type, 3)
    assert await client.nothing_is_stored()


def padded(size: int) -> bytes:
    """A request of exactly this size."""
    short = spans(name="x" * (size - 200))
    payload = spans(name="x" * (size - 200 + size - len(short)))
    assert len(payload) == size
    return payload


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
async def test_case_10_the_limit(
    client: Client, size: int, status: int, *, zipped: bool, chunked: bool
):
    body = padded(size)
    headers = {"Content-Encoding": "gzip"} if zipped else {}
    data = gzip.compress(body, mtime=0) if zipped else body
    reply = await client.send("/v1/traces", chunks(data) if chunked else data, headers=headers)
    assert reply.status == status
    if status == 413:
        assert reply.told().code == 8
        assert "request_bytes_max" in reply.told().message
        assert await client.nothing_is_stored()


@pytest.mark.parametrize("way", ["gzip", "deflate", "zstd"])
async def test_case_10_a_bomb_in_bounded_memory(client: Client, way: str):
    ways: dict[str, Any] = {
        "gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress,
    }  # fmt: skip
    bomb = ways[way](bytes(200 * 2**20))
    assert len(bomb) < LIMIT
    tracemalloc.start()
    try:
        reply = await client.send("/v1/traces", bomb, headers={"Content-Encoding": way})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reply.status == 413
    assert peak < 3 * 2**20


@pytest.mark.parametrize("path", ["/", "/v1/spans", "/v1development/profiles", "/v1/traces/x"])
async def test_case_11_an_unknown_path(client: Client, path: str):
    for media_type in (PROTOBUF, JSON):
        reply = await client.send(path, media_type=media_type)
        assert (reply.status, reply.type, reply.told().code) == (404, media_type, 12)
        assert "/v1/traces" in reply.told().message


async def test_case_14_one_connection_for_100_posts(client: Client):
    async with ClientSession(connector=TCPConnector(limit=1)) as session:
        client.session = session
        opened_sockets = set()
        for _ in range(100):
            async with session.post(
                f"http://{client.base}/v1/traces", data=spans(), headers={"Content-Type": PROTOBUF}
            ) as response:
                assert response.status == 200
                if response.connection is not None and response.connection.transport is not None:
                    opened_sockets.add(response.connection.transport.get_extra_info("sockname"))
                await response.read()
    assert len(opened_sockets) <= 1
    assert sum(message.accepted for message in await stored(client.bus, TRACES)) == 100


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
async def test_case_26_partial_success(client: Client, media_type: str):
    payload = spans(1, zero_ids=1, short_ids=1)
    if media_type == PROTOBUF:
        reply = await client.send("/v1/traces", payload)
        partial = ExportTraceServiceResponse.FromString(reply.body).partial_success
    else:
        good = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331"}
        bad = [good | {"traceId": "0" * 32}, good | {"spanId": "00" * 15}]
        body = {"resourceSpans": [{"scopeSpans": [{"spans": [good, *bad]}]}]}
        reply = await client.send("/v1/traces", json.dumps(body).encode(), JSON)
        assert json.loads(reply.body)["partialSuccess"]["rejectedSpans"] == "2"
        partial = json_format.Parse(reply.body, ExportTraceServiceResponse()).partial_success
    assert (reply.status, reply.type, partial.rejected_spans) == (200, media_type, 2)
    assert partial.error_message
    (message,) = await stored(client.bus, TRACES)
    assert (message.accepted, message.refused) == (1, 2)


async def test_case_27_all_invalid(client: Client):
    reply = await client.send("/v1/traces", spans(0, zero_ids=4))
    partial = ExportTraceServiceResponse.FromString(reply.body).partial_success
    assert (reply.status, partial.rejected_spans) == (200, 4)


async def test_case_33_points_are_counted_not_metrics(client: Client):
    reply = await client.send("/v1/metrics", points(1, timeless=3))
    assert reply.status == 200
    (message,) = await stored(client.bus, Signal.METRICS)
    assert (message.accepted, message.refused) == (1, 3)


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
async def test_case_38_a_full_bus(media_type: str):
    bus = memory_bus(stream_bytes_max=10)
    async with (
        opened(HttpReceiver, bus.publish) as (http, stands),
        ClientSession() as session,
    ):
        client = Client(session, http.address, bus, stands)
        body = spans() if media_type == PROTOBUF else as_json(spans())
        reply = await client.send("/v1/traces", body, media_type)
    assert (reply.status, reply.type, reply.told().code) == (503, media_type, 14)
    assert 1 <= int(reply.headers["Retry-After"]) <= 30


async def test_case_38_a_full_budget_refuses_before_the_body_is_read():
    bus = memory_bus()
    gate = Gate(bus.publish)
    limits = {"request_bytes_max": LIMIT, "in_flight_bytes_max": 2 * LIMIT}
    async with (
        opened(HttpReceiver, gate, **limits) as (http, stands),
        ClientSession() as session,
    ):
        client = Client(session, http.address, bus, stands)
        first = asyncio.create_task(client.send("/v1/traces", padded(LIMIT)))
        await until(lambda: gate.messages)
        held = stands.in_flight_bytes
        for body in (padded(LIMIT), chunks(padded(LIMIT))):
            reply = await client.send("/v1/traces", body)
            assert (reply.status, reply.told().code) == (503, 14)
            assert "in_flight_bytes_max" in reply.told().message
        assert stands.in_flight_bytes == held
        gate.opened.set()
        assert (await first).status == 200


async def test_case_39_a_bug_is_a_500_with_a_status():
    async def broken(signal: Signal, message: Message) -> None:
        raise ZeroDivisionError("secret")

    def mad(signal: Signal, payload: bytes, bytes_max: int, allowance: object) -> Checked:
        raise ZeroDivisionError("secret")

    config = ingestor()
    for stands in (door(broken, config), door(broken, config, validate=mad)):
        async with stands, HttpReceiver(config, stands) as http, ClientSession() as session:
            client = Client(session, http.address, memory_bus(), stands)
            reply = await client.send("/v1/traces", spans(), PROTOBUF)
            assert (reply.status, reply.type) == (500, PROTOBUF)
            assert (reply.told().code, reply.told().message) == (13, "internal error")


HEAD = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"


async def dial(client: Client) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = client.base.rsplit(":", 1)
    return await asyncio.open_connection(host, int(port))


@pytest.mark.parametrize(
    "framing", ["Content-Length: 200000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n186A0\r\n"]
)
async def test_case_46_a_client_that_goes_away_in_the_middle(client: Client, framing: str):
    before = len(asyncio.all_tasks())
    with capture_logs() as lines:
        _, writer = await dial(client)
        writer.write((HEAD + framing).encode() + spans(500))
        await until(lambda: client.door.in_flight_bytes > len(spans(500)))
        writer.transport.abort()
        await until(lambda: not client.door.in_flight_bytes)
        await until(lambda: len(asyncio.all_tasks()) <= before)
    assert not lines
    assert await client.nothing_is_stored()


async def test_case_46_a_body_that_is_framed_wrong(client: Client):
    reader, writer = await dial(client)
    writer.write((HEAD + "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nnonsense\r\n").encode())
    assert b" 400 " in await reader.readline()
    writer.close()
    assert await client.nothing_is_stored()


async def test_slow_senders_hold_only_what_they_sent_and_not_for_ever():
    bus = memory_bus()
    async with opened(HttpReceiver, bus.publish, read_timeout_s=0.3) as (http, stands):
        client = Client(None, http.address, bus, stands)  # type: ignore[arg-type]
        sockets = [await dial(client) for _ in range(10)]
        for _, writer in sockets:
            writer.write((HEAD + "Content-Length: 60000000\r\n\r\n").encode() + bytes(1000))
        await until(lambda: stands.in_flight_bytes > 10_000)
        assert stands.in_flight_bytes < 10 * 20_000
        lines = await asyncio.gather(*(reader.readline() for reader, _ in sockets))
        assert all(b" 503 " in line for line in lines)
        await until(lambda: not stands.in_flight_bytes)
        for _, writer in sockets:
            writer.close()
        await until(lambda: not http._runner.server.connections)


async def test_curl_is_told_to_go_on_only_when_there_is_room(client: Client):
    payload = spans(100)
    reader, writer = await dial(client)
    head = f"{HEAD}Expect: 100-continue\r\nContent-Length: {len(payload)}\r\n\r\n"
    writer.write(head.encode())
    assert b" 100 " in await reader.readline()
    assert await reader.readline() == b"\r\n"
    writer.write(payload)
    assert b" 200 " in await reader.readline()
    writer.close()

    reader, writer = await dial(client)
    writer.write(f"{HEAD}Expect: 100-continue\r\nContent-Length: {LIMIT + 1}\r\n\r\n".encode())
    assert b" 413 " in await reader.readline()
    writer.close()


async def test_what_is_no_http_is_answered_without_html(client: Client):
    reader, writer = await dial(client)
    writer.write(b"\x16\x03\x01 hello?\r\n\r\n")
    assert b"<html" not in (await reader.read()).lower()
    writer.close()


async def test_case_47_a_graceful_stop_answers_what_is_under_way():
    bus = memory_bus()
    gate = Gate(bus.publish)
    config = ingestor()
    stands = door(gate, config)
    http = await HttpReceiver(config, stands).__aenter__()
    async with ClientSession() as session:
        client = Client(session, http.address, bus, stands)
        under_way = asyncio.create_task(client.send("/v1/traces", spans()))
        await until(lambda: gate.messages)
        stopping = asyncio.create_task(http.__aexit__(None, None, None))
        await refused(client)
        gate.opened.set()
        assert (await under_way).status == 200
        await stopping
        await stands.close()
    assert len(await stored(bus, TRACES)) == 1


async def refused(client: Client) -> None:
    """Wait until nobody listens."""
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await dial(client)
            except ConnectionError:
                return
            writer.close()
            await asyncio.sleep(0.001)


async def test_case_47_the_closed_door_refuses_with_503():
    bus = memory_bus()
    async with opened(HttpReceiver, bus.publish) as (http, stands), ClientSession() as session:
        await stands.close()
        reply = await Client(session, http.address, bus, stands).send("/v1/traces", spans())
    assert (reply.status, reply.told().message) == (503, "Aura is shutting down")


async def test_a_stop_waits_only_so_long():
    gate = Gate(memory_bus().publish)
    config = ingestor(stop_timeout_s=0.05)
    stands = door(gate, config)
    async with HttpReceiver(config, stands) as http, ClientSession() as session:
        client = Client(session, http.address, memory_bus(), stands)
        under_way = asyncio.create_task(client.send("/v1/traces", spans()))
        await until(lambda: gate.messages)
    await stands.close()
    assert (await asyncio.gather(under_way, return_exceptions=True))[0]
    assert not stands.in_flight_bytes


async def test_a_taken_port_names_the_setting():
    async with opened(HttpReceiver, memory_bus().publish) as (http, stands):
        config = ingestor().model_copy(update={"http": http.address})
        with pytest.raises(Setup, match=rf"^ingestor.http: cannot listen on {http.address}: "):
            await HttpReceiver(config, stands).__aenter__()


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
async def test_case_40_the_python_sdk(client: Client, compression: Compression):
    base = f"http://{client.base}/v1"
    await asyncio.to_thread(
        otlp_sdk.send_all,
        OTLPSpanExporter(f"{base}/traces", compression=compression),
        OTLPLogExporter(f"{base}/logs", compression=compression),
        OTLPMetricExporter(f"{base}/metrics", compression=compression),
    )
    for signal in Signal:
        assert sum(message.accepted for message in await stored(client.bus, signal)) == 1


async def test_case_40_the_python_sdk_comes_back_after_a_503():
    bus = memory_bus()
    answers = iter([Overloaded("full"), None])

    async def full_once(signal: Signal, message: Message) -> None:
        if failure := next(answers):
            raise failure
        await bus.publish(signal, message)

    async with opened(HttpReceiver, full_once) as (http, _):
        exporter = OTLPSpanExporter(f"http://{http.address}/v1/traces")
        await asyncio.to_thread(otlp_sdk.send_span, exporter)
    assert sum(message.accepted for message in await stored(bus, TRACES)) == 1
