"""The committer: what a worker promises, on the memory bus and store, on virtual time."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from pipeline.errors import Rejected, Unavailable
from pipeline.plan import Records
from pipeline.ports import Counts
from storage.memory import MemoryStore
from tests.support.fragile_bus import FragileBus
from tests.support.virtual import virtual
from tests.support.worker_parts import (
    JUNK,
    SIGNAL,
    STRANGER,
    message,
    preparation,
    worker,
)

DEADLINE_S = 1000.0


@pytest.fixture(autouse=True)
def quiet():
    """Tracebacks in colour take longer than the tests."""
    with capture_logs():
        yield


class Store(MemoryStore):
    """A memory store whose next attempts fail as planned, and which can be held up."""

    def __init__(self):
        super().__init__()
        self.plan = []
        self.attempts = []
        self.times = []
        self.recoveries = []
        self.given = []
        self.open = asyncio.Event()
        self.open.set()
        self.down = 0

    async def recover(self, signal, partition):
        if self.down:
            self.down -= 1
            raise Unavailable("the store is down")
        self.recoveries.append(await super().recover(signal, partition))
        return self.recoveries[-1]

    async def commit(self, group, recovery):
        """`before` and `after` fail around the commit; an exception is raised instead of it."""
        if not group.batches and not group.counts:
            await super().commit(group, recovery)  # the beginning of an epoch
            return
        self.attempts.append((group.commit.first, group.commit.last))
        self.times.append(asyncio.get_running_loop().time())
        self.given.append(recovery)
        await self.open.wait()
        how = self.plan.pop(0) if self.plan else None
        if isinstance(how, Exception):
            raise how
        if how == "before":
            raise Unavailable("not done")
        if any("reject" in word for batch in group.batches for word in bodies(batch.rows)):
            raise Rejected("the store never takes it")
        await super().commit(group, recovery)
        if how == "after":
            raise Unavailable("done, but who knows")

    def ledger(self):
        total = Counts()
        for _, counts in self.counts(SIGNAL):
            for name in Counts.__slots__:
                setattr(total, name, getattr(total, name) + getattr(counts, name))
        return total

    async def words(self, tenant="default"):
        plan = Records(SIGNAL, tenant, 0, 2**64 - 1, None, 10_000)
        return sorted([word async for rows in self.run(plan) for word in bodies(rows)])

    async def commits(self):
        return [(one.epoch, one.first, one.last) for one in await self.history(SIGNAL, 0, 0, 10**9)]


def bodies(rows):
    return rows["body"].to_pylist()


async def until(condition):
    """Poll on virtual time."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - virtual time costs nothing
            await asyncio.sleep(0.01)


async def publish(bus, *messages):
    for one in messages:
        await bus.publish(SIGNAL, message(one) if isinstance(one, str) else one)


