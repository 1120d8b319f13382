"""Every cache keeps bytes for a while, forgets what it must, and never raises."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from query.cache.config import CacheConfig
from query.cache.memory import OVERHEAD, MemoryCache
from query.cache.meters import CacheMeters
from query.cache.redis import REST_S, RedisCache, open_redis
from tests.support.buses import until
from tests.support.redis_server import RedisServer, needs_redis


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture
async def cache(request, kind):
    if kind == "memory":
        yield MemoryCache(1_000_000, 60.0)
        return
    server = request.getfixturevalue("server")
    server.told("FLUSHALL")
    async with redis(server) as made:
        yield made


@asynccontextmanager
async def redis(server, meters=None, **settings: Any):
    config = CacheConfig(**{"url": server.url, "timeout": 5.0} | settings)
    async with open_redis(config, meters or CacheMeters(CollectorRegistry())) as made:
        yield made


both = pytest.mark.parametrize("kind", ["memory", pytest.param("redis", marks=needs_redis)])


@both
async def test_what_was_put_last_is_there(cache):
    assert await cache.get("a") is None
    assert await cache.put("a", b"\x00first\xff")
    assert await cache.put("b", b"")
    assert await cache.get("a") == b"\x00first\xff"
    assert await cache.put("a", b"second")
    assert await cache.get("a") == b"second"
    assert await cache.get("b") == b""
    assert await cache.get("c") is None


@both
async def test_a_claim_can_be_made_again_once_it_is_released(cache):
    for _ in range(2):
        assert await cache.claim("a", 5.0)
        assert await cache.claim("b", 5.0)
        await cache.release("a")
        await cache.release("b")
    await cache.release("never claimed")


def test_the_longest_unused_goes_first_and_what_is_too_large_at_once():
    with asyncio.Runner() as runner:
        run = runner.run
        cache = MemoryCache(3 * (100 + OVERHEAD), 60.0)
        for key in "abc":
            assert run(cache.put(key, bytes(100)))
        assert run(cache.get("a")) is not None
        assert run(cache.put("d", bytes(100)))
        assert [run(cache.get(key)) is not None for key in "abcd"] == [True, False, True, True]
        assert not run(cache.put("c", bytes(1000)))
        assert run(cache.get("c")) is None
        assert cache.size == 2 * (100 + OVERHEAD)


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_memory_forgets_in_time():
    with asyncio.Runner() as runner:
        clock = Clock()
        cache = MemoryCache(1000, 10.0, clock)
        runner.run(cache.put("a", b"x"))
        clock.now += 9.9
        assert runner.run(cache.get("a")) == b"x"
        clock.now += 0.1
        assert runner.run(cache.get("a")) is None
        assert cache.size == 0


@needs_redis
async def test_redis_forgets_in_time_and_is_shared(server):
    async with redis(server, ttl=100.0) as one, redis(server) as other:
        await one.put("shared", b"x")
        assert await other.get("shared") == b"x"
        assert 0 < int(server.told("PTTL", "aura:answer:shared")) <= 100_000


@needs_redis
async def test_one_process_has_a_claim_and_none_takes_it_away(server):
    async with redis(server) as one, redis(server) as other:
        assert await one.claim("k", 60.0)
        assert not await other.claim("k", 60.0)
        await other.release("k")
        assert not await other.claim("k", 60.0)
        await one.release("k")
        assert await other.claim("k", 60.0)
        await one.release("k")
        assert not await one.claim("k", 60.0)
        await other.release("k")


@needs_redis
async def test_a_claim_of_the_dead_ends_by_itself(server):
    async with redis(server) as one, redis(server) as other:
        assert await one.claim("dead", 0.05)
        async with asyncio.timeout(10):
            while not await other.claim("dead", 5.0):  # noqa: ASYNC110 - a poll
                await asyncio.sleep(0.01)


@needs_redis
async def test_redis_that_is_gone_costs_little_and_comes_back(tmp_path):
    registry, clock = CollectorRegistry(), Clock()
    server = RedisServer(tmp_path)
    config = CacheConfig(url=server.url, timeout=5.0)
    cache = RedisCache(config, CacheMeters(registry), clock)
    try:
        for _ in range(20):  # never there
            assert await cache.get("a") is None
            assert await cache.put("a", b"x") is False
            assert await cache.claim("a", 1.0)
            await cache.release("a")
        assert registry.get_sample_value("aura_cache_errors_total") == 1
        server.start()
        assert await cache.put("a", b"x") is False  # it is left alone for a while
        clock.now += REST_S[0]
        assert await cache.put("a", b"x")
        server.kill()
        for _ in range(6):
            clock.now += REST_S[1]
            assert await cache.get("a") is None
        assert registry.get_sample_value("aura_cache_errors_total") == 7
        server.start()
        clock.now += REST_S[1]
        assert await cache.get("a") is None
        assert await cache.put("a", b"y")
        assert await cache.get("a") == b"y"
    finally:
        await cache.close()
        server.kill()


async def test_a_redis_that_is_frozen_is_waited_for_once():
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    config = CacheConfig(url=f"redis://127.0.0.1:{port}/0", timeout=0.1)
    registry = CollectorRegistry()
    async with open_redis(config, CacheMeters(registry)) as cache:
        asked = [asyncio.create_task(cache.get(str(at))) for at in range(10)]
        assert await asyncio.gather(*asked) == [None] * 10
        for _ in range(50):
            assert await cache.get("again") is None
    assert 1 <= registry.get_sample_value("aura_cache_errors_total") <= 10
    listening.close()
    await until(lambda: not listening.is_serving())
