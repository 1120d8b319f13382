"""Work on large bodies, in threads beside the event loop, so that other requests go on."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar, TypeVarTuple

from otlp.receivers.join import STOPPING
from pipeline.errors import Unavailable

LARGE_BYTES: Final = 256 * 1024
"""From here on work goes aside. Below it takes some milliseconds at most (measured: 20 to 60 ms a
MiB of JSON that is left to Python, 1 of any other), as long as the interpreter takes to pass from
one thread to another a few times."""

THREADS: Final = 2
"""A second one is for a body that is not as large as the first."""

_T = TypeVar("_T")
_Arguments = TypeVarTuple("_Arguments")


class Aside:
    """
    A few threads; what waits for one is bounded by the door's budget.

    A single call into C holds the lock to its end, so a parser still stops the loop for as long as
    it takes for one body: a codec that gives the lock free belongs here.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, "otlp-aside")
        self._closed = False

    async def run(
        self, size: int, work: Callable[[*_Arguments], _T], *arguments: *_Arguments
    ) -> _T:
        """
        Return what `work` returns for a body of `size` bytes.

        Raises what it raises, and Unavailable for large work after `close`.

        Cancelling takes back what has not begun. What has begun is waited for: its bytes are in
        memory until then, and so they are to be counted.
        """
        if size < LARGE_BYTES:
            return work(*arguments)
        if self._closed:
            raise Unavailable(STOPPING)
        job = self._pool.submit(work, *arguments)
        done = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            if not job.cancel():
                await asyncio.wait({done})
                done.exception()  # was seen, and is of no interest to anybody now
            raise

    def close(self) -> None:
        """Take no more work; what has begun ends by itself. Safe to call twice."""
        self._closed = True
        self._pool.shutdown(wait=False)
