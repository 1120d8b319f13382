"""The books balance whatever is committed meanwhile, and say so where they cannot know."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pipeline.bus.config import BusConfig
from pipeline.bus.memory import MemoryBus
from pipeline.errors import Overloaded, Unavailable
from pipeline.ports import Counts
from pipeline.reason import Reason
from pipeline.signal import Signal
from query import bookkeeper
from query.bookkeeper import NO_BUS, Asked, Bookkeeper
from query.config import Limits
from query.engine import Engine
from storage.memory import MemoryStore
from tests.support.otlp_strategies import LAWS
from tests.support.worker_parts import JUNK, SIGNAL, STRANGER, message, preparation

ALL = Asked("default", 0, 1000, 1000, 1000)


class Parts:
    """A bus whose clock ticks with every message, a store, and what a worker does between them."""

    def __init__(self, partitions=1):
        ticks = iter(range(10**6))
        self.store = MemoryStore()
        self.bus = MemoryBus(BusConfig(partitions=partitions), lambda: next(ticks))
        self.bookkeeper = Bookkeeper(Engine(self.store, Limits()), self.bus)

    async def publish(self, *messages):
        for one in messages:
            await self.bus.publish(SIGNAL, one)

    async def commit(self, number, partition=0, *, purge=False):
        """Commit the next messages of a log."""
        recovery = await self.store.recover(SIGNAL, partition)
        state = await self.bus.state(SIGNAL, partition)
        goes_on = recovery.last is not None and recovery.last.log == state.identity
        after = recovery.last.last if goes_on else 0
        epoch = recovery.last.epoch + (not goes_on) if recovery.last else 1
        async with self.bus.read(SIGNAL, partition, after) as reader:
            deliveries = (await reader.take(2**40, 0))[:number]
        if deliveries:
            prepared = preparation(partition=partition)(deliveries, epoch, state.identity)
            await self.store.commit(prepared.group, recovery)
            if purge:
                await self.bus.purge(SIGNAL, partition, deliveries[-1].sequence)

    async def entry(self, asked=ALL):
        books = await self.bookkeeper.read(asked)
        assert books.warnings == []
        (found,) = [one for one in books.entries if one.signal is SIGNAL]
        return found


@pytest.fixture
def parts():
    return Parts()


def numbers(entry):
    names = ("received", "filtered", "sampled", "buried", "stored", "in_flight")
    return tuple(getattr(entry, name) for name in names)


async def test_what_waits_is_received_and_in_flight_until_it_is_committed(parts):
    await parts.publish(message("a", "filter", "sample"), message("b", "c"), JUNK)
    assert numbers(await parts.entry()) == (7, 0, 0, 0, 0, 7)

    await parts.commit(1)
    assert numbers(await parts.entry()) == (7, 1, 1, 0, 1, 4)

    await parts.commit(2)
    assert numbers(await parts.entry()) == (7, 1, 1, 2, 3, 0)


async def test_refusals_are_told_by_reason_whether_committed_or_not(parts):
    reasons = {Reason.TIME: 2, Reason.VALUE: 1}
    await parts.publish(message("a", refused=5, reasons=reasons))  # two by an older version
    await parts.publish(message("a", refused=1, reasons={Reason.TIME: 1}))
    expected = {"time": 3, "value": 1, "other": 2}

    assert (await parts.entry()).refused == expected
    await parts.commit(1)
    assert (await parts.entry()).refused == expected
    await parts.commit(1)
    assert (await parts.entry()).refused == expected


async def test_every_tenant_sees_its_own_and_strangers_are_nobodys(parts):
    await parts.publish(message("a"), message("b", "c", tenant="other"), STRANGER)

    assert numbers(await parts.entry()) == (1, 0, 0, 0, 0, 1)
    other = Asked("other", 0, 1000, 1000, 1000)
    assert numbers(await parts.entry(other)) == (2, 0, 0, 0, 0, 2)


async def test_intervals_are_cut_from_the_start_on_and_the_end_is_in_none(parts):
    await parts.publish(*(message(f"w{number}") for number in range(10)))
    await parts.commit(4)  # its last message came at 3

    books = await parts.bookkeeper.read(Asked("default", 2, 9, 3, 1000))

    found = [one for one in books.entries if one.signal is SIGNAL]
    assert [(one.start_ns, one.end_ns) for one in found] == [(2, 5), (5, 8), (8, 9)]
    assert [one.stored for one in found] == [4, 0, 0]
    assert [one.in_flight for one in found] == [1, 3, 1]
    assert [one.received for one in found] == [5, 3, 1]
    assert len(books.entries) == 3 * len(Signal)


async def test_without_a_bus_it_says_that_it_does_not_know(parts):
    await parts.publish(message("a"), message("b"))
    await parts.commit(1)

    books = await Bookkeeper(Engine(parts.store, Limits()), None).read(ALL)

    (found,) = [one for one in books.entries if one.signal is SIGNAL]
    assert numbers(found) == (1, 0, 0, 0, 1, None)
    assert books.warnings == [NO_BUS]


async def test_a_bus_that_is_away_leaves_the_committed(parts, monkeypatch):
    async def away(*_):
        raise Unavailable("NATS is away")

    await parts.publish(message("a"))
    await parts.commit(1)
    monkeypatch.setattr(parts.bus, "state", away)

    books = await parts.bookkeeper.read(ALL)

    assert [one.in_flight for one in books.entries] == [None] * 3
    assert sum(one.received for one in books.entries) == 1
    assert len(books.warnings) == 3
    assert "in_flight of logs is not known" in " ".join(books.warnings)
    assert "NATS is away" in books.warnings[0]


async def test_more_than_can_be_looked_at_is_not_guessed(parts, monkeypatch):
    monkeypatch.setattr(bookkeeper, "WAITING_MAX", 3)
    await parts.publish(*(message("a") for _ in range(5)))
    await parts.commit(1)

    books = await parts.bookkeeper.read(ALL)

    (found,) = [one for one in books.entries if one.signal is SIGNAL]
    assert (found.received, found.in_flight) == (1, None)
    assert "more than 3 messages wait" in books.warnings[0]
    await parts.commit(1)
    assert numbers(await parts.entry()) == (5, 0, 0, 0, 2, 3)


async def test_a_log_that_moves_on_while_it_is_read_is_read_again(parts, monkeypatch):
    await parts.publish(*(message(f"w{number}") for number in range(4)))
    state = parts.bus.state
    moves = iter([True, True, False])

    async def moving(*log):
        if log[0] is SIGNAL and next(moves, False):
            await commit(1, purge=True)
        return await state(*log)

    async def commit(number, *, purge):
        monkeypatch.setattr(parts.bus, "state", state)
        await parts.commit(number, purge=purge)
        await parts.bus.purge(SIGNAL, 0, (await parts.store.recover(SIGNAL, 0)).last.last + 1)
        monkeypatch.setattr(parts.bus, "state", moving)

    monkeypatch.setattr(parts.bus, "state", moving)

    assert numbers(await parts.entry()) == (4, 0, 0, 0, 2, 2)


async def test_only_some_wait_for_their_turn_at_the_bus(parts, monkeypatch):
    opened = asyncio.Event()
    state = parts.bus.state

    async def slow(*log):
        await opened.wait()
        return await state(*log)

    monkeypatch.setattr(parts.bus, "state", slow)
    asking = [asyncio.ensure_future(parts.bookkeeper.read(ALL)) for _ in range(30)]
    await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    opened.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)

    turned_away = [one for one in answers if isinstance(one, Overloaded)]
    assert len(turned_away) == 30 - bookkeeper.ASKERS_MAX - 1
    assert numbers(await parts.entry()) == (0, 0, 0, 0, 0, 0)


async def test_messages_that_were_lost_leave_it_unknown_what_is_in_flight(parts):
    await parts.publish(*(message("a") for _ in range(5)))
    await parts.commit(1)
    await parts.bus.purge(SIGNAL, 0, 4)

    books = await parts.bookkeeper.read(ALL)

    (found,) = [one for one in books.entries if one.signal is SIGNAL]
    assert numbers(found) == (1, 0, 0, 0, 1, None)
    assert "were lost" in books.warnings[0]


async def test_a_log_that_was_made_anew_waits_as_a_whole(parts):
    await parts.publish(message("a"), message("b"))
    await parts.commit(2)
    anew = Parts()
    anew.store = parts.store
    anew.bookkeeper = Bookkeeper(Engine(parts.store, Limits()), anew.bus)
    await anew.publish(message("c"))

    assert numbers(await anew.entry()) == (3, 0, 0, 0, 2, 1)
    await anew.commit(1)
    assert numbers(await anew.entry()) == (3, 0, 0, 0, 3, 0)


steps = some.one_of(
    some.tuples(
        some.lists(some.sampled_from(["a", "filter", "sample"]), max_size=4),
        some.sampled_from(["default", "other"]),
        some.dictionaries(some.sampled_from(Reason), some.integers(1, 9), max_size=3),
    ),
    some.tuples(some.integers(1, 4), some.integers(0, 1), some.booleans()),
)


@LAWS
@given(some.lists(steps, max_size=30), some.integers(1, 20))
async def test_the_books_balance_at_every_moment(drawn, step_ns):
    parts = Parts(partitions=2)
    sent = {tenant: Counts() for tenant in ("default", "other")}
    for first, second, third in drawn:
        if isinstance(first, int):
            await parts.commit(first, second, purge=third)
        else:
            refused = sum(third.values())
            await parts.publish(message(*first, tenant=second, refused=refused, reasons=third))
            sent[second].add(Counts(len(first), refused, reasons=Counter(third)))
        for tenant, counts in sent.items():
            books = await parts.bookkeeper.read(Asked(tenant, 0, 100, step_ns, 1000))
            assert books.warnings == []
            for one in books.entries:
                kept = one.filtered + one.sampled + one.buried + one.stored
                assert one.received == kept + one.in_flight
            assert sum(one.received for one in books.entries) == counts.received
            refusals = sum((one.refused for one in books.entries), Counter())
            assert refusals == counts.reasons
