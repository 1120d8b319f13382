"""A process that commits groups to a store of points, again and again until it is killed.

`python -m tests.support.postgres.writer URL` forks a child for each line that it reads, so that
what it imports is imported once. A child prints its number first, then that of each group that is
stored.
"""

import asyncio
import os
import sys

import structlog

from pipeline.signal import Signal
from storage.config import StorageConfig
from storage.timescale.store import open_timescale
from tests.support.postgres.rig import settings
from tests.support.stores import group, messages

PER_GROUP = 3


def numbered(number: int):
    """Return the group of a number: its messages follow those of the one before."""
    first = 1 + (number - 1) * PER_GROUP
    posts = messages(Signal.METRICS, range(first, first + PER_GROUP), ("a", "b"))
    return group(Signal.METRICS, posts)


async def write(url: str) -> None:
    config = settings(url, StorageConfig())
    async with open_timescale(config.metrics.server(), config) as store:
        recovery = await store.recover(Signal.METRICS, 0)
        number = 1 if recovery.last is None else recovery.last.last // PER_GROUP + 1
        while True:
            await store.commit(numbered(number), recovery)
            print(number, flush=True)
            number += 1


def main(url: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            print(os.getpid(), flush=True)
            asyncio.run(write(url))
        os.waitpid(child, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
