"""The program on one page: open the parts of the chosen roles, join them, serve, close.

What is downstream opens first, so that leaving closes what is upstream first and loses nothing.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from aura.conditions import condition, meet
from aura.config import Config
from aura.role import Role, asks_another, check
from otlp.codec import Decoder
from otlp.door import Door
from otlp.letters import LetterBox
from otlp.receivers import cors, deadletters, listen, plain
from otlp.receivers.cors import Cors
from otlp.receivers.grpc import Exports, GrpcReceiver
from otlp.receivers.http import HttpReceiver
from otlp.receivers.metrics import Metrics
from otlp.receivers.replay import Replay
from pipeline import probes, processors
from pipeline.address import host_and_port
from pipeline.bus import open_bus, open_tail
from pipeline.errors import Setup
from pipeline.folder import DataFolder
from pipeline.listener import AppRunner
from pipeline.meters import RouterMeters
from pipeline.ports import Bus, QueryBackend, Store, Tail
from pipeline.prepare import Preparation
from pipeline.room import Room
from pipeline.signal import Signal
from pipeline.tls import Tls, TlsConfig
from pipeline.window import TimeWindow
from pipeline.worker import Limits, Worker
from query.api import answers, http, ledger, tail
from query.cache.backend import CachedBackend
from query.cache.memory import MemoryCache
from query.cache.meters import CacheMeters
from query.cache.port import Cache
from query.cache.redis import open_redis
from query.engine import Engine
from query.jaeger import http as jaeger
from query.jaeger.reader import Reader
from query.jaeger.rpc.service import EXPORT, JaegerService, Writes
from query.jaeger.ui import Ui
from query.tail.hub import Hub
from query.tail.meters import TailMeters
from storage import StorageService, Whole, open_remote, open_store

SCHEMA_WAIT_S: Final = 30.0
"""How long a role that does not migrate waits for the role that does."""

SPARE_S: Final = 5.0
"""How much longer than `query.limits.timeout` a question to another process may last."""

Tell = Callable[[str], None]

LINE_BYTES_MAX: Final = 64 * 1024
"""Of a request's first line: the longest query, when all of it is percent-encoded."""


async def serve(config: Config, roles: frozenset[Role], stopped: asyncio.Event, tell: Tell) -> None:
    """Run the roles until `stopped` is set, telling a person where to send and look."""
    started = time.monotonic()
    check(roles, config.storage)
    async with AsyncExitStack() as up:
        folder = up.enter_context(DataFolder(config.data))
        # Engines leave temporary files behind when they are killed; this folder is emptied.
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder.tmp)
        parts = Parts(up, config)
        opened = asyncio.Event()
        parts.checks["listeners"] = _set(opened)  # one of them tells of the others as well
        store, backend = await parts.open(roles, folder.path)
        if roles & {Role.ROUTER, Role.INGESTOR}:
            bus = await up.enter_async_context(open_bus(config.bus, folder))
            parts.checks["bus"] = lambda: _answers(bus)
        if roles & {Role.ROUTER, Role.QUERY}:
            joined = bus if roles & {Role.ROUTER, Role.INGESTOR} else None
            shown = await up.enter_async_context(open_tail(config.bus, joined))
        if Role.ROUTER in roles and store:
            await parts.route(bus, store, shown)
        if Role.STORAGE in roles and store:
            await parts.read(store)
        asked = await parts.ask(backend, shown, joined) if Role.QUERY in roles and backend else None
        door = await parts.receive(bus) if Role.INGESTOR in roles else None
        if asked:
            await parts.trace(*asked, door)
        opened.set()
        for worker in parts.workers:
            await worker.ready.wait()
        for line in parts.lines:
            tell(line)
        tell(f"ready in {time.monotonic() - started:.1f} s, data in {folder.path}")
        await stopped.wait()
        tell("stopping: what was accepted is kept")


