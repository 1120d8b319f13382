"""Doors, keys and the dead-letter routes on real sockets, before a real memory bus."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from grpc import aio
from prometheus_client import CollectorRegistry

from otlp.config import CorsConfig, DeadLettersConfig
from otlp.door import Door
from otlp.letters import LetterBox
from otlp.receivers import deadletters, plain
from otlp.receivers.cors import Cors
from otlp.receivers.grpc import GrpcReceiver
from otlp.receivers.http import HttpReceiver
from otlp.receivers.metrics import Metrics
from otlp.receivers.replay import Replay
from pipeline.bus.memory import MemoryBus
from pipeline.keyring import Keyring
from query.api import answers
from tests.support.buses import all_letters
from tests.support.otlp_requests import (
    ingestor,
    memory_bus,
)

PATH = "/v1/deadletters"
ANYBODY: dict[str, str] = {}


@dataclass
class Api:
    """A door with its listeners and the dead letters behind it."""

    bus: MemoryBus
    door: Door
    registry: CollectorRegistry
    session: ClientSession
    api: str
    otlp: str
    channel: Any
    waits: LetterBox

    async def ask(
        self, method: str, path: str = "", headers: dict[str, str] = ANYBODY, **asked: Any
    ) -> tuple[int, Any]:
        url = f"{self.api}{PATH}{path}"
        async with self.session.request(method, url, headers=headers, params=asked) as got:
            body = await got.read()
            return got.status, json.loads(body) if body else None

    async def send(self, url: str, body: bytes, kind: str, **headers: str) -> int:
        headers |= {"Content-Type": kind}
        async with self.session.post(url, data=body, headers=headers) as got:
            await got.read()
            return got.status

    async def written(self, number: int = 1) -> None:
        """Wait until so many letters are there."""
        for _ in range(1000):
            if len(await all_letters(self.bus)) >= number:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("no letters came")

    async def one(self, number: int = 1, headers: dict[str, str] = ANYBODY) -> Any:
        await self.written(number)
        status, letter = await self.ask("GET", f"/{number}", headers)
        assert status == 200
        return letter

    def counted(self, name: str, **labels: str) -> float:
        labels = {"signal": "traces"} | labels
        return self.registry.get_sample_value(f"aura_dead_letters_{name}_total", labels) or 0


@asynccontextmanager
async def opened(
    keyring: Keyring | None = None, publish: Any = None, bus: MemoryBus | None = None, **limits: Any
) -> AsyncIterator[Api]:
    keyring = keyring or Keyring()
    bus = bus or memory_bus()
    bytes_max = limits.pop("message_bytes_max", 2**20)
    config = ingestor(dead_letters=DeadLettersConfig(rate=10_000, **limits))
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    async with (
        LetterBox(bus, config.dead_letters, metrics, message_bytes_max=bytes_max) as letters,
        Door(
            publish or bus.publish,
            config,
            message_bytes_max=bytes_max,
            metrics=metrics,
            keyring=keyring,
            letters=letters,
        ) as door,
    ):
        replay = Replay(bus, door, metrics, message_bytes_max=bytes_max)
        app = web.Application(middlewares=[answers.errors])
        app.add_routes(plain.routes(door, config))
        app.add_routes(deadletters.routes(bus, replay, Cors(CorsConfig()), keyring))
        async with (
            HttpReceiver(config, door) as http,
            GrpcReceiver(config, door) as grpc,
            TestServer(app) as api,
            ClientSession() as session,
            aio.insecure_channel(grpc.address) as channel,
        ):
            url = str(api.make_url("")).rstrip("/")
            yield Api(bus, door, registry, session, url, http.url, channel, letters)
