"""Reads over gRPC: who may, what is refused, how answers travel, and what ends them."""

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
import pyarrow as pa
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from pipeline.errors import Forbidden, Overloaded, Rejected, Setup, TooLarge, Unavailable
from pipeline.keyring import Access, Keyring
from pipeline.plan import AttributeField, Keys, OneOf, Records
from pipeline.ports import Cost
from pipeline.signal import Signal
from pipeline.tls import Tls, TlsConfig
from storage import wire
from storage.config import RemoteConfig, StorageConfig
from storage.memory import MemoryStore
from storage.pieces import PIECE_BYTES, RUN, SERVICE
from storage.remote import RemoteStorage, open_remote
from storage.service import StorageService
from tests.support.buses import until
from tests.support.certificates import Authority, needs_openssl
from tests.support.keys import kept
from tests.support.stores import ask, everything, group, messages, remote, write

PLAN = everything(Signal.LOGS, "a", limit=10)
READ_A, READ_ANY, WRITE = "key-that-reads-a", "key-that-reads-any", "key-that-writes"
KEYRING = Keyring(
    [
        kept(READ_A, Access.READ, tenant="a", name="a"),
        kept(READ_ANY, Access.READ, tenant="", name="any"),
        kept(WRITE, Access.WRITE, tenant="a", name="write"),
    ]
)


class Backend:
    """Yields batches, then perhaps raises; tells what it was asked, and whether it was closed."""

    def __init__(self, *batches: pa.RecordBatch, error: Exception | None = None) -> None:
        self.asked: list[Any] = []
        self.yielded = self.closed = 0
        self._batches = batches
        self._error = error

    async def run(self, plan: Any, cost: Cost) -> Any:
        self.asked.append(plan)
        cost.rows += 7
        cost.engine_ns += 2**40
        try:
            for batch in self._batches:
                yield batch
                self.yielded += 1
            if self._error:
                raise self._error
        finally:
            self.closed += 1


class Silent(Backend):
    """Never answers."""

    async def run(self, plan: Any, cost: Cost) -> Any:
        self.asked.append(plan)
        try:
            await asyncio.Event().wait()
            yield
        finally:
            self.closed += 1


def rows(number: int, size: int = 1) -> pa.RecordBatch:
    texts = [f"{at:0{size}}" for at in range(number)]
    return pa.record_batch({"text": pa.array(texts, pa.utf8())})


@asynccontextmanager
async def raw(backend: Any, keyring: Keyring = KEYRING, **changes: Any):
    """A channel to the service, as anybody has it."""
    config = StorageConfig(listen="127.0.0.1:0", **changes)
    async with (
        StorageService(config, backend, keyring, tls=None) as service,
        aio.insecure_channel(service.address) as channel,
    ):
        yield channel


def call(channel: Any, payload: bytes | None = None, key: str = READ_A, **options: Any) -> Any:
    metadata = [("authorization", f"Bearer {key}")] if key else []
    run = channel.unary_stream(RUN, None, None)
    return run(wire.encode(PLAN) if payload is None else payload, metadata=metadata, **options)


