"""OTLP over gRPC on a real socket, in front of a real memory bus. Numbers: contracts/otlp.md, 7."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otlp.codec.validate import Checked
from otlp.door import Door
from otlp.receivers.grpc import SIGNALS, GrpcReceiver
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
METHODS = {signal: method for method, signal in SIGNALS.items()}
PROFILES = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"
LIMIT = 8 * 2**20


@dataclass
class Client:
    channel: Any  # its stubs ask for serializers, which bytes do without
    bus: MemoryBus
    door: Door

    def send(self, payload: bytes, signal: Signal = TRACES, **options: Any) -> Any:
        return self.channel.unary_unary(METHODS[signal])(payload, **options)

    async def failure(self, payload: bytes, **options: Any) -> aio.AioRpcError:
        with pytest.raises(aio.AioRpcError) as caught:
            await self.send(payload, **options)
        return caught.value


def channel(address: str) -> Any:
    return aio.insecure_channel(
        address, options=[("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0)]
    )


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    bus = memory_bus()
    async with (
        opened(GrpcReceiver, bus.publish, request_bytes_max=LIMIT) as (listens, stands),
        channel(listens.address) as connected,
    ):
        yield Client(connected, bus, stands)
        await until(lambda: not stands.in_flight_bytes)


def trailers(error: aio.AioRpcError) -> tuple[status_pb2.Status, int | None, int | None]:
    """The Status, and the seconds of RetryInfo in each of the two trailers."""
    found: dict[str, Any] = dict(error.trailing_metadata())  # type: ignore[arg-type]
    told = status_pb2.Status.FromString(found["grpc-status-details-bin"])
    assert (told.code, told.message) == (error.code().value[0], error.details())
    packed = error_details_pb2.RetryInfo()
    inside = any(detail.Unpack(packed) for detail in told.details)
    beside = found.get("google.rpc.retryinfo-bin")
    retry = error_details_pb2.RetryInfo.FromString(beside) if beside else None
    return (
        told,
        packed.retry_delay.seconds if inside else None,
        retry.retry_delay.seconds if retry else None,
    )


@pytest.mark.parametrize("signal", Signal)
async def test_case_12_each_signal_plain_and_gzip(client: Client, signal: Signal):
    payload = REQUESTS[signal](50)
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        assert await client.send(payload, signal, compression=compression) == b""
    first, second = await stored(client.bus, signal)
    assert first.payload == second.payload == payload


async def test_case_12_five_mebibytes(client: Client):
    payload = spans(50_000, name="x" * 60)
    assert len(payload) > 5 * 2**20
    assert await client.send(payload) == b""
    messages = await stored(client.bus, TRACES)
    assert sum(message.accepted for message in messages) == 50_000


async def test_case_12_above_the_limit(client: Client):
    for payload, compression in [
        (bytes(LIMIT + 1), grpc.Compression.NoCompression),
        (bytes(10 * LIMIT), grpc.Compression.Gzip),
    ]:
        error = await client.failure(payload, compression=compression)
        assert error.code() == StatusCode.RESOURCE_EXHAUSTED
        assert "retryinfo" not in str(error.trailing_metadata())
    assert await client.send(spans()) == b""
    assert len(await stored(client.bus, TRACES)) == 1


@pytest.mark.parametrize(
    "payload",
    [b"\xff\xfe random", spans()[:-1], gzip.compress(spans(), mtime=0)[:-1], b"\x1f\x8b nothing"],
)
async def test_case_13_undecodable_bytes_leave_the_connection(client: Client, payload: bytes):
    error = await client.failure(payload)
    assert error.code() == StatusCode.INVALID_ARGUMENT
    told, *hints = trailers(error)
    assert hints == [None, None]
    assert told.details[0].type_url == "type.googleapis.com/google.rpc.BadRequest"
    assert await client.send(spans()) == b""
    assert len(await stored(client.bus, TRACES)) == 1


async def test_another_compression_is_refused_by_name(client: Client):
    error = await client.failure(spans(), compression=grpc.Compression.Deflate)
    assert error.code() == StatusCode.UNIMPLEMENTED
    assert not await stored(client.bus, TRACES)


async def test_case_8_an_empty_message_is_a_success(client: Client):
    assert await client.send(b"") == b""
    assert not await stored(client.bus, TRACES)


async def test_a_call_without_a_message_is_answered(client: Client):
    call = client.channel.stream_unary(METHODS[TRACES])(iter(()))
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    assert caught.value.code() == StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("method", [PROFILES, METHODS[TRACES] + "s", "/x/y"])
async def test_case_11_another_method(client: Client, method: str):
    with pytest.raises(aio.AioRpcError) as caught:
        await client.channel.unary_unary(method)(b"")
    assert caught.value.code() == StatusCode.UNIMPLEMENTED


async def test_case_14_100_streams_on_one_connection():
    bus = memory_bus()
    gate = Gate(bus.publish)
    async with (
        opened(GrpcReceiver, gate) as (listens, stands),
        channel(listens.address) as connected,
    ):
        client = Client(connected, bus, stands)
        calls = [asyncio.ensure_future(client.send(spans())) for _ in range(100)]
        await until(lambda: stands.in_flight_bytes > 100 * 16 * 1024)
        assert not any(call.done() for call in calls)
        gate.opened.set()
        assert set(await asyncio.gather(*calls)) == {b""}
    messages = await stored(bus, TRACES)
    assert sum(message.accepted for message in messages) == 100
    assert len(messages) < 50


async def test_case_26_partial_success(client: Client):
    body = await client.send(spans(1, zero_ids=1, short_ids=1))
    partial = ExportTraceServiceResponse.FromString(body).partial_success
    assert partial.rejected_spans == 2
    assert partial.error_message
    (message,) = await stored(client.bus, TRACES)
    assert (message.accepted, message.refused) == (1, 2)


async def test_case_27_all_invalid(client: Client):
    body = await client.send(spans(0, zero_ids=4))
    assert ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans == 4


async def test_case_33_points_are_counted_not_metrics(client: Client):
    body = await client.send(points(1, timeless=3), Signal.METRICS)
    partial = ExportMetricsServiceResponse.FromString(body).partial_success
    assert partial.rejected_data_points == 3


async def test_case_38_a_full_bus_says_when_to_come_back():
    bus = memory_bus(stream_bytes_max=10)
    async with (
        opened(GrpcReceiver, bus.publish) as (listens, stands),
        channel(listens.address) as connected,
    ):
        error = await Client(connected, bus, stands).failure(spans())
    assert error.code() == StatusCode.UNAVAILABLE
    _, inside, beside = trailers(error)
    assert inside == beside == 1


async def test_case_38_a_full_budget_says_when_to_come_back():
    bus = memory_bus()
    gate = Gate(bus.publish)
    payload = spans(1000)
    limits = {"request_bytes_max": len(payload), "in_flight_bytes_max": 2 * len(payload)}
    async with (
        opened(GrpcReceiver, gate, **limits) as (listens, stands),
        channel(listens.address) as connected,
    ):
        client = Client(connected, bus, stands)
        first = asyncio.ensure_future(client.send(payload))
        await until(lambda: gate.messages)
        error = await client.failure(payload)
        assert error.code() == StatusCode.UNAVAILABLE
        assert "in_flight_bytes_max" in (error.details() or "")
        assert trailers(error)[1:] == (1, 1)
        gate.opened.set()
        assert await first == b""


async def test_case_39_a_bug_is_internal_and_never_unknown():
    async def broken(signal: Signal, message: Message) -> None:
        raise ZeroDivisionError("secret")

    def mad(signal: Signal, payload: bytes, bytes_max: int) -> Checked:
        raise ZeroDivisionError("secret")

    config = ingestor()
    for stands in (door(broken, config), door(broken, config, validate=mad)):
        async with (
            stands,
            GrpcReceiver(config, stands) as listens,
            channel(listens.address) as connected,
        ):
            error = await Client(connected, memory_bus(), stands).failure(spans())
            assert (error.code(), error.details()) == (StatusCode.INTERNAL, "internal error")


async def test_case_46_a_caller_that_goes_away_leaks_nothing():
    bus = memory_bus()
    gate = Gate(bus.publish)
    async with (
        opened(GrpcReceiver, gate) as (listens, stands),
        channel(listens.address) as connected,
    ):
        client = Client(connected, bus, stands)
        open_ended = client.channel.stream_unary(METHODS[TRACES])()
        calls = [client.send(spans()) for _ in range(3)]
        await until(lambda: gate.messages and stands.in_flight_bytes > 4 * 16 * 1024)
        for call in (open_ended, *calls):
            call.cancel()
        await until(lambda: stands.in_flight_bytes < 16 * 1024)
        gate.opened.set()
        await until(lambda: not stands.in_flight_bytes)


async def test_a_caller_that_never_sends_its_message_is_sent_away():
    bus = memory_bus()
    async with (
        opened(GrpcReceiver, bus.publish, read_timeout_s=0.05) as (listens, stands),
        channel(listens.address) as connected,
    ):
        call = connected.stream_unary(METHODS[TRACES])()
        with pytest.raises(aio.AioRpcError) as caught:
            await call
        assert caught.value.code() == StatusCode.UNAVAILABLE
        assert trailers(caught.value)[1:] == (1, 1)
        await until(lambda: not stands.in_flight_bytes)


async def test_case_47_a_graceful_stop_answers_what_is_under_way():
    bus = memory_bus()
    gate = Gate(bus.publish)
    config = ingestor()
    async with door(gate, config) as stands:
        listens = await GrpcReceiver(config, stands).__aenter__()
        async with channel(listens.address) as connected:
            client = Client(connected, bus, stands)
            under_way = asyncio.ensure_future(client.send(spans()))
            await until(lambda: gate.messages)
            stopping = asyncio.create_task(listens.__aexit__(None, None, None))
            async with channel(listens.address) as late:
                async with asyncio.timeout(10):
                    while not stopping.done():
                        error = None
                        try:
                            await Client(late, bus, stands).send(spans(), timeout=0.2)
                        except aio.AioRpcError as caught:
                            error = caught
                        if error is not None and error.code() == StatusCode.UNAVAILABLE:
                            break
            assert not under_way.done()
            gate.opened.set()
            assert await under_way == b""
            await stopping


async def test_case_47_the_closed_door_refuses_with_unavailable():
    bus = memory_bus()
    async with (
        opened(GrpcReceiver, bus.publish) as (listens, stands),
        channel(listens.address) as connected,
    ):
        await stands.close()
        error = await Client(connected, bus, stands).failure(spans())
    assert error.code() == StatusCode.UNAVAILABLE
    assert trailers(error)[1:] == (1, 1)


async def test_a_stop_waits_only_so_long():
    gate = Gate(memory_bus().publish)
    config = ingestor(stop_timeout_s=0.05)
    stands = door(gate, config)
    async with GrpcReceiver(config, stands) as listens:
        connected = channel(listens.address)
        call = asyncio.ensure_future(Client(connected, memory_bus(), stands).send(spans()))
        await until(lambda: gate.messages)
    await stands.close()
    assert (await asyncio.gather(call, return_exceptions=True))[0]
    assert not stands.in_flight_bytes
    await connected.close()


async def test_a_taken_port_names_the_setting():
    async with opened(GrpcReceiver, memory_bus().publish) as (listens, stands):
        config = ingestor().model_copy(update={"grpc": listens.address})
        with pytest.raises(Setup, match=rf"^ingestor.grpc: cannot listen on {listens.address}: "):
            await GrpcReceiver(config, stands).__aenter__()


async def test_the_health_protocol(client: Client):
    check = health_pb2_grpc.HealthStub(client.channel).Check
    for service in ("", "opentelemetry.proto.collector.trace.v1.TraceService"):
        answer = await check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(aio.AioRpcError) as caught:
        await check(health_pb2.HealthCheckRequest(service="x"))
    assert caught.value.code() == StatusCode.NOT_FOUND
    raw = client.channel.unary_unary("/grpc.health.v1.Health/Check")
    with pytest.raises(aio.AioRpcError) as caught:
        await raw(b"\xff")
    assert caught.value.code() == StatusCode.INVALID_ARGUMENT
    with pytest.raises(aio.AioRpcError, match="holds no message"):
        await client.channel.stream_unary("/grpc.health.v1.Health/Check")(iter(()), timeout=5)
    await client.door.close()
    answer = await check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize("compression", list(grpc.Compression)[::2])
async def test_case_40_the_python_sdk(compression: grpc.Compression):
    bus = memory_bus()
    async with opened(GrpcReceiver, bus.publish) as (listens, _):
        settings: dict[str, Any] = {
            "endpoint": f"http://{listens.address}",
            "insecure": True,
            "compression": compression,
        }
        await asyncio.to_thread(
            otlp_sdk.send_all,
            OTLPSpanExporter(**settings),
            OTLPLogExporter(**settings),
            OTLPMetricExporter(**settings),
        )
    for signal in Signal:
        assert sum(message.accepted for message in await stored(bus, signal)) == 1


async def test_case_40_the_python_sdk_comes_back_after_an_unavailable():
    bus = memory_bus()
    answers = iter([Overloaded("full"), None])

    async def full_once(signal: Signal, message: Message) -> None:
        if failure := next(answers):
            raise failure
        await bus.publish(signal, message)

    async with opened(GrpcReceiver, full_once) as (listens, _):
        exporter = OTLPSpanExporter(endpoint=f"http://{listens.address}", insecure=True)
        await asyncio.to_thread(otlp_sdk.send_span, exporter)
    assert sum(message.accepted for message in await stored(bus, TRACES)) == 1
