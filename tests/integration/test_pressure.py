"""A store that cannot keep up: memory is bounded, clients are told to wait, all arrives later."""

import asyncio
from collections import Counter
from itertools import count

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc import aio
from prometheus_client import CollectorRegistry

from otlp.codec import Decoder
from otlp.receivers.grpc import SIGNALS, GrpcReceiver
from pipeline.bus.config import BusConfig
from pipeline.bus.memory import MemoryBus
from pipeline.bus.sights import MemoryTail
from pipeline.config import RouterConfig
from pipeline.errors import Overloaded
from pipeline.meters import RouterMeters
from pipeline.prepare import Preparation
from pipeline.room import Room
from pipeline.signal import Signal
from pipeline.window import TimeWindow
from pipeline.worker import Limits, Worker
from query.bookkeeper import Asked, Bookkeeper
from query.config import Limits as QueryLimits
from query.engine import Engine
from storage.memory import MemoryStore
from tests.support.otlp_requests import opened, spans, until

TRACES = Signal.TRACES
EXPORT = {signal: method for method, signal in SIGNALS.items()}[TRACES]
ALL = Asked("default", 0, 2**63, 2**63, 0)
RECORDS = 100
BODY = len(spans(RECORDS))
STREAM_BYTES = 20 * BODY
IN_FLIGHT_BYTES = 8 * BODY + 10 * 16 * 1024
GROUP_BYTES = 4 * BODY
CLIENTS = 24


class Store(MemoryStore):
    """A store that refuses, or takes its time, until it is let go."""

    def __init__(self, how):
        super().__init__()
        self.recovered = asyncio.Event()
        self.attempts = 0
        self.how = how

    async def commit(self, group, recovery):
        self.attempts += 1
        if not self.recovered.is_set():
            if self.how == "refuses":
                raise Overloaded("not enough space")
            await self.recovered.wait()
        await super().commit(group, recovery)


class Load:
    """Clients that send a request after the other, and each again as OTLP says until it is kept."""

    def __init__(self, export):
        self.kept = 0
        self.refused = Counter()
        self.hints = set()
        self.stopped = False
        self._export = export
        self._pause_s = 0.002  # in the place of the seconds of the hint

    async def run(self):
        while not self.stopped:
            body = spans(RECORDS)
            while not await self._sent(body):  # noqa: ASYNC110 - a client's own pause
                await asyncio.sleep(self._pause_s)
            self.kept += RECORDS

    async def _sent(self, body):
        try:
            await self._export(body)
        except aio.AioRpcError as error:
            self.refused[error.code()] += 1
            told = dict(error.trailing_metadata())["google.rpc.retryinfo-bin"]
            self.hints.add(error_details_pb2.RetryInfo.FromString(told).retry_delay.seconds)
            return False
        return True


@pytest.mark.parametrize("how", ["refuses", "hangs"])
async def test_a_store_that_cannot_keep_up_pushes_back_and_all_arrives_when_it_recovers(how):
    bus = MemoryBus(BusConfig(stream_bytes_max=STREAM_BYTES))
    store = Store(how)
    meters = RouterMeters(CollectorRegistry())
    prepare = Preparation(TRACES, 0, lambda: Decoder(TRACES, TimeWindow()), ())
    router = RouterConfig(group_bytes_max=GROUP_BYTES, idle_wait_s=0.01, retry_wait_max_s=0.05)
    limits = Limits(router, 0, Room(router.groups_bytes_max, 1))
    worker = Worker(bus, store, prepare, limits, meters, tail=MemoryTail(BusConfig()))
    settings = {
        "request_bytes_max": 2 * BODY,
        "in_flight_bytes_max": IN_FLIGHT_BYTES,
        "join_bytes_max": BODY,
    }
    bookkeeper = Bookkeeper(Engine(store, QueryLimits()), bus)
    async with (
        opened(GrpcReceiver, bus.publish, **settings) as (listens, door),
        aio.insecure_channel(listens.address) as channel,
        worker,
    ):
        load = Load(channel.unary_unary(EXPORT))
        clients = [asyncio.create_task(load.run()) for _ in range(CLIENTS)]
        seen = count()

        def full():
            assert door.in_flight_bytes <= IN_FLIGHT_BYTES
            return next(seen) and load.refused.total() > 20 * CLIENTS

        await until(full, 20)
        held = (await bus.state(TRACES, 0)).used
        kept = load.kept
        assert held <= 1
        assert kept * BODY / RECORDS <= STREAM_BYTES  # the rest waits where it came from
        assert load.refused.keys() == {grpc.StatusCode.UNAVAILABLE}
        assert load.hints == {1}
        assert 1 <= store.attempts < 200
        (books,) = [one for one in (await bookkeeper.read(ALL)).entries if one.signal is TRACES]
        assert (books.stored, books.in_flight) == (0, books.received)
        assert books.received >= kept

        store.recovered.set()
        await until(lambda: load.kept >= 3 * kept, 20)
        load.stopped = True
        await asyncio.gather(*clients)

        def stored():
            return sum(counts.stored for _, counts in store.counts(TRACES))

        await until(lambda: stored() == load.kept, 20)
        (books,) = [one for one in (await bookkeeper.read(ALL)).entries if one.signal is TRACES]
    assert (books.received, books.stored, books.in_flight) == (load.kept, load.kept, 0)
    assert door.in_flight_bytes == 0
    ids = [row for table in store._rows[TRACES, "default"] for row in table["span_id"].to_pylist()]
    assert len(ids) == len(set(ids)) == load.kept