async def status(calling: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(aio.AioRpcError) as caught:
        async for _ in calling:
            pass
    return caught.value.code(), caught.value.details()


async def test_a_key_reads_its_own_tenant_and_no_other():
    store = MemoryStore()
    posts = messages(Signal.LOGS, range(1, 7), ("a", "b"))
    await write(store, group(Signal.LOGS, posts))

    async with remote(store, KEYRING, READ_A) as a, remote(store, KEYRING, READ_ANY) as of_any:
        own = everything(Signal.LOGS, "", limit=100)
        assert (await ask(a, own)).num_rows == 6
        for tenant in ("a", "b"):
            assert (await ask(of_any, everything(Signal.LOGS, tenant, limit=100))).num_rows == 6
        assert (await ask(of_any, everything(Signal.LOGS, "default", limit=100))).num_rows == 0
        with pytest.raises(Unavailable, match=r'storage\.remote\.key: .* the tenant "b"'):
            await ask(a, everything(Signal.LOGS, "b", limit=100))
    async with raw(store) as channel:
        of_b = wire.encode(everything(Signal.LOGS, "b", limit=100))
        assert await status(call(channel, of_b)) == (
            grpc.StatusCode.PERMISSION_DENIED,
            'the plan is about the tenant "b", and who asks may read "a"',
        )


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", grpc.StatusCode.UNAUTHENTICATED),
        ("stranger", grpc.StatusCode.UNAUTHENTICATED),
        (WRITE, grpc.StatusCode.PERMISSION_DENIED),
    ],
)
async def test_who_may_not_read_reaches_no_store(key, code):
    backend = Backend(rows(1))
    async with raw(backend) as channel:
        assert (await status(call(channel, key=key)))[0] is code
    assert backend.asked == []


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"", "plan: one of"),
        (b"\xff", "no message"),
        (wire.encode(everything(Signal.LOGS, "a", limit=0)), "limit: 0 is not 1 to"),
        (wire.encode(everything(Signal.LOGS, "a", limit=2**20)), r"storage\.rows_max \(1000000\)"),
    ],
)
async def test_a_plan_that_is_none_is_refused(payload, text):
    backend = Backend(rows(1))
    async with raw(backend) as channel:
        code, details = await status(call(channel, payload))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert pytest.raises(Rejected, match=text)
        assert text.replace("\\", "") in details
    assert backend.asked == []


async def test_a_question_that_no_message_carries_is_refused_before_it_is_sent():
    backend = Backend(rows(1))
    long = OneOf(AttributeField("k"), tuple(str(at).zfill(100) for at in range(15_000)))
    async with remote(backend) as asking:
        with pytest.raises(Rejected, match="above 1048576"):
            await ask(asking, everything(Signal.LOGS, "a", where=long))
    async with raw(backend) as channel:
        code, _ = await status(call(channel, wire.encode(everything(Signal.LOGS, "a", where=long))))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert backend.asked == []


