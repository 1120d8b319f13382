"""Answers in the memory of one process."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

OVERHEAD: Final = 200
"""About what an entry takes besides its value."""


class MemoryCache:
    """Keeps at most `bytes_max`, the least recently used go first; a `Cache`."""

    def __init__(
        self, bytes_max: int, ttl_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bytes_max = bytes_max
        self._ttl_s = ttl_s
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self.size = 0

    async def get(self, key: str) -> bytes | None:
        """Return what was put last under the key, or None."""
        found = self._kept.get(key)
        if found is None:
            return None
        until, value = found
        if self._clock() >= until:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return value

    async def put(self, key: str, value: bytes) -> bool:
        """Keep a value, in place of what was there; False: it is larger than all the room."""
        if key in self._kept:
            self._drop(key)
        if len(value) + OVERHEAD > self._bytes_max:
            return False
        self._kept[key] = (self._clock() + self._ttl_s, value)
        self.size += len(value) + OVERHEAD
        while self.size > self._bytes_max:
            self._drop(next(iter(self._kept)))
        return True

    async def claim(self, key: str, for_s: float) -> bool:
        """Grant the claim: there is no other process."""
        del key, for_s
        return True

    async def release(self, key: str) -> None:
        """Do nothing."""

    def _drop(self, key: str) -> None:
        _, value = self._kept.pop(key)
        self.size -= len(value) + OVERHEAD
