"""Jaeger's gRPC APIs over a store, asked without a process of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio

from pipeline.keyring import Keyring
from pipeline.signal import Signal
from query.config import Limits
from query.engine import Engine
from query.jaeger.config import JaegerConfig
from query.jaeger.reader import Reader
from query.jaeger.rpc import idl
from query.jaeger.rpc.service import JaegerService
from tests.support.jaegers import TENANT, Sent
from tests.support.stores import NOW, group, rig, write

V2 = "jaeger.api_v2.QueryService"
V3 = "jaeger.api_v3.QueryService"
TRACES = "jaeger.storage.v2.TraceReader"
DEPENDENCIES = "jaeger.storage.v2.DependencyReader"
CAPABILITIES = "jaeger.storage.v2.Capabilities"

YEAR_1 = Timestamp(seconds=-62135596800)
"""What Go sends for a time that is not set."""


def at(nanoseconds: int) -> Timestamp:
    return Timestamp(seconds=nanoseconds // 10**9, nanos=nanoseconds % 10**9)


ALWAYS = {"start_time_min": at(1), "start_time_max": at(NOW + 10**18)}


def id_of(trace: int) -> bytes:
    return trace.to_bytes(16, "big")


class Asking:
    """Calls the methods, by the names of services and methods."""

    def __init__(self, channel: Any, store: Any = None, service: Any = None) -> None:
        self.channel = channel
        self.service = service
        self._store = store
        self._sequences = count(1)

    async def send(self, *sent: Sent, tenant: str = TENANT) -> None:
        """Store requests, each as a message of its own."""
        messages = [(next(self._sequences), tenant, one.request) for one in sent]
        await write(self._store, group(Signal.TRACES, messages))

    def call(self, service: str, name: str, request: Any = None, **options: Any) -> Any:
        method = idl.methods(service)[name]
        make = self.channel.unary_stream if method.streams else self.channel.unary_unary
        asked = request if isinstance(request, bytes) else None
        encode = None if asked is not None else method.request.SerializeToString
        message = asked if asked is not None else method.request(**(request or {}))
        return make(method.path, encode, method.response.FromString)(message, **options)

    async def one(self, service: str, name: str, /, **request: Any) -> Any:
        return await self.call(service, name, request)

    async def all(self, service: str, name: str, /, **request: Any) -> list[Any]:
        return [message async for message in self.call(service, name, request)]

    async def find(self, service: str, /, **query: Any) -> list[str]:
        """Return the IDs of the traces that a search finds, in their order."""
        messages = await self.all(service, "FindTraces", query=ALWAYS | query)
        found: dict[str, None] = {}
        for message in messages:
            for span in spans(message):
                found.setdefault(span.trace_id.hex().lstrip("0"))
        return list(found)

    async def wrong(
        self, service: str, name: str, request: Any = None, **options: Any
    ) -> tuple[grpc.StatusCode, str]:
        """Return the status of a call that fails."""
        calling = self.call(service, name, request, **options)
        with pytest.raises(aio.AioRpcError) as caught:
            await (_taken(calling) if idl.methods(service)[name].streams else calling)
        return caught.value.code(), caught.value.details() or ""


async def _taken(calling: Any) -> None:
    async for _ in calling:
        pass


def spans(message: Any) -> list[Any]:
    """Return the spans of a chunk, or of a message of OTLP."""
    if hasattr(message, "spans"):
        return list(message.spans)
    return [
        span
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@asynccontextmanager
async def serving(
    backend: Any,
    keyring: Keyring | None = None,
    limits: Limits | None = None,
    writes: Any = None,
    checks: Any = None,
    **config: Any,
) -> AsyncIterator[Asking]:
    """Serve what a backend answers."""
    settings = JaegerConfig(grpc="127.0.0.1:0", **config)
    reader = Reader(Engine(backend, limits or Limits()), settings)
    service = JaegerService(reader, keyring or Keyring(), writes=writes, checks=checks or {})
    async with service, aio.insecure_channel(service.address) as channel:
        yield Asking(channel, backend, service)


@asynccontextmanager
async def jaeger(kind: str = "memory", **config: Any) -> AsyncIterator[Asking]:
    """Serve an empty store."""
    async with rig(kind) as behind, serving(behind.store, **config) as asking:
        yield asking
