"""Answers in Redis, shared by all query processes."""

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import structlog
from redis import asyncio as driver
from redis.exceptions import RedisError

from query.cache.config import CacheConfig
from query.cache.meters import CacheMeters

REST_S: Final = (1.0, 30.0)
"""How long Redis is left alone after it failed; each time twice as long, up to the second."""

_CONNECTIONS_MAX: Final = 32
_RELEASE: Final = """
if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end
return 0
"""

Result = TypeVar("Result")

log = structlog.get_logger()


class RedisCache:
    """
    A `Cache` in Redis: each value with its time to live, under keys that begin with `aura:`.

    One failure opens the circuit: until the rest is over nobody waits for Redis, and then one
    operation at a time tries it again.
    """

    def __init__(
        self,
        config: CacheConfig,
        meters: CacheMeters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client: Any = driver.Redis.from_url(
            config.url,
            socket_timeout=config.timeout,
            socket_connect_timeout=config.timeout,
            max_connections=_CONNECTIONS_MAX,
            retry=None,
            retry_on_error=[],
        )
        self._ttl_ms = int(config.ttl * 1000)
        self._meters = meters
        self._clock = clock
        self._claims: dict[str, str] = {}
        self._rest_s = REST_S[0]
        self._closed_until = 0.0
        self._trying = False

    async def get(self, key: str) -> bytes | None:
        """Return what was put last under the key, or None."""
        found: bytes | None = await self._ask(lambda: self._client.get(_name(key)), None)
        return found

    async def put(self, key: str, value: bytes) -> bool:
        """Keep a value, in place of what was there; False: nobody is there."""
        name, ttl_ms = _name(key), self._ttl_ms
        return bool(await self._ask(lambda: self._client.set(name, value, px=ttl_ms), None))

    async def claim(self, key: str, for_s: float) -> bool:
        """Become the one, of all processes, that fills a key; False: another is at it."""
        token = secrets.token_hex(16)
        name, for_ms = f"{_name(key)}:claim", int(for_s * 1000)
        granted = await self._ask(
            lambda: self._client.set(name, token, nx=True, px=for_ms), "unreachable"
        )
        if granted is True:
            self._claims[key] = token
        return granted is not None

    async def release(self, key: str) -> None:
        """End the claim, if it is still ours."""
        token = self._claims.pop(key, None)
        if token is not None:
            name = f"{_name(key)}:claim"
            await self._ask(lambda: self._client.eval(_RELEASE, 1, name, token), None)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(self, operation: Callable[[], Awaitable[Any]], otherwise: Any) -> Any:
        """Return what Redis answers; `otherwise` when it does not, or is left alone."""
        failed_before = self._closed_until > 0
        if failed_before and (self._trying or self._clock() < self._closed_until):
            return otherwise
        self._trying = failed_before
        try:
            answer = await operation()
        except (RedisError, OSError, TimeoutError) as error:
            self._fail(error)
            return otherwise
        finally:
            self._trying = False
        if failed_before:
            log.info("Redis answers again")
        self._closed_until, self._rest_s = 0.0, REST_S[0]
        return answer

    def _fail(self, error: Exception) -> None:
        self._meters.errors.inc()
        if self._closed_until == 0 or self._clock() >= self._closed_until:
            log.warning("Redis does not answer", reason=str(error), again_in_s=self._rest_s)
            self._closed_until = self._clock() + self._rest_s
            self._rest_s = min(2 * self._rest_s, REST_S[1])


@asynccontextmanager
async def open_redis(config: CacheConfig, meters: CacheMeters) -> AsyncIterator[RedisCache]:
    """Open a cache in Redis, which need not be there."""
    cache = RedisCache(config, meters)
    try:
        yield cache
    finally:
        await cache.close()


def _name(key: str) -> str:
    return f"aura:answer:{key}"
