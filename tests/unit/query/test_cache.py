"""A remembered answer is what the store would answer now, and many who ask cost as much as one."""

import asyncio
from dataclasses import replace
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from pipeline.errors import Overloaded, Rejected, Unavailable
from pipeline.plan import (
    And,
    AttributeField,
    Changes,
    Column,
    Compare,
    Dependencies,
    Exists,
    Heads,
    Keys,
    Not,
    OneOf,
    Operator,
    Or,
    Records,
    Traces,
)
from pipeline.ports import Cost
from pipeline.signal import Signal
from query.cache import form
from query.cache.backend import CachedBackend
from query.cache.config import CacheConfig
from query.cache.memory import MemoryCache
from query.cache.meters import CacheMeters
from query.cache.redis import open_redis
from storage.memory import MemoryStore
from tests.support.buses import until
from tests.support.otlp_strategies import LAWS
from tests.support.redis_server import RedisServer, needs_redis
from tests.support.stores import NOW, commit, everything, group, messages, rig, write

CLOSED = everything(Signal.LOGS, "a", end_ns=NOW + 1, limit=100)
LATER = NOW + 3600 * 10**9


class Watched:
    """A backend that counts what it is asked, and waits where it is told to."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.asked: list[Any] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: dict[type, Exception] = {}

    async def run(self, plan: Any, cost: Cost | None = None) -> Any:
        self.asked.append(plan)
        if isinstance(plan, Records):
            await self.gate.wait()
        if type(plan) in self.error:
            raise self.error[type(plan)]
        async for batch in self.backend.run(plan, cost):
            yield batch

    def times(self, kind: type = Records) -> int:
        return sum(isinstance(one, kind) for one in self.asked)


class Kit:
    """A store, behind a cache of its own or of somebody else."""

    def __init__(self, store: Any = None, cache: Any = None, **settings: Any) -> None:
        self.registry = CollectorRegistry()
        config = CacheConfig(**{"worth": 0.0} | settings)
        self.store = store or MemoryStore()
        self.watched = Watched(self.store)
        self.cache = cache or MemoryCache(config.bytes_max, config.ttl)
        meters = CacheMeters(self.registry)
        self.backend = CachedBackend(self.watched, self.cache, config, meters, now_ns=lambda: LATER)

    async def ask(self, plan: Any = CLOSED, cost: Cost | None = None) -> pa.Table:
        return pa.Table.from_batches([one async for one in self.backend.run(plan, cost)])

    def outcomes(self) -> dict[str, int]:
        found = {}
        for outcome in ("hit", "miss", "stale"):
            name = "aura_cache_answers_total"
            value = self.registry.get_sample_value(name, {"outcome": outcome})
            found[outcome] = int(value or 0)
        return found


async def filled(**settings: Any) -> Kit:
    kit = Kit(**settings)
    await add(kit.store, 1, 2, 3)
    return kit


async def add(store: Any, *sequences: int, signal: Signal = Signal.LOGS, epoch: int = 1) -> None:
    await write(store, group(signal, messages(signal, sequences, ("b", "a")), epoch=epoch))


async def test_what_was_answered_is_not_asked_again():
    kit = await filled()
    costs = [Cost(), Cost()]

    first, second = [await kit.ask(cost=cost) for cost in costs]

    assert first.equals(second)
    assert first.num_rows == 4
    assert kit.watched.times() == 1
    assert [cost.cached for cost in costs] == [False, True]
    assert costs[1] == Cost(cached=True)
    assert kit.outcomes() == {"hit": 1, "miss": 1, "stale": 0}


async def test_what_is_stored_late_is_seen_at_once_and_elsewhere_changes_nothing():
    kit = await filled()
    await kit.ask()
    await add(kit.store, 4)  # of the other tenant only
    await kit.ask()
    assert kit.watched.times() == 1

    before = replace(CLOSED, end_ns=NOW - 10**9)
    await kit.ask(before)
    await add(kit.store, 5)

    assert (await kit.ask()).num_rows == 6
    assert kit.watched.times() == 3
    assert (await kit.ask(before)).num_rows == 3


async def test_a_range_that_is_not_over_and_what_reaches_beyond_it_are_asked_each_time():
    kit = await filled(settle=3600.0)
    plans = [
        replace(CLOSED, end_ns=NOW + 2),
        Traces("a", 0, NOW, None, 10),
        Keys(Signal.LOGS, "a", (), (), 10),
    ]
    for plan in plans:
        for _ in range(2):
            await kit.ask(plan)
    assert kit.watched.asked == [plan for plan in plans for _ in range(2)]
    await kit.ask(replace(CLOSED, end_ns=NOW))
    assert kit.watched.times(Heads) == 1


async def test_every_kind_of_closed_question_is_remembered():
    kit = await filled()
    for plan in (CLOSED, Dependencies("a", 0, NOW, 10)):
        await add(kit.store, *range(10, 12), signal=Signal.TRACES)
        await kit.ask(plan)
        await kit.ask(plan)
    assert kit.watched.times() == kit.watched.times(Dependencies) == 1


async def test_two_stores_never_share_an_answer_whatever_their_places_are():
    first, cache = await filled(), None
    await first.ask()
    cache = first.cache
    second = Kit(cache=cache)
    posts = group(Signal.LOGS, messages(Signal.LOGS, (3,), ("b", "a")))
    other = commit(1, 1, 3)
    await write(second.store, replace(posts, commit=replace(other, committed_ns=7)))
    assert (await second.ask()).num_rows == 2
    assert second.outcomes()["hit"] == 0


async def test_a_log_that_was_made_anew_makes_void_what_was_kept():
    kit = await filled()
    await kit.ask()
    await add(kit.store, 1, epoch=2)
    assert (await kit.ask()).num_rows == 6


@pytest.mark.parametrize("kind", ["memory", "chdb", "remote"])
async def test_whatever_is_stored_the_answer_is_the_stores(kind):
    chance = Random(5)
    async with rig(kind) as one:
        kit = Kit(one.store)
        sequence = 0
        for _ in range(30 if kind == "memory" else 12):
            if chance.random() < 0.4:
                count = chance.randrange(1, 4)
                signal = chance.choice([Signal.LOGS, Signal.TRACES])
                await add(one.store, *range(sequence + 1, sequence + 1 + count), signal=signal)
                sequence += count
            plan = everything(
                chance.choice([Signal.LOGS, Signal.TRACES]),
                chance.choice("ab"),
                end_ns=NOW + chance.choice([1, -(10**9)]),
                limit=50,
            )
            direct = [batch async for batch in one.store.run(plan)]
            assert (await kit.ask(plan)).equals(pa.Table.from_batches(direct))
    assert min(kit.outcomes().values()) > 0


async def test_of_many_who_ask_at_once_one_asks_the_store():
    kit = await filled()
    kit.watched.gate.clear()
    asking = [asyncio.create_task(kit.ask()) for _ in range(50)]
    await until(lambda: kit.watched.times() == 1)
    kit.watched.gate.set()

    answers = await asyncio.gather(*asking)

    assert all(one.equals(answers[0]) for one in answers)
    assert kit.watched.times() == 1
    assert kit.outcomes()["hit"] == 49


async def test_who_goes_away_leaves_the_question_to_the_next():
    kit = await filled()
    kit.watched.gate.clear()
    asking = [asyncio.create_task(kit.ask()) for _ in range(5)]
    await until(lambda: kit.watched.times() == 1)
    asking[0].cancel()
    await until(lambda: kit.watched.times() == 2)
    kit.watched.gate.set()

    answers = await asyncio.gather(*asking, return_exceptions=True)

    assert isinstance(answers[0], asyncio.CancelledError)
    assert [one.num_rows for one in answers[1:]] == [4] * 4
    assert kit.watched.times() == 2


async def test_an_error_is_each_ones_own_and_nothing_is_kept_of_it():
    kit = await filled()
    kit.watched.error[Records] = Rejected("too much")
    answers = await asyncio.gather(*[kit.ask() for _ in range(3)], return_exceptions=True)
    assert [type(one) for one in answers] == [Rejected] * 3
    kit.watched.error.clear()
    assert (await kit.ask()).num_rows == 4


@pytest.mark.parametrize("kind", [Heads, Changes])
@pytest.mark.parametrize("error", [Unavailable("no"), Overloaded("no"), Rejected("unknown")])
async def test_a_look_up_that_fails_costs_the_memory_and_not_the_answer(kind, error):
    kit = await filled()
    kit.watched.error[kind] = error
    for _ in range(2):
        assert (await kit.ask()).num_rows == 4
    assert kit.watched.times() == 2


@pytest.mark.parametrize("settings", [{"answer_bytes_max": 100}, {"worth": 60.0}])
async def test_what_is_too_large_or_too_cheap_is_passed_on_and_waits_for_nobody(settings):
    kit = await filled(**settings)
    kit.watched.gate.clear()
    asking = [asyncio.create_task(kit.ask()) for _ in range(4)]
    await until(lambda: kit.watched.times() == 1)
    kit.watched.gate.set()
    assert [one.num_rows for one in await asyncio.gather(*asking)] == [4] * 4
    assert kit.watched.times() == 4


@pytest.mark.parametrize("broken", [b"", b"short", bytes(100)])
async def test_what_is_no_answer_of_ours_is_not_there(broken):
    kit = await filled()
    await kit.ask()
    await kit.cache.put(form.key(CLOSED), broken)
    assert (await kit.ask()).num_rows == 4
    assert kit.watched.times() == 2


async def test_a_changed_byte_is_noticed():
    kit = await filled()
    await kit.ask()
    value = await kit.cache.get(form.key(CLOSED))
    chance = Random(3)
    for _ in range(50):
        at = chance.randrange(len(value))
        changed = value[:at] + bytes([value[at] ^ 1 << chance.randrange(8)]) + value[at + 1 :]
        if changed[4:8] == value[4:8]:
            assert form.read(changed) is None
    assert form.read(value[:-1]) is None


@needs_redis
async def test_of_many_processes_one_asks_the_store(tmp_path):
    with RedisServer(tmp_path) as server:
        config = CacheConfig(url=server.url, timeout=5.0)
        store = MemoryStore()
        await add(store, 1, 2, 3)
        meters = CacheMeters(CollectorRegistry())
        async with open_redis(config, meters) as one, open_redis(config, meters) as other:
            kits = [Kit(store, cache, wait=20.0) for cache in (one, other)]
            for kit in kits:
                kit.watched.gate.clear()
            asking = [asyncio.create_task(kit.ask()) for kit in kits * 3]
            await until(lambda: sum(kit.watched.times() for kit in kits) == 1)
            for kit in kits:
                kit.watched.gate.set()
            answers = await asyncio.gather(*asking)
            assert [one.num_rows for one in answers] == [4] * 6
            assert sum(kit.watched.times() for kit in kits) == 1


@needs_redis
async def test_a_process_that_takes_too_long_is_not_waited_for(tmp_path):
    with RedisServer(tmp_path) as server:
        config = CacheConfig(url=server.url, timeout=5.0)
        async with open_redis(config, CacheMeters(CollectorRegistry())) as cache:
            server.told("SET", f"aura:answer:{form.key(CLOSED)}:claim", "another", "PX", "60000")
            kit = await filled(cache=cache, wait=0.1)
            assert (await kit.ask()).num_rows == 4
            server.kill()
            assert (await kit.ask()).num_rows == 4


VALUES = st.sampled_from([1, 1.0, True, "1", "x", 0, False])
LEAVES = st.one_of(
    st.builds(Compare, st.just(Column("body")), st.just(Operator.EQUAL), st.just("x")),
    st.builds(OneOf, st.just(AttributeField("k")), st.lists(VALUES, max_size=3).map(tuple)),
    st.builds(Exists, st.sampled_from([AttributeField("k"), AttributeField("l")])),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)


def shuffled(condition: Any, chance: Random) -> Any:
    """The same in another order, with some of it twice and some of it nested once more."""
    match condition:
        case And(parts) | Or(parts):
            again = [shuffled(part, chance) for part in parts]
            again += again[: chance.randrange(2)]
            chance.shuffle(again)
            return type(condition)(tuple(type(condition)((one,)) for one in again))
        case Not(part):
            return Not(shuffled(part, chance))
        case OneOf(field, values):
            return OneOf(field, (*reversed(values), *values))
        case _:
            return condition


@settings(LAWS, max_examples=60)
@given(CONDITIONS, st.randoms(use_true_random=False))
def test_the_order_of_what_has_none_makes_no_other_key(where, chance):
    plan = replace(CLOSED, where=where)

    assert form.key(plan) == form.key(replace(plan, where=shuffled(where, chance)))


def test_what_differs_in_anything_has_another_key():
    k = AttributeField("k")
    wheres = [None, Exists(k), Not(Exists(k)), And(()), Or(())]
    wheres += [OneOf(k, (one,)) for one in (1, 1.0, True, "1")]
    plans = [replace(CLOSED, where=where) for where in wheres]
    plans += [replace(CLOSED, **{name: 7}) for name in ("start_ns", "end_ns", "limit")]
    plans += [replace(CLOSED, tenant="b"), replace(CLOSED, signal=Signal.TRACES)]
    plans.append(replace(CLOSED, tenant="\udcff"))

    assert len({form.key(plan) for plan in plans}) == len(plans)