async def test_a_call_without_a_message_is_answered():
    async with raw(Backend()) as channel:
        run = channel.stream_stream(RUN, None, None)
        calling = run(metadata=[("authorization", f"Bearer {READ_A}")])
        await calling.done_writing()
        assert (await status(calling))[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_answer_travels_in_small_pieces_that_make_one_stream():
    whole = [rows(5), rows(20_000, 100), rows(2, 1_500_000), rows(0)]
    async with raw(Backend(*whole)) as channel:
        sent = [wire.messages()["RunResponse"].FromString(one) async for one in call(channel)]
    assert max(len(one.arrow) for one in sent) == PIECE_BYTES
    stream = pa.ipc.open_stream(b"".join(one.arrow for one in sent))
    assert stream.read_all().equals(pa.Table.from_batches(whole))

    async with remote(Backend(*whole)) as asking:
        batches = [batch async for batch in asking.run(PLAN)]
    assert pa.Table.from_batches(batches).equals(pa.Table.from_batches(whole))
    assert len(batches) == sum(one.whole for one in sent) == 6


async def test_what_a_schema_says_of_itself_arrives():
    batch = rows(0).replace_schema_metadata({b"aura.cut": b"1"})
    async with remote(Backend(batch)) as asking:
        assert (await ask(asking, PLAN)).schema.metadata == {b"aura.cut": b"1"}


async def test_nothing_is_made_that_a_caller_has_no_room_for():
    backend = Backend(*[rows(1, 1_000_000)] * 100)
    async with raw(backend) as channel:
        pieces = aiter(call(channel))
        await anext(pieces)
        made = -1
        while made != backend.yielded:  # until nothing more is made
            made = backend.yielded
            await asyncio.sleep(0.05)
        left = [one async for one in pieces]
    assert made < 50  # HTTP/2 has a window, which grows to some 20 MB
    assert sum(len(one) for one in left) > 90_000_000


@pytest.mark.parametrize(
    "error",
    [
        Rejected("narrow it"),
        TooLarge("too large"),
        Overloaded("later", retry_s=3),
        Unavailable("down", retry_s=4),
        Rejected("ä" * 100),
    ],
)
@pytest.mark.parametrize("batches", [0, 1])
async def test_a_verdict_is_the_same_at_the_other_end(error, batches):
    async with remote(Backend(*[rows(3)] * batches, error=error)) as asking:
        with pytest.raises(type(error)) as caught:
            await ask(asking, PLAN)
    assert type(caught.value) is type(error)
    assert str(caught.value) == str(error)
    assert getattr(caught.value, "retry_s", 0) == getattr(error, "retry_s", 0)


@pytest.mark.parametrize("error", [None, Rejected("too much")])
async def test_what_it_cost_is_told_also_of_what_failed(error):
    cost = Cost(rows=1)
    async with remote(Backend(rows(3), error=error)) as asking:
        with suppress(Rejected):
            async for _ in asking.run(PLAN, cost):
                pass
    assert cost == Cost(rows=8, engine_ns=2**40)


async def test_a_bug_is_logged_once_and_not_told():
    backend = Backend(error=ZeroDivisionError("secret"))
    with capture_logs() as lines:
        async with remote(backend) as asking:
            with pytest.raises(Unavailable, match="internal error; the log says more"):
                await ask(asking, PLAN)
    assert len(lines) == 1


async def test_an_answer_of_nothing_is_no_answer():
    async with remote(Backend()) as asking:
        with pytest.raises(Unavailable, match="the answer is empty"):
            await ask(asking, PLAN)


async def test_more_questions_than_there_is_room_for_come_again():
    backend = Silent()
    async with remote(backend, calls_max=2) as asking:
        running = [asyncio.create_task(ask(asking, PLAN)) for _ in range(2)]
        await until(lambda: len(backend.asked) == 2)
        with pytest.raises(Overloaded, match="no room for another question"):
            await ask(asking, PLAN)
        for one in running:
            one.cancel()
        await until(lambda: backend.closed == 2)
        await asyncio.gather(*running, return_exceptions=True)


@pytest.mark.parametrize("how", ["cancelled", "closed", "slow", "late", "gone"])
async def test_whatever_ends_a_call_ends_the_question(how):
    backend = Silent() if how in {"cancelled", "late"} else Backend(*[rows(1, 1_000_000)] * 100)
    async with raw(backend) as channel:
        calling = call(channel, timeout=0.3 if how in {"late", "slow"} else None)
        if how != "late":
            await until(lambda: backend.asked)
        if how == "closed":
            await calling.read()
        if how in {"cancelled", "closed"}:
            calling.cancel()
        if how == "gone":
            await channel.close(None)
        await until(lambda: backend.closed == 1)
        with suppress(asyncio.CancelledError, aio.AioRpcError):
            await calling.wait_for_connection()
            ended = {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
            assert how == "gone" or await calling.code() in ended


async def test_a_question_that_takes_too_long_says_so():
    async with remote(Silent(), query_time_max=1) as asking:
        short = RemoteStorage(RemoteConfig(url=f"grpc://{asking.address}"), deadline_s=0.2)
        with pytest.raises(Rejected, match=r"no answer within 0\.2 s; narrow"):
            await ask(short, PLAN)
        await short.close()


async def test_reflection_tells_strangers_what_can_be_asked():
    async with raw(Backend()) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        wanted = reflection_pb2.ServerReflectionRequest
        asked = [wanted(list_services=""), wanted(file_containing_symbol=SERVICE)]
        listed, file = [one async for one in stub.ServerReflectionInfo(iter(asked))]
    names = {one.name for one in listed.list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= names
    described = b"".join(file.file_descriptor_response.file_descriptor_proto)
    assert b"RunRequest" in described


async def test_health_is_told_to_anybody():
    async with raw(Backend()) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", SERVICE):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.Check(health_pb2.HealthCheckRequest(service="other"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_storage_that_comes_back_is_found_again():
    config = StorageConfig(listen="127.0.0.1:0")
    service = StorageService(config, Backend(rows(1)), Keyring(), tls=None)
    plan = Keys(Signal.LOGS, "default", (), (), 5)
    async with service:
        asking = RemoteStorage(RemoteConfig(url=f"grpc://{service.address}"), 5.0)
        assert await asking.ready()
        assert (await ask(asking, plan)).num_rows == 1
    with pytest.raises(Unavailable, match="storage: "):
        await ask(asking, plan)
    with pytest.raises(Unavailable):
        await asking.ready()
    again = config.model_copy(update={"listen": service.address})
    async with StorageService(again, Backend(rows(2)), Keyring(), tls=None):
        await asking.greet()
        assert (await ask(asking, plan)).num_rows == 2
    await asking.close()


@pytest.mark.parametrize("key", ["", "stranger", WRITE])
async def test_a_start_without_a_key_that_reads_names_the_setting(key):
    config = StorageConfig(listen="127.0.0.1:0")
    async with StorageService(config, MemoryStore(), KEYRING, tls=None) as service:
        where = RemoteConfig(url=f"grpc://{service.address}", key=SecretStr(key))
        with pytest.raises(Setup, match=r"storage\.remote\.url: .*storage\.remote\.key: "):
            async with open_remote(where, 5.0, patience_s=0.0):
                pass
        where = where.model_copy(update={"key": SecretStr(READ_A)})
        async with open_remote(where, 5.0) as asking:
            assert await asking.ready()


async def test_a_taken_address_is_an_error_of_the_start():
    config = StorageConfig(listen="127.0.0.1:0")
    async with StorageService(config, Backend(), Keyring(), tls=None) as first:
        again = config.model_copy(update={"listen": first.address})
        with pytest.raises(Setup, match=r"storage\.listen: cannot listen on 127\.0\.0\.1:"):
            async with StorageService(again, Backend(), Keyring(), tls=None):
                pass


@needs_openssl
async def test_tls_both_ways(tmp_path):
    authority = Authority(tmp_path).make()
    server, client = authority.sign("server"), authority.sign("client")
    config = TlsConfig(
        cert_file=str(server.cert), key_file=str(server.key), client_ca_file=str(authority.cert)
    )
    pair = {"cert_file": str(client.cert), "key_file": str(client.key)}
    listen = StorageConfig(listen="127.0.0.1:0")
    async with (
        Tls(config, "storage.tls") as tls,
        StorageService(listen, Backend(rows(1)), Keyring(), tls=tls) as service,
    ):
        port = service.address.rpartition(":")[2]
        whole = {"url": f"grpcs://localhost:{port}", "ca_file": str(authority.cert)} | pair
        async with open_remote(RemoteConfig(**whole), 5.0) as asking:
            assert (await ask(asking, Keys(Signal.LOGS, "", (), (), 1))).num_rows == 1
        by_name = whole | {"url": f"grpcs://127.0.0.1:{port}", "server_name_override": "localhost"}
        async with open_remote(RemoteConfig(**by_name), 5.0) as asking:
            assert await asking.ready()
        for lacks in ({"ca_file": ""}, {"cert_file": "", "key_file": ""}):
            with pytest.raises(Setup, match=r"storage\.remote\.url: cannot ask grpcs://"):
                async with open_remote(RemoteConfig(**whole | lacks), 1.0, patience_s=0.0):
                    pass
        with pytest.raises(Setup, match=r"storage\.remote\.ca_file: cannot read nowhere"):
            async with open_remote(RemoteConfig(**whole | {"ca_file": "nowhere"}), 1.0):
                pass


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"url": "http://host:1"}, "url"),
        ({"url": "grpc://host"}, "url"),
        ({"url": "grpc://host:1", "ca_file": "x"}, "url is not grpcs://"),
        ({"url": "grpcs://host:1", "key_file": "x"}, "cert_file is not"),
    ],
)
def test_settings_that_fit_nothing_are_refused(settings, text):
    with pytest.raises(ValidationError, match=text):
        RemoteConfig(**settings)


def test_a_verdict_without_our_name_is_read_by_its_code():
    from pipeline.rpc.status import verdict

    assert type(verdict(grpc.StatusCode.PERMISSION_DENIED, "x", b"")) is Forbidden
    assert type(verdict(grpc.StatusCode.UNIMPLEMENTED, "x", b"\xff")) is Unavailable
    assert type(verdict(grpc.StatusCode.OUT_OF_RANGE, "x", b"")) is Rejected
    assert isinstance(PLAN, Records)