class Parts:
    """What has been opened so far; every method opens one role's parts on the stack."""

    def __init__(self, up: AsyncExitStack, config: Config) -> None:
        self.checks: dict[str, probes.Check] = {}
        self.lines: list[str] = []
        self.workers: list[Worker] = []
        self._up = up
        self._config = config
        self._keyring = config.auth.keyring()
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    async def open(
        self, roles: frozenset[Role], folder: Path
    ) -> tuple[Whole | None, QueryBackend | None]:
        """Open the engine where one is needed here, and what answers questions."""
        config, elsewhere = self._config.storage, asks_another(roles, self._config.storage)
        store: Whole | None = None
        if roles & {Role.ROUTER, Role.STORAGE} or (Role.QUERY in roles and not elsewhere):
            wait_s = None if Role.STORAGE in roles else SCHEMA_WAIT_S
            opening = open_store(config, folder, schema_wait_s=wait_s)
            store = await self._up.enter_async_context(opening)
        if not elsewhere:
            return store, store
        deadline_s = self._config.query.limits.timeout + SPARE_S
        remote = await self._up.enter_async_context(open_remote(config.remote, deadline_s))
        self.checks["storage"] = remote.ready
        return store, remote

    async def read(self, backend: QueryBackend) -> None:
        """Serve reads to other processes."""
        config = self._config.storage
        tls = await self._tls("storage.tls", config.tls)
        service = StorageService(config, backend, self._keyring, tls=tls, checks=self.checks)
        await self._up.enter_async_context(service)
        self.lines.append(f"read   gRPC at {service.address}{' over TLS' if tls else ''}")

    async def route(self, bus: Bus, store: Store, shown: Tail) -> None:
        """Start a worker for every log of the bus."""
        config = self._config
        meters = RouterMeters(self._registry)
        logs = len(store.signals) * config.bus.partitions
        room = Room(config.router.groups_bytes_max, logs)
        limits = Limits(config.router, config.bus.replay_window, room)
        window = TimeWindow(int(config.router.past * 10**9), int(config.router.future * 10**9))
        for signal in sorted(store.signals):
            chain = processors.build(config.pipeline.of(signal), signal, condition)
            for partition in range(config.bus.partitions):
                prepare = Preparation(signal, partition, _decoder(signal, window), chain)
                worker = Worker(bus, store, prepare, limits, meters, tail=shown)
                await self._up.enter_async_context(worker)
                self.workers.append(worker)
                self.checks[f"worker {signal} {partition}"] = _set(worker.ready)

    async def ask(
        self, store: QueryBackend, shown: Tail, bus: Bus | None
    ) -> tuple[Engine, Tls | None]:
        """
        Serve the query API; return what answers it, and its certificate.

        Without a bus it does not know what is in flight.
        """
        config = self._config.query
        engine = Engine(await self._cached(store), config.limits)
        meters = TailMeters(self._registry)
        hub = await self._up.enter_async_context(
            Hub(shown, meet, tail.records, config.tail, meters)
        )
        routes = [
            *http.routes(engine, self._keyring, promoted=config.promoted),
            *tail.routes(engine, hub, self._keyring),
            *ledger.routes(engine, bus, self._keyring),
        ]
        tls = await self._tls("query.tls", config.tls)
        url = await self._web("query.listen", config.listen, routes, tls)
        self._up.callback(hub.stop)  # before the listener waits for those that are under way
        self.lines.append(f"look   {url}/v1/logs  /v1/traces  /v1/metrics  /v1/tail  /v1/ledger")
        return engine, tls

    async def trace(self, engine: Engine, tls: Tls | None, door: Door | None) -> None:
        """Serve Jaeger's APIs and its UI; with a door in this process, writes of Jaeger's too."""
        config = self._config.query.jaeger
        reader = Reader(engine, config)
        if config.listen:
            routes = jaeger.routes(reader, self._keyring, Ui(config, version("aura")))
            url = await self._web("query.jaeger.listen", config.listen, routes, tls)
            self.lines.append(f"       Jaeger at {url}{config.base_path}/")
        if config.grpc:
            ingest, writes = self._config.ingestor, None
            if door:
                exports = Exports(ingest, door, tls=tls).methods([EXPORT])
                writes = Writes(exports, ingest.request_bytes_max)
            service = JaegerService(
                reader, self._keyring, tls=tls, checks=self.checks, writes=writes
            )
            await self._up.enter_async_context(service)
            over = " over TLS" if tls else ""
            self.lines.append(f"       Jaeger's gRPC at {service.address}{over}")

    async def _cached(self, backend: QueryBackend) -> QueryBackend:
        """Return the backend behind the cache that the configuration names."""
        config = self._config.cache
        if config.url == "none":
            return backend
        meters = CacheMeters(self._registry)
        cache: Cache = MemoryCache(config.bytes_max, config.ttl)
        if config.url:
            cache = await self._up.enter_async_context(open_redis(config, meters))
        claim_s = self._config.query.limits.timeout
        return CachedBackend(backend, cache, config, meters, claim_s=claim_s)

    async def receive(self, bus: Bus) -> Door:
        """Serve the doors; return what is behind them, for other listeners."""
        config = self._config.ingestor
        bytes_max = self._config.bus.message_bytes_max
        metrics = Metrics(self._registry)
        letters = LetterBox(bus, config.dead_letters, metrics, message_bytes_max=bytes_max)
        await self._up.enter_async_context(letters)
        door = Door(
            bus.publish,
            config,
            message_bytes_max=bytes_max,
            metrics=metrics,
            keyring=self._keyring,
            letters=letters,
        )
        await self._up.enter_async_context(door)
        replay = Replay(bus, door, metrics, message_bytes_max=bytes_max)
        pages = Cors(config.cors)
        routes = [
            *plain.routes(door, config),
            *deadletters.routes(bus, replay, pages, self._keyring),
        ]
        tls = await self._tls("ingestor.tls", config.tls)
        url = await self._web("ingestor.api", config.api, routes, tls, cors.middleware(pages))
        grpc = await self._up.enter_async_context(GrpcReceiver(config, door, tls=tls))
        http = await self._up.enter_async_context(HttpReceiver(config, door, tls=tls))
        over = " over TLS" if tls else ""
        self.lines.append(f"send   OTLP/gRPC to {grpc.address}{over}, OTLP/HTTP to {http.url}")
        self.lines.append(f"       JSON to {url}/v1/logs  /v1/traces  /v1/metrics")
        return door

    async def _tls(self, setting: str, config: TlsConfig) -> Tls | None:
        """Return a role's certificate, which is renewed until the stack is left; None: no TLS."""
        return await self._up.enter_async_context(Tls(config, setting)) if config.on else None

    async def _web(
        self,
        setting: str,
        address: str,
        routes: list[web.RouteDef],
        tls: Tls | None,
        *outer: Middleware,
    ) -> str:
        """Listen for HTTP, with health and metrics beside the routes; return the URL."""
        app = web.Application(middlewares=[*outer, answers.errors])
        app.add_routes([*routes, *probes.routes(self.checks, self._registry, self._keyring)])
        # Decompression is the receivers', so that limits hold before and after it.
        runner = AppRunner(
            app,
            answers.malformed,
            max_line_size=LINE_BYTES_MAX,
            auto_decompress=False,
            handler_cancellation=True,
            shutdown_timeout=listen.patience_s(self._config.ingestor.stop_timeout_s),
        )
        await runner.setup()
        self._up.push_async_callback(runner.cleanup)
        host, port = host_and_port(address)
        try:
            context = tls.context if tls else None
            await web.TCPSite(runner, host or None, port, ssl_context=context).start()
        except OSError as error:
            reason = error.strerror or error
            raise Setup(f"{setting}: cannot listen on {address}: {reason}") from error
        return listen.url(tls, *runner.addresses[0][:2])


def _decoder(signal: Signal, window: TimeWindow) -> Callable[[], Decoder]:
    return lambda: Decoder(signal, window)


def _set(event: asyncio.Event) -> probes.Check:
    async def check() -> bool:
        return event.is_set()

    return check


async def _answers(bus: Bus) -> bool:
    await bus.state(Signal.TRACES, 0)
    return True
