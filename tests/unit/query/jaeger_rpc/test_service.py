"""The listener of Jaeger's gRPC APIs: who may, what is refused, and what ends an answer."""

import asyncio
import gzip
from typing import Any

import grpc
import pyarrow as pa
import pytest
from google.protobuf import descriptor_pb2
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from structlog.testing import capture_logs

from pipeline.errors import Overloaded, Setup, Unavailable
from pipeline.keyring import Access, Keyring
from pipeline.plan import Spans, Traces
from pipeline.signal import Signal
from query.config import Limits
from query.engine import Engine
from query.jaeger.config import JaegerConfig
from query.jaeger.reader import Reader
from query.jaeger.rpc.service import JaegerService
from storage.memory import MemoryStore
from tests.support.buses import until
from tests.support.jaeger_rpc import (
    ALWAYS,
    CAPABILITIES,
    DEPENDENCIES,
    TRACES,
    V2,
    V3,
    id_of,
    jaeger,
    serving,
)
from tests.support.jaegers import Sent
from tests.support.keys import kept
from tests.support.stores import NOW, ask, everything

SERVICES = {V2, V3, TRACES, DEPENDENCIES, CAPABILITIES}
READ_A, READ_B, WRITE = "key-that-reads-a", "key-that-reads-b", "key-that-writes"
KEYRING = Keyring(
    [
        kept(READ_A, Access.READ, tenant="a", name="a"),
        kept(READ_B, Access.READ, tenant="b", name="b"),
        kept(WRITE, Access.WRITE, tenant="a", name="write"),
    ]
)


class Backend:
    """Finds traces of one span each, or fails; tells what it was asked and what was closed."""

    def __init__(
        self, spans: pa.Table | None = None, *, error: Exception | None = None, never: bool = False
    ) -> None:
        self.asked: list[Any] = []
        self.closed = 0
        self._spans = spans
        self._error = error
        self._never = never

    async def run(self, plan: Any, cost: Any = None) -> Any:
        self.asked.append(plan)
        try:
            if self._error:
                raise self._error
            if self._never:
                await asyncio.Event().wait()
            yield self._answer(plan).combine_chunks().to_batches()[0]
        finally:
            self.closed += 1

    def _answer(self, plan: Any) -> pa.Table:
        assert self._spans is not None
        if isinstance(plan, Traces):
            number = plan.limit - 1
            return pa.table(
                {
                    "trace_id": pa.array([id_of(at + 1) for at in range(number)], pa.binary(16)),
                    "start_ns": pa.array([NOW] * number, pa.uint64()),
                    "end_ns": pa.array([NOW] * number, pa.uint64()),
                    "span_count": pa.array([100_000] * number, pa.uint64()),
                }
            )
        assert isinstance(plan, Spans)
        ids = pa.array(plan.trace_ids, pa.binary(16))
        rows = self._spans.take(pa.array([0] * len(ids)))
        return rows.set_column(rows.schema.get_field_index("trace_id"), "trace_id", ids)


async def large() -> pa.Table:
    """A span of half a megabyte as it is stored."""
    sent = Sent()
    sent.span("shop", trace=1, tags={"text": "x" * 500_000})
    store = MemoryStore()
    async with serving(store) as asking:
        await asking.send(sent)
    return await ask(store, everything(Signal.TRACES, "default"))


async def test_case_2_reflection_tells_what_can_be_asked():
    async with jaeger() as asking:
        stub = reflection_pb2_grpc.ServerReflectionStub(asking.channel)
        wanted = reflection_pb2.ServerReflectionRequest
        names = [V2, "jaeger.api_v3.TraceSummary", "jaeger.storage.v2.AnyValue"]
        asked = [wanted(list_services=""), *(wanted(file_containing_symbol=one) for one in names)]
        listed, *files = [one async for one in stub.ServerReflectionInfo(iter(asked))]
    known = {one.name for one in listed.list_services_response.service}
    assert {*SERVICES, "grpc.health.v1.Health"} <= known
    assert "grpc.reflection.v1alpha.ServerReflection" in known
    assert "opentelemetry.proto.collector.trace.v1.TraceService" in known
    for file in files:
        parse = descriptor_pb2.FileDescriptorProto.FromString
        described = map(parse, file.file_descriptor_response.file_descriptor_proto)
        assert any(one.package.startswith("jaeger.") for one in described)


