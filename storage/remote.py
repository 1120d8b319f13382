"""The storage role of another process as a query backend."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc
import pyarrow as pa
from grpc import aio
from grpc_health.v1 import health_pb2

from pipeline.errors import AuraError, Forbidden, Rejected, Setup, Unauthenticated, Unavailable
from pipeline.keyring import AUTHORIZATION, TENANT
from pipeline.plan import Keys, Plan
from pipeline.ports import Cost
from pipeline.rpc.server import HEALTH
from pipeline.rpc.status import DETAILS_TRAILER, verdict
from pipeline.signal import Signal
from storage import wire
from storage.config import RemoteConfig
from storage.pieces import COST, PLAN_BYTES_MAX, RUN, SERVICE, Reader

PATIENCE_S: Final = 10.0
"""How long the other process may take to answer when this one starts."""

_AGAIN_S: Final = 0.2
_CHECK_S: Final = 2.0

_OPTIONS: Final = (
    # Once it is back it is found at once: the library would wait for up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class RemoteStorage:
    """
    Answers plans by asking; a `QueryBackend`.

    Every call has a deadline of `deadline_s`, so that none outlives who asks by long. What the
    other end thinks of our key is no business of who asks here: it is Unavailable.
    """

    def __init__(self, config: RemoteConfig, deadline_s: float) -> None:
        self.address = config.address
        self._deadline_s = deadline_s
        key = config.key.get_secret_value()
        self._key = ((AUTHORIZATION, f"Bearer {key}"),) if key else ()
        self._channel = _channel(config)
        self._run = self._channel.unary_stream(RUN, None, None)
        self._check = self._channel.unary_unary(HEALTH, None, None)

    async def run(
        self, plan: Plan, cost: Cost | None = None
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Answer a plan; see `pipeline.ports.QueryBackend`."""
        asked = wire.encode(plan)
        if len(asked) > PLAN_BYTES_MAX:
            raise Rejected(f"the question has {len(asked)} bytes as a plan, above {PLAN_BYTES_MAX}")
        tenant = getattr(plan, "tenant", "")
        metadata = (*self._key, (TENANT, tenant)) if tenant else self._key
        call = self._run(asked, timeout=self._deadline_s, metadata=metadata)
        reader, batches = Reader(), 0
        response: Any = wire.messages()["RunResponse"]
        try:
            async for message in call:
                piece = response.FromString(message)
                batch = reader.feed(piece.arrow, whole=piece.whole)
                if batch is not None:
                    batches += 1
                    yield batch
            _add(cost, await call.trailing_metadata())
        except aio.AioRpcError as error:
            _add(cost, error.trailing_metadata())
            raise self._verdict(error) from error
        except pa.ArrowInvalid as error:
            raise Unavailable(f"storage: no answer in Arrow: {error}") from error
        finally:
            call.cancel()  # has no effect on one that has ended
        if not batches:
            raise Unavailable("storage: the answer is empty")

    async def ready(self) -> bool:
        """Tell whether the other process serves; raises Unavailable when it does not answer."""
        request = health_pb2.HealthCheckRequest(service=SERVICE).SerializeToString()
        try:
            answer = await self._check(request, timeout=_CHECK_S)
        except aio.AioRpcError as error:
            raise self._verdict(error) from error
        status = health_pb2.HealthCheckResponse.FromString(answer).status
        return bool(status == health_pb2.HealthCheckResponse.SERVING)

    async def greet(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until the other process answers a question; raises what it says in the end."""
        hello = Keys(Signal.LOGS, "", ("service.name",), (), 1)
        end = asyncio.get_running_loop().time() + patience_s
        while True:
            try:
                async with aclosing(self.run(hello)) as answer:
                    async for _ in answer:
                        return
            except AuraError:
                if asyncio.get_running_loop().time() > end:
                    raise
                await asyncio.sleep(_AGAIN_S)

    async def close(self) -> None:
        """Close the connection; calls that are under way are cancelled."""
        await self._channel.close(None)

    def _verdict(self, error: aio.AioRpcError) -> AuraError:
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return Rejected(f"no answer within {self._deadline_s:g} s; narrow the time range")
        details = _trailer(error.trailing_metadata(), DETAILS_TRAILER)
        text = error.details() or error.code().name
        found = verdict(error.code(), text if details else f"storage: {text}", details)
        if isinstance(found, Unauthenticated | Forbidden):
            return Unavailable(f"storage.remote.key: {text}")
        return found


@asynccontextmanager
async def open_remote(
    config: RemoteConfig, deadline_s: float, patience_s: float = PATIENCE_S
) -> AsyncIterator[RemoteStorage]:
    """Connect to the storage role of another process; raises Setup when it does not let us in."""
    remote = RemoteStorage(config, deadline_s)
    try:
        try:
            await remote.greet(patience_s)
        except AuraError as error:
            raise Setup(f"storage.remote.url: cannot ask {config.url}: {error}") from error
        yield remote
    finally:
        await remote.close()


def _trailer(metadata: Any, name: str) -> bytes:
    found = dict(metadata or ()).get(name, b"")
    return found if isinstance(found, bytes) else b""


def _add(cost: Cost | None, metadata: Any) -> None:
    """Add what the other end says that it took."""
    if cost is not None:
        told: Any = wire.messages()["Cost"].FromString(_trailer(metadata, COST))
        cost.rows += told.rows
        cost.bytes += told.bytes
        cost.engine_ns += told.engine_ns
        cost.cached |= told.cached


def _channel(config: RemoteConfig) -> aio.Channel:
    if not config.secure:
        return aio.insecure_channel(config.address, options=_OPTIONS)
    files = {name: getattr(config, name) for name in ("ca_file", "key_file", "cert_file")}
    pems = [_read(path, f"storage.remote.{name}") for name, path in files.items()]
    credentials = grpc.ssl_channel_credentials(*pems)
    name = config.server_name_override
    override = [("grpc.ssl_target_name_override", name)] if name else []
    return aio.secure_channel(config.address, credentials, options=[*_OPTIONS, *override])


def _read(path: str, setting: str) -> bytes | None:
    try:
        return Path(path).read_bytes() if path else None
    except OSError as error:
        raise Setup(f"{setting}: cannot read {path}: {error.strerror}") from error