async def settled(bus, store):
    """Wait until everything on the bus is committed."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            last = (await MemoryStore.recover(store, SIGNAL, 0)).last
            if last is not None and (last.log, last.last) == (bus.log.identity, bus.log.last):
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(bus, store, **options):
    async with worker(bus, store, **options) as one:
        await one.ready.wait()
        yield one
        await asyncio.sleep(0)  # let it hear of its last commit


async def settle(bus, store, *messages, **options):
    """Publish, commit everything, stop."""
    await publish(bus, *messages)
    async with running(bus, store, **options):
        await settled(bus, store)


def failing(*names, times=1):
    """Return a step that fails the first operations of these names."""
    left = Counter(dict.fromkeys(names, times))

    async def step(name):
        if left[name] > 0:
            left[name] -= 1
            raise Unavailable(f"{name} failed")

    return step


def buried(bus):
    return [(one.position.epoch, one.position.sequence, one.content.reason) for one in bus.buried]


@virtual
async def test_what_is_published_is_stored_once_with_its_ledger():
    bus, store = FragileBus(), Store()

    await settle(bus, store, message("a", "filter", "sample", refused=2), "b", message(refused=1))

    assert await store.words() == ["a", "b"]
    assert store.ledger() == Counts(received=4, refused=3, filtered=1, sampled=1, stored=2)


@virtual
async def test_the_next_worker_goes_on_where_the_last_one_stopped():
    bus, store = FragileBus(), Store()
    await settle(bus, store, "a", "b")

    await settle(bus, store, "c")

    assert await store.words() == ["a", "b", "c"]
    assert await store.commits() == [(1, 1, 0), (1, 1, 2), (1, 3, 3)]


@virtual
async def test_an_epoch_begins_in_the_store_before_its_first_row():
    """Else rows that a kill left could be taken for those of a log that is made anew."""
    bus, store = FragileBus(), Store()
    store.open.clear()
    await publish(bus, "a")

    async with running(bus, store):
        await until(lambda: store.attempts)
        last = (await store.recover(SIGNAL, 0)).last

    assert (last.epoch, last.first, last.last, last.log) == (1, 1, 0, bus.log.identity)


@virtual
async def test_a_worker_is_ready_once_the_store_told_where_to_go_on():
    bus, store = FragileBus(), Store()
    store.down = 3

    async with worker(bus, store) as one:
        await asyncio.sleep(0.05)
        assert not one.ready.is_set()
        await one.ready.wait()
        assert store.down == 0


@virtual
async def test_a_commit_whose_answer_is_lost_is_not_repeated():
    bus, store = FragileBus(), Store()
    store.plan = ["after"]

    await settle(bus, store, "a")
    await settle(bus, store, "b")

    assert await store.words() == ["a", "b"]
    assert store.attempts == [(1, 1), (2, 2)]


class Shown:
    """A tail that keeps what it was shown, and what was stored at that moment."""

    def __init__(self, store):
        self.words = []
        self.store = store
        self.early = []

    def followed(self, signal):
        return ()

    def show(self, group):
        words = [word for batch in group.batches for word in bodies(batch.rows)]
        stored = [word for rows in self.store._rows[SIGNAL, "default"] for word in bodies(rows)]
        self.early += set(words) - set(stored)
        self.words += words


@virtual
@pytest.mark.parametrize("plan", [[], ["before"] * 3, ["after"], ["before", "after"]])
async def test_what_is_stored_is_shown_once_and_what_is_not_never(plan):
    bus, store = FragileBus(), Store()
    store.plan, shown = plan, Shown(store)

    await settle(bus, store, "a", "filter", "b reject", "reject", "c", tail=shown)
    await settle(bus, store, "d", tail=shown)

    assert shown.words == ["a", "c", "d"]
    assert shown.early == []


@virtual
async def test_while_the_store_is_down_a_group_is_tried_again_and_none_overtakes_it():
    bus, store = FragileBus(), Store()
    store.plan = ["before"] * 5

    await settle(bus, store, "a", "b", group_records_max=1)

    assert store.attempts == [(1, 1)] * 6 + [(2, 2)]
    assert await store.words() == ["a", "b"]


@virtual
async def test_what_failed_is_looked_up_before_it_is_repeated():
    bus, store = FragileBus(), Store()
    store.plan = ["before"]

    await settle(bus, store, "a")

    first, second = store.given
    assert first is store.recoveries[0]
    assert second is store.recoveries[-1]


@virtual
async def test_an_error_that_is_no_verdict_is_repeated_as_well():
    bus, store = FragileBus(), Store()
    store.plan = [ZeroDivisionError("a fault of ours"), MemoryError()]

    await settle(bus, store, "a")

    assert await store.words() == ["a"]
    assert bus.buried == []


@virtual
async def test_pauses_between_attempts_grow_to_their_limit():
    bus, store = FragileBus(), Store()
    store.plan = ["before"] * 7

    await settle(bus, store, "a", retry_wait_max_s=2.0)

    pauses = [round(b - a, 3) for a, b in zip(store.times, store.times[1:], strict=False)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


@virtual
async def test_the_pause_is_short_again_after_a_time_that_went_well():
    looks = []

    async def step(name):
        now = asyncio.get_running_loop().time()
        if name == "state":
            if not looks or now > looks[-1]:
                looks.append(now)
            failed = len(looks) <= 6
        else:
            failed = name == "take" and looks[-1] + 60 < now
        if failed:
            raise Unavailable(name)

    bus, store = FragileBus(step), Store()
    async with running(bus, store, retry_wait_max_s=10.0):
        await until(lambda: len(looks) >= 8)

    assert looks[6] - looks[5] == pytest.approx(3.2)
    assert looks[7] - looks[6] == pytest.approx(61.1, abs=1)


class InOrder(Store):
    """Runs what it was asked to the end, in order, even when nobody waits any more."""

    def __init__(self):
        super().__init__()
        self.turn = asyncio.Lock()
        self.tasks = []

    async def recover(self, signal, partition):
        return await self.run_on(super().recover(signal, partition))

    async def commit(self, group, recovery):
        await self.run_on(super().commit(group, recovery))

    async def run_on(self, work):
        async def alone():
            async with self.turn:
                return await work

        self.tasks.append(asyncio.create_task(alone()))
        return await asyncio.shield(self.tasks[-1])


@virtual
async def test_a_reader_that_fails_while_a_commit_runs_leads_to_no_second_commit():
    bus, store = FragileBus(), InOrder()
    store.open.clear()
    await publish(bus, "a")
    async with running(bus, store) as one:
        await until(lambda: store.attempts)

        bus.step = failing("take")
        await until(lambda: not one.ready.is_set())
        await publish(bus, "b")
        store.open.set()
        await settled(bus, store)

    assert store.attempts == [(1, 1), (2, 2)]
    assert await store.words() == ["a", "b"]


@virtual
async def test_closing_does_not_wait_for_a_commit_and_the_next_worker_does():
    bus, store = FragileBus(), InOrder()
    store.open.clear()
    await publish(bus, "a")
    async with running(bus, store):
        await until(lambda: store.attempts)

    next_one = worker(bus, store)
    async with next_one:
        await asyncio.sleep(5)
        assert not next_one.ready.is_set()
        store.open.set()
        await publish(bus, "b")
        await settled(bus, store)

    assert store.attempts == [(1, 1), (2, 2)]
    assert await store.words() == ["a", "b"]


@pytest.mark.parametrize("error", [Unavailable("gone"), RuntimeError("a fault of ours")])
def test_closing_ends_even_when_the_bus_fails_on_the_way_out(error):
    class Failing(FragileBus):
        @asynccontextmanager
        async def read(self, *place):
            async with super().read(*place) as reader:
                try:
                    yield reader
                finally:
                    raise error

    @virtual
    async def test():
        async with asyncio.timeout(10), running(Failing(), Store()):
            pass

    test()


@virtual
async def test_a_message_that_the_store_never_takes_is_buried_and_the_rest_is_stored():
    bus, store = FragileBus(), Store()
    words = [f"word{number}" for number in range(9)]
    words[5] = "reject"

    await settle(bus, store, *words)

    assert await store.words() == sorted(set(words) - {"reject"})
    assert buried(bus) == [(1, 6, "the store never takes it")]
    assert store.ledger() == Counts(received=9, buried=1, stored=8)


@virtual
async def test_a_message_that_a_processor_fails_on_is_buried_and_the_rest_is_stored():
    bus, store = FragileBus(), Store()

    await settle(bus, store, "a", "bomb1", "b", "c", message("bomb2", "d"), refused("x"), "e")

    assert await store.words() == ["a", "b", "c", "e", "x"]
    assert buried(bus) == [(1, 2, "ValueError: it went off"), (1, 5, "ValueError: it went off")]
    assert store.ledger() == Counts(received=8, refused=4, buried=3, stored=5)


def refused(*words):
    return message(*words, refused=4)


@virtual
async def test_halves_are_committed_in_order_and_without_what_is_there_already():
    bus, store = FragileBus(), Store()

    await settle(bus, store, "a", "b", "c", "reject")

    assert store.attempts == [(1, 4), (1, 2), (3, 4), (3, 3), (4, 4), (4, 4)]
    # What follows a refusal is committed with a look-up that came after it.
    assert store.given[1] is store.given[2] is store.recoveries[1]
    assert store.given[3] is store.given[4] is store.recoveries[2]
    assert await store.commits() == [(1, 1, 0), (1, 1, 2), (1, 3, 3), (1, 4, 4)]


@virtual
async def test_every_message_can_be_poison():
    bus, store = FragileBus(), Store()

    await settle(bus, store, JUNK, "reject", STRANGER, "bomb", message("a", accepted=7))

    assert [sequence for _, sequence, _ in buried(bus)] == [1, 2, 3, 4, 5]
    assert await store.words() == []
    assert store.ledger() == Counts(received=11, buried=11)


@virtual
async def test_poison_is_buried_before_its_position_is_committed():
    store = Store()
    bus = FragileBus(failing("bury", times=4))

    await settle(bus, store, "a", JUNK)

    assert store.attempts == [(1, 2)]
    assert buried(bus) == [(1, 2, "no words")]


@virtual
async def test_poison_of_a_group_that_is_repeated_is_buried_once():
    bus, store = FragileBus(), Store()
    store.plan = ["before", "before", "after"]

    await settle(bus, store, "a", JUNK)

    assert buried(bus) == [(1, 2, "no words")]
    assert store.ledger() == Counts(received=3, buried=2, stored=1)


class Passing:
    """A processor that fails a few times, whatever the batch."""

    drops = "filtered"

    def __init__(self, *errors):
        self.errors = list(errors)

    def __call__(self, batch):
        if self.errors:
            raise self.errors.pop(0)
        return batch


@virtual
async def test_want_of_memory_is_not_the_messages_fault():
    bus, store = FragileBus(), Store()
    prepare = preparation([Passing(MemoryError(), MemoryError())])

    await settle(bus, store, "a", prepare=prepare)

    assert await store.words() == ["a"]
    assert bus.buried == []


@virtual
async def test_a_thread_that_cannot_start_is_not_the_messages_fault():
    bus, store = FragileBus(), Store()
    loop = asyncio.get_running_loop()
    start, failures = loop.run_in_executor, [RuntimeError("can't start new thread")] * 2

    def scarce(*args):
        if failures:
            raise failures.pop()
        return start(*args)

    loop.run_in_executor = scarce

    await settle(bus, store, "a")

    assert await store.words() == ["a"]
    assert bus.buried == []


@virtual
async def test_a_failure_of_a_processor_that_passes_buries_nothing_from_a_larger_group():
    bus, store = FragileBus(), Store()

    await settle(bus, store, "a", "b", prepare=preparation([Passing(ValueError())]))

    assert await store.words() == ["a", "b"]
    assert bus.buried == []


@virtual
async def test_at_most_two_groups_are_in_memory():
    bus, store = FragileBus(), Store()
    store.open.clear()
    prepare = Counted()
    await publish(bus, *map(str, range(10)))

    async with running(bus, store, prepare=preparation([prepare]), group_records_max=1):
        await asyncio.sleep(60)
        assert store.attempts == [(1, 1)]
        assert prepare.calls == 2
        store.open.set()
        await settled(bus, store)

    assert prepare.calls == 10


class Counted:
    """Counts the groups that were prepared."""

    drops = "filtered"

    def __init__(self):
        self.calls = 0

    def __call__(self, batch):
        self.calls += 1
        return batch


@virtual
async def test_a_log_that_is_made_anew_begins_an_epoch():
    bus, store = FragileBus(), Store()
    await settle(bus, store, "a", "b", "c")

    bus.recreate()
    await settle(bus, store, "d", "e")

    assert await store.words() == ["a", "b", "c", "d", "e"]
    assert await store.commits() == [(1, 1, 0), (1, 1, 3), (2, 1, 0), (2, 1, 2)]


@virtual
async def test_a_log_that_is_made_anew_under_the_reader_begins_an_epoch():
    bus, store = FragileBus(), Store()
    await publish(bus, "a", "b", "c")
    async with running(bus, store):
        await settled(bus, store)
        bus.recreate()
        await publish(bus, "d", "e")
        await settled(bus, store)

    assert await store.words() == ["a", "b", "c", "d", "e"]


@virtual
async def test_a_log_that_is_made_anew_between_the_look_and_the_reader_loses_nothing():
    replaced = False
    bus, store = FragileBus(), Store()
    await settle(bus, store, "a", "b", "c")

    async def replace(name):
        nonlocal replaced
        if name == "read" and not replaced:
            replaced = True
            bus.recreate()
            await publish(bus, "d", "e", "f", "g", "h")

    bus.step = replace
    async with running(bus, store):
        await settled(bus, store)

    assert await store.words() == ["a", "b", "c", "d", "e", "f", "g", "h"]


@virtual
async def test_a_restored_log_is_read_again_without_what_was_committed():
    bus, store = FragileBus(), Store()
    await settle(bus, store, "a", "b")
    copy = bus.copy()
    await settle(bus, store, "c", "d", "e")

    bus.restore(copy)
    await settle(bus, store, "f", "g", "h", "i")
    bus.restore(copy)
    await settle(bus, store, "j")

    assert await store.words() == list("abcdefghij")
    assert store.ledger() == Counts(received=10, stored=10)


@virtual
async def test_what_a_group_leaves_out_takes_no_room():
    bus, store = FragileBus(), Store()
    await settle(bus, store, "a", "b")
    copy = bus.copy()
    await settle(bus, store, "c")
    bus.restore(copy)
    await publish(bus, "d")

    async with running(bus, store) as one:
        await settled(bus, store)
        await until(lambda: not one._share.held)

    assert await store.words() == list("abcd")


@virtual
async def test_a_restored_log_with_nothing_new_is_passed_over_once():
    bus, store = FragileBus(), Store()
    await settle(bus, store, "a")
    copy = bus.copy()
    await settle(bus, store, "b")
    bus.restore(copy)

    for _ in range(3):
        async with running(bus, store):
            await asyncio.sleep(10)

    assert await store.words() == ["a", "b"]
    assert await store.commits() == [(1, 1, 0), (1, 1, 1), (1, 2, 2), (2, 1, 0), (2, 1, 1)]
    assert store.ledger() == Counts(received=2, stored=2)


@virtual
async def test_a_log_that_is_full_of_what_is_committed_has_room_again():
    # The window alone would keep every message of so small a log.
    bus, store = FragileBus(stream_bytes_max=4), Store()

    async with running(bus, store):
        for word in "abcdefgh":
            await publish(bus, word)
            await settled(bus, store)

    assert await store.words() == list("abcdefgh")
    assert len(bus.sequences) <= 4


@virtual
async def test_a_log_that_took_the_place_of_the_committed_one_is_not_purged():
    """Its first messages have the sequences of committed ones, and nobody has read them."""
    bus, store = FragileBus(), Store()
    empty = bus.copy()
    store.open.clear()
    await publish(bus, "a", "b")

    async with running(bus, store, replay_window=0):
        await until(lambda: store.attempts)
        bus.restore(empty)
        await publish(bus, "c", "d", "e")
        store.open.set()
        await settled(bus, store)

    assert await store.words() == ["a", "b", "c", "d", "e"]


@virtual
async def test_a_log_that_was_full_when_it_was_copied_has_room_when_it_is_restored():
    bus, store = FragileBus(stream_bytes_max=4), Store()
    await publish(bus, *"abcd")
    copy = bus.copy()
    await settle(bus, store)
    await settle(bus, store, "e")
    bus.restore(copy)

    async with running(bus, store):
        await until(lambda: len(bus.sequences) < 4)
        await publish(bus, "f")
        await settled(bus, store)

    assert await store.words() == list("abcdef")


@virtual
async def test_what_the_bus_forgot_is_counted_as_lost_once():
    bus, store, registry = FragileBus(), Store(), CollectorRegistry()
    await settle(bus, store, "a")
    await publish(bus, "b", "c", "d")
    await FragileBus.purge(bus, SIGNAL, 0, 5)

    def lost():
        labels = {"signal": SIGNAL.value, "partition": "0"}
        return registry.get_sample_value("aura_router_lost_messages_total", labels)

    async with running(bus, store, registry=registry) as one:
        assert lost() == 3
        bus.step = failing("take", times=4)  # it starts anew, and finds the same gap
        await until(lambda: not one.ready.is_set())
        await one.ready.wait()
        await asyncio.sleep(60)
        await publish(bus, "e")
        await settled(bus, store)
        assert lost() == 3

        bus.log.deliveries.clear()
        bus.log.last += 2  # somebody deletes messages before they are read
        await publish(bus, "f")
        await settled(bus, store)
        assert lost() == 5

    assert await store.words() == ["a", "e", "f"]


@virtual
async def test_a_log_that_starts_late_is_read_from_its_first_message():
    bus, store = FragileBus(), Store()
    bus.recreate(first=11)

    await settle(bus, store, "a")

    assert await store.commits() == [(1, 11, 10), (1, 11, 11)]


@pytest.mark.parametrize(("window", "kept"), [(0, [5]), (2, [3, 4, 5]), (9, [1, 2, 3, 4, 5])])
def test_the_bus_forgets_what_is_committed_and_below_the_window(window, kept):
    @virtual
    async def test():
        bus, store = FragileBus(), Store()

        # The committed message itself stays: by it the log is known again.
        await settle(bus, store, "a", "b", "c", "d", "e", replay_window=window, group_records_max=1)
        async with running(bus, store, replay_window=window):
            pass

        assert bus.sequences == kept
        assert await store.words() == ["a", "b", "c", "d", "e"]

    test()


@virtual
async def test_a_log_that_is_made_anew_is_purged_from_its_start():
    bus, store = FragileBus(), Store()
    await publish(bus, *"abcdefgh")
    async with running(bus, store, replay_window=1):
        await settled(bus, store)
        await until(lambda: bus.sequences == [7, 8])
        bus.recreate()
        await publish(bus, *"ijkl")
        await settled(bus, store)
        await until(lambda: bus.sequences == [3, 4])


@virtual
async def test_a_purge_that_fails_stops_nothing_and_is_done_later():
    bus, store = FragileBus(failing("purge", times=2)), Store()

    await settle(bus, store, *"abcd", replay_window=0, group_records_max=1)

    assert bus.purges in ([3], [3, 4])  # the last one may be cut off by the end
    assert store.attempts == [(1, 1), (2, 2), (3, 3), (4, 4)]


@virtual
async def test_a_verdict_is_one_line_in_the_log_and_a_fault_of_ours_a_traceback():
    bus, store = FragileBus(failing("take")), Store()
    store.plan = ["before", ZeroDivisionError("a fault of ours")]

    with capture_logs() as lines:
        await settle(bus, store, "a")

    again = [one for one in lines if one["event"] == "worker.again"]
    commit = [one for one in lines if one["event"] == "worker.commit_again"]
    assert [(one["error"], one["exc_info"]) for one in again] == [("take failed", None)]
    assert [one["error"] for one in commit] == ["not done", "a fault of ours"]
    assert commit[0]["exc_info"] is None
    assert isinstance(commit[1]["exc_info"], ZeroDivisionError)


@virtual
async def test_what_became_of_records_is_told_to_prometheus():
    bus, store, registry = FragileBus(), Store(), CollectorRegistry()
    store.plan = ["before"]

    await settle(bus, store, message("a", "filter", "sample"), JUNK, registry=registry)

    def told(outcome):
        labels = {"signal": SIGNAL.value, "partition": "0", "outcome": outcome}
        return registry.get_sample_value("aura_router_records_total", labels)

    outcomes = ("stored", "filtered", "sampled", "buried")
    assert [told(one) for one in outcomes] == [1, 1, 1, 2]


@virtual
async def test_tenants_are_apart():
    bus, store = FragileBus(), Store()

    await settle(bus, store, message("a", tenant="x"), message("b", tenant="y"), "reject")

    assert (await store.words("x"), await store.words("y")) == (["a"], ["b"])
    assert dict(store.counts(SIGNAL)) == {
        "x": Counts(received=1, stored=1),
        "y": Counts(received=1, stored=1),
        "default": Counts(received=1, buried=1),
    }