async def test_case_3_health_is_told_of_every_service_to_anybody():
    async def down() -> bool:
        return False

    async with serving(MemoryStore(), KEYRING, checks={"bus": down}) as asking:
        stub = health_pb2_grpc.HealthStub(asking.channel)

        async def state(name: str) -> int:
            return (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status

        for name in SERVICES:
            assert await state(name) == health_pb2.HealthCheckResponse.SERVING
        assert await state("") == health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("other", "jaeger.storage.v2.TraceWriter"):
            with pytest.raises(aio.AioRpcError) as caught:
                await state(name)
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("service", [V2, V3, TRACES])
async def test_case_28_a_caller_that_goes_away_ends_the_reading(service):
    backend = Backend(await large())
    limits = Limits(answer_bytes_max=1_000_000_000)
    async with serving(backend, limits=limits, traces_max=1000) as asking:
        query = ALWAYS | {"search_depth": 1000}
        calling = asking.call(service, "FindTraces", {"query": query})
        await calling.read()
        calling.cancel()
        await until(lambda: not asking.service._calls._running)
        asked = len(backend.asked)
        assert backend.closed == asked
        assert asked < 100  # each asks for the spans of one more trace
        await asyncio.sleep(0.05)
        assert len(backend.asked) == asked


async def test_case_29_a_deadline_ends_the_question():
    backend = Backend(never=True)
    async with serving(backend) as asking:
        for service, name, request in (
            (V2, "GetServices", None),
            (V3, "FindTraces", {"query": ALWAYS}),
            (TRACES, "FindTraceIDs", {"query": ALWAYS}),
        ):
            backend.asked.clear()
            backend.closed = 0
            code, _ = await asking.wrong(service, name, request, timeout=0.2)
            assert code is grpc.StatusCode.DEADLINE_EXCEEDED
            await until(lambda: not asking.service._calls._running)
            assert backend.closed == len(backend.asked) == 1


@pytest.mark.parametrize("error", [Unavailable("no store", retry_s=3), Overloaded("full")])
async def test_case_30_a_store_that_is_down_is_unavailable(error):
    async with serving(Backend(error=error)) as asking:
        for service, name, request, text in (
            (V2, "GetServices", None, "failed to fetch services: "),
            (V2, "GetOperations", None, "failed to fetch operations: "),
            (V2, "GetTrace", {"trace_id": id_of(1)}, "failed to fetch spans from the backend: "),
            (V2, "FindTraces", {"query": {}}, "failed when searching for traces: "),
            (V2, "ArchiveTrace", {"trace_id": id_of(1)}, "failed to archive trace: "),
            (V3, "GetTrace", {"trace_id": "1"}, ""),
            (TRACES, "GetServices", None, ""),
            (TRACES, "FindTraces", {"query": {}}, ""),
        ):
            told = await asking.wrong(service, name, request)
            assert told == (grpc.StatusCode.UNAVAILABLE, f"{text}{error}")


async def test_case_30_a_bug_is_logged_and_tells_nothing():
    with capture_logs() as lines:
        async with serving(Backend(error=ZeroDivisionError("secret"))) as asking:
            told = await asking.wrong(V2, "GetServices")
    assert told == (grpc.StatusCode.INTERNAL, "internal error; the log says more")
    assert len(lines) == 1


async def test_case_41_a_key_reads_its_own_tenant_and_no_other():
    async with serving(MemoryStore(), KEYRING) as asking:
        for tenant, number in (("a", 1), ("b", 2)):
            sent = Sent()
            sent.span(tenant, trace=number)
            await asking.send(sent, tenant=tenant)
        for key, names in ((READ_A, ["a"]), (READ_B, ["b"])):
            metadata = [("authorization", f"Bearer {key}")]
            told = await asking.call(V3, "GetServices", metadata=metadata)
            assert list(told.services) == names
        code, _ = await asking.wrong(V3, "GetServices")
        assert code is grpc.StatusCode.UNAUTHENTICATED
        metadata = [("authorization", f"Bearer {WRITE}")]
        code, _ = await asking.wrong(V3, "GetServices", metadata=metadata)
        assert code is grpc.StatusCode.PERMISSION_DENIED
        metadata = [("authorization", f"Bearer {READ_B}")]
        code, _ = await asking.wrong(V3, "GetTrace", {"trace_id": "1"}, metadata=metadata)
        assert code is grpc.StatusCode.NOT_FOUND


async def test_case_42_without_keys_other_metadata_means_nothing():
    async with jaeger() as asking:
        metadata = [("x-tenant", "b"), ("authorization", "Bearer x"), ("x-scope-orgid", "c")]
        assert not (await asking.call(V2, "GetServices", metadata=metadata)).services


async def test_more_calls_than_there_is_room_for_come_again():
    async with serving(Backend(never=True), calls_max=2) as asking:
        running = [asking.call(V2, "GetServices") for _ in range(2)]
        await until(lambda: asking.service._calls._running == 2)
        code, told = await asking.wrong(V2, "GetServices")
        assert (code, told) == (
            grpc.StatusCode.UNAVAILABLE,
            "no room for another call (2 are running)",
        )
        for one in running:
            one.cancel()
        await until(lambda: asking.service._calls._running == 0)


async def test_questions_may_be_compressed_within_bounds():
    sent = Sent()
    sent.span("shop", trace=1)
    async with jaeger() as asking:
        await asking.send(sent)
        packed = grpc.Compression.Gzip
        told = await asking.call(V3, "GetOperations", {"service": "shop"}, compression=packed)
        assert len(told.operations) == 1
        for size in (2**20 + 1, 2**22):
            large = {"service": "x" * size}
            code, _ = await asking.wrong(V3, "GetOperations", large, compression=packed)
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        whole = gzip.compress(b"")
        for broken in (whole[:9], whole[:9] + b"broken", whole[:10] + b"\xff\xff"):
            code, told = await asking.wrong(V3, "GetOperations", broken)
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert "no gzip" in told


async def test_a_call_without_a_message_is_answered():
    async with jaeger() as asking:
        calling = asking.channel.stream_unary(f"/{V2}/GetServices", None, None)()
        await calling.done_writing()
        assert await calling.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_address_that_is_taken_is_named():
    async with jaeger() as asking:
        config = JaegerConfig(grpc=asking.service.address)
        reader = Reader(Engine(MemoryStore(), Limits()), config)
        with pytest.raises(Setup, match=r"query\.jaeger\.grpc: cannot listen"):
            await JaegerService(reader, Keyring()).__aenter__()
