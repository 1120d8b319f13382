"""A tenant's limits as its clients see them: when to come back, and what never passes."""

import asyncio

import aiohttp
import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc import aio
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as OverHttp

from otlp.receivers.grpc import SIGNALS, GrpcReceiver
from otlp.receivers.http import HttpReceiver
from pipeline.keyring import Access
from pipeline.signal import Signal
from tests.support import otlp_sdk
from tests.support.keys import bearer, kept, ring
from tests.support.otlp_requests import memory_bus, opened, points, spans, stored

EXPORT = {signal: method for method, signal in SIGNALS.items()}
PROTOBUF = {"Content-Type": "application/x-protobuf"}
BIG, SMALL = "aura-big-key-secret-123", "aura-small-key-secret-456"
KEYS = ring(kept(BIG, Access.WRITE, tenant="big"), kept(SMALL, Access.WRITE, tenant="small"))


async def post(http, body, key=None, signal="traces", **headers):
    headers |= PROTOBUF | (bearer(key) if key else {})
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{http.address}/v1/{signal}", data=body, headers=headers) as answer,
    ):
        said = status_pb2.Status.FromString(await answer.read()).message
        return answer.status, answer.headers.get("Retry-After"), said


async def test_over_http_a_tenant_is_told_when_there_is_room():
    bus = memory_bus()
    limits = {"records_per_s": 20, "burst": 10, "tenants": {"big": {"records_per_s": 1000}}}
    async with opened(HttpReceiver, bus.publish, keyring=KEYS, limits=limits) as (http, _):
        assert (await post(http, spans(195), SMALL))[0] == 200
        status, hint, said = await post(http, spans(105), SMALL)
        assert (status, hint in {"3", "4", "5"}) == (503, True)
        assert "ingestor.limits.records_per_s is 20" in said
        assert (await post(http, points(105), SMALL, "metrics"))[0] == 503  # all signals share it
        assert (await post(http, spans(600), BIG))[0] == 200
    assert sum(message.accepted for message in await stored(bus, Signal.TRACES)) == 795


async def test_over_http_what_never_passes_is_refused_before_it_is_read_or_validated():
    def validated(*_):
        raise AssertionError

    limits = {"bytes_per_s": 1000, "burst": 1}
    async with opened(HttpReceiver, memory_bus().publish, limits=limits) as (http, stands):
        stands._validate = validated
        status, hint, said = await post(http, spans(100))
        assert (status, hint) == (400, None)
        assert "1000 pass at once" in said
        assert (await post(http, b"\0" * 999))[0] == 500  # which would have been looked into


async def test_over_grpc_a_tenant_is_told_when_there_is_room_and_what_never_passes():
    limits = {"records_per_s": 10, "burst": 20}
    async with (
        opened(GrpcReceiver, memory_bus().publish, limits=limits) as (listens, stands),
        aio.insecure_channel(listens.address) as channel,
    ):
        export = channel.unary_unary(EXPORT[Signal.TRACES])
        await export(spans(200))
        with pytest.raises(aio.AioRpcError) as later:
            await export(spans(150))
        with pytest.raises(aio.AioRpcError) as never:
            await export(spans(201))
        assert not stands.in_flight_bytes
    assert later.value.code() == grpc.StatusCode.UNAVAILABLE
    trailers = dict(later.value.trailing_metadata())
    retry = error_details_pb2.RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
    assert retry.retry_delay.seconds in {13, 14, 15}
    assert never.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "google.rpc.retryinfo-bin" not in dict(never.value.trailing_metadata())


async def test_what_is_turned_away_is_counted_by_limit_and_by_no_tenant():
    limits = {"records_per_s": 1, "bytes_per_s": 1000, "burst": 10}
    async with opened(HttpReceiver, memory_bus().publish, limits=limits) as (http, stands):
        for number in (10, 5, 5, 11):
            await post(http, spans(number))
        await post(http, spans(1000))
        samples = {
            sample.labels["limit"]: sample.value
            for metric in stands.metrics._registry.collect()
            for sample in metric.samples
            if sample.name == "aura_ingest_turned_away_requests_total"
        }
    assert samples == {"records_per_s": 2, "records_at_once": 1, "bytes_at_once": 1}


@pytest.mark.parametrize("receiver", [GrpcReceiver, HttpReceiver])
async def test_the_python_sdk_gets_through_by_waiting(receiver):
    bus = memory_bus()
    limits = {"records_per_s": 1, "burst": 1}
    async with opened(receiver, bus.publish, limits=limits) as (listens, _):
        if receiver is GrpcReceiver:
            exporter = OTLPSpanExporter(endpoint=f"http://{listens.address}", insecure=True)
            first = OTLPSpanExporter(endpoint=f"http://{listens.address}", insecure=True)
        else:
            exporter, first = (OverHttp(f"http://{listens.address}/v1/traces") for _ in range(2))
        await asyncio.to_thread(otlp_sdk.send_span, first)
        await asyncio.to_thread(otlp_sdk.send_span, exporter)
    assert sum(message.accepted for message in await stored(bus, Signal.TRACES)) == 2
