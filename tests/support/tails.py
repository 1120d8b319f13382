"""Tails for tests: in memory and over NATS, each as a worker and as a reader has it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.batch import Batch
from pipeline.bus.config import BusConfig
from pipeline.bus.sights import MemoryTail
from pipeline.bus.tail import NatsTail
from pipeline.ports import Commit, Follower, Group, Tail
from pipeline.schema import SCHEMAS
from pipeline.signal import Signal
from tests.support.buses import DEADLINE_S, NatsRig, until


@dataclass(frozen=True)
class Rig:
    """A tail as the worker's process has it, and as another has it; one in memory is both."""

    near: Tail
    far: Tail
    nats: NatsRig | None = None


def group(*batches: Batch) -> Group:
    commit = Commit(1, 1, 1, 0, 0, 0, "log")
    return Group(batches[0].signal, 0, commit, batches, {})


def batch(signal: Signal, rows: list[dict[str, Any]], tenant: str = "default") -> Batch:
    return Batch(signal, tenant, pa.RecordBatch.from_pylist(rows, SCHEMAS[signal]))


async def seen(follower: Follower, records: int) -> tuple[list[pa.RecordBatch], int]:
    """Take until so many came or were missed; return what came, and how many were missed."""
    batches: list[pa.RecordBatch] = []
    missed = 0
    async with asyncio.timeout(DEADLINE_S):
        while missed + sum(rows.num_rows for rows in batches) < records:
            sight = await follower.take()
            batches += sight.batches
            missed += sight.missed
    return batches, missed


async def known(tail: Tail, signal: Signal, *tenants: str) -> None:
    """Wait until a tail knows who is followed."""
    await until(lambda: set(tail.followed(signal)) == set(tenants))


@asynccontextmanager
async def memory_tail(**settings: Any) -> AsyncIterator[Rig]:
    tail = MemoryTail(BusConfig(**settings))
    yield Rig(tail, tail)


@asynccontextmanager
async def nats_tails(nats: NatsRig, **settings: Any) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as up:
        near, far = (NatsTail(BusConfig(**settings), [nats.server.url]) for _ in range(2))
        for tail in (near, far):
            await up.enter_async_context(tail)
        yield Rig(near, far, nats)
