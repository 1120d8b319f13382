"""Every store keeps the promises of `ports.Store`."""

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otlp.codec.request import REQUESTS
from pipeline.errors import Rejected, Unavailable
from pipeline.plan import AttributeField, Column, Compare, Field, Level, Operator, Trace
from pipeline.ports import Counts, Group, Recovery
from pipeline.signal import Signal
from pipeline.window import DAY_NS
from storage.clickhouse import open_clickhouse
from storage.config import RetentionConfig, Rule
from storage.memory import MemoryStore
from storage.tables import RECORD_TABLES
from storage.timescale import rows
from storage.timescale.store import Timescale, open_timescale
from storage.timescale.upkeep import Upkeep
from tests.support.otlp_strategies import LAWS, cases
from tests.support.stores import (
    CONFIG,
    NOW,
    POINTS,
    STORES,
    around,
    ask,
    attribute,
    commit,
    everything,
    group,
    holds,
    message,
    messages,
    rig,
    write,
)

TENANTS = ("a", "b")
signals = pytest.mark.parametrize(
    ("opened", "signal"),
    [(kind, signal) for kind, taken in STORES.items() for signal in taken],
    indirect=["opened"],
)
"""Every store with every signal that it takes."""


@pytest.fixture(params=STORES)
async def opened(request):
    async with rig(request.param) as one:
        yield one


@pytest.fixture
async def chdb():
    async with rig("chdb") as one:
        yield one


@pytest.fixture
def store(opened):
    return opened.store


@pytest.fixture
def some(store):
    """A signal that the store takes."""
    return min(store.signals)


async def test_a_new_store_knows_no_log(store, some):
    recovery = await store.recover(some, 3)

    assert recovery.last is None
    assert list(await store.history(some, 3, 0, 2**63)) == []


@pytest.mark.parametrize("kind", [kind for kind, taken in STORES.items() if len(taken) == 1])
async def test_a_store_refuses_by_name_what_it_does_not_take(kind):
    async with rig(kind) as one:
        for signal in set(Signal) - one.store.signals:
            with pytest.raises(Rejected, match=f"no {signal}"):
                await one.store.recover(signal, 0)
            with pytest.raises(Rejected, match=f"no {signal}"):
                await one.store.commit(group(signal, messages(signal, (1,), "a")), Recovery())
            with pytest.raises(Rejected, match=f"no {signal}"):
                await ask(one.store, everything(signal, "a"))
        with pytest.raises(Rejected, match="no traces"):
            await ask(one.store, Trace("a", bytes(16), 1))


@signals
async def test_what_is_committed_is_there_and_its_record_is_the_newest(store, signal):
    posts = messages(signal, range(1, 7), TENANTS)

    await write(store, group(signal, posts[:4]), group(signal, posts[4:]))

    await holds(store, signal, posts)
    assert (await store.recover(signal, 0)).last == commit(1, 5, 6)
    assert (await store.recover(signal, 1)).last is None


@signals
async def test_a_group_that_is_committed_again_is_stored_once(store, signal):
    posts = messages(signal, range(1, 4), TENANTS)
    for _ in range(3):
        await write(store, group(signal, posts))

    await holds(store, signal, posts)
    assert list(await store.history(signal, 0, 1, 3)) == [commit(1, 1, 3)]


@signals
async def test_a_new_epoch_counts_anew(store, signal):
    posts = messages(signal, range(1, 4), TENANTS)
    await write(store, group(signal, posts))

    await write(store, group(signal, posts, epoch=2))

    await holds(store, signal, posts + posts)
    assert (await store.recover(signal, 0)).last == commit(2, 1, 3)


@signals
async def test_partitions_have_their_own_sequences(store, signal):
    posts = messages(signal, range(1, 4), TENANTS)

    await write(store, group(signal, posts))
    await write(store, group(signal, posts, partition=1))

    await holds(store, signal, posts + posts)


async def test_history_is_what_touches_the_sequences_in_every_epoch(store, some):
    places = [(1, 1, 4), (1, 5, 9), (1, 10, 12), (2, 1, 6), (2, 7, 8)]
    for epoch, first, last in places:
        await write(store, Group(some, 0, commit(epoch, first, last), (), {}))

    async def history(first, last):
        found = await store.history(some, 0, first, last)
        return [(one.epoch, one.first, one.last) for one in found]

    assert await history(1, 99) == places
    assert await history(6, 9) == [(1, 5, 9), (2, 1, 6), (2, 7, 8)]
    assert await history(10, 10) == [(1, 10, 12)]
    assert await history(13, 99) == []
    assert list(await store.history(some, 1, 1, 99)) == []
    for other in store.signals - {some}:
        assert list(await store.history(other, 0, 1, 99)) == []


async def test_a_group_may_be_nothing_but_counts(opened, some):
    counts = {"a": Counts(refused=7), "b": Counts(received=2, filtered=1, buried=1)}

    await write(opened.store, Group(some, 0, commit(1, 1, 9), (), counts))

    assert (await opened.store.recover(some, 0)).last == commit(1, 1, 9)
    assert await ledger(opened, some) == counts


@signals
async def test_a_commit_record_has_the_counts_of_every_tenant(opened, signal):
    one = group(signal, messages(signal, range(1, 6), TENANTS))

    await write(opened.store, one)

    assert await ledger(opened, signal) == dict(one.counts)


async def ledger(opened, signal):
    if isinstance(opened.store, MemoryStore):
        return dict(opened.store.counts(signal))
    if isinstance(opened.store, Timescale):
        rows = await opened.sql("SELECT (unnest(counts)).* FROM commits WHERE signal = $1", signal)
        return {tenant: Counts(*numbers) for tenant, *numbers in rows}
    rows = await opened.sql(
        "SELECT c.tenant, c.received, c.refused, c.filtered, c.sampled, c.buried, c.stored "
        "FROM commits ARRAY JOIN counts AS c WHERE signal = {signal:String}",
        signal=signal.value,
    )
    return {tenant: Counts(*numbers) for tenant, *numbers in rows}


HOSTILE = (
    "\x00",
    "nul \x00 inside",
    "'; DROP TABLE spans; --",
    "\\' \\x27 \" ` {p0:String} %s %(a)s {}",
    "\n\t\r\b\f\x1f\x1e\x7f",
    "😀 \u2028 \ufffd \u202e é",
    "x" * 1_000_000,
    "",
)


def hostile(signal, text):
    """Return a request with the text everywhere, and the columns of which that is one."""
    request = REQUESTS[signal]()
    outer = request.resource_logs if signal is Signal.LOGS else request.resource_metrics
    resource = around(outer, text)
    attribute(resource.resource.attributes, f"key {text[:1000]}", text)
    scope = resource.scope_logs.add() if signal is Signal.LOGS else resource.scope_metrics.add()
    scope.scope.name = text
    if signal is Signal.LOGS:
        record = scope.log_records.add(time_unix_nano=NOW, severity_text=text, event_name=text)
        record.body.string_value = text
        columns = ["body", "severity_text"]
    else:
        metric = scope.metrics.add(name=text or "name", unit=text, description=text)
        record = metric.gauge.data_points.add(time_unix_nano=NOW, as_double=float("nan"))
        attribute(record.exemplars.add(time_unix_nano=1).filtered_attributes, text[:1000], text)
        columns = ["metric_unit", "metric_description"]
    attribute(record.attributes, text[:1000], text)
    return request, ["service_name", "scope_name", *columns]


async def test_hostile_text_comes_back_as_it_was_and_is_found(store, some):
    for number, text in enumerate(HOSTILE):
        tenant = f"tenant {number} {text[:100]}"
        request, columns = hostile(some, text)
        post = (number + 1, tenant, request)

        await write(store, group(some, [post]))

        await holds(store, some, [post])
        if len(text) > 1000:
            continue
        names: list[Field] = [
            *map(Column, columns),
            AttributeField(text),
            AttributeField(f"key {text}", Level.RESOURCE),
        ]
        for name in names:
            equal = Compare(name, Operator.EQUAL, text)
            found = await ask(store, everything(some, tenant, where=equal))
            assert found.num_rows == 1, equal


@pytest.mark.parametrize(
    ("kind", "signal"), [(kind, signal) for kind, taken in STORES.items() for signal in taken]
)
def test_what_is_stored_is_what_was_sent(kind, signal):
    """Any valid OTLP comes back whole: types, order, odd numbers, empty envelopes."""
    number = itertools.count(1)
    with asyncio.Runner() as runner:
        opening = rig(kind, fresh=True)  # chunks of the oddest days
        store = runner.run(opening.__aenter__()).store

        @settings(LAWS, max_examples=4)
        @given(st.lists(cases(signal), min_size=25, max_size=25))
        def law(drawn):
            tenant = f"tenant {next(number)}"
            posts = [(at + 1, tenant, case.request()) for at, case in enumerate(drawn)]
            runner.run(write(store, group(signal, posts, epoch=next(number))))
            runner.run(holds(store, signal, posts))

        try:
            law()
        finally:
            runner.run(opening.__aexit__(None, None, None))


# What follows looks behind ClickHouse or breaks it; the memory store commits at one stroke.

STEPS = {Signal.TRACES: 8, Signal.LOGS: 6, Signal.METRICS: 10}
LISTS = {
    "services": "service_name",
    "resources": "text",
    "scopes": "text",
    "attribute_keys": "level, key, type",
}
OF_SIGNAL = {
    Signal.TRACES: {
        "operations": "service_name, name, kind",
        "trace_bounds": "trace_id, min(first), max(last)",
    },
    Signal.LOGS: {},
    Signal.METRICS: {"series": "series_id, variant, metric_name, resource, scope, attributes"},
}


async def lists(chdb, signal, tenants):
    found = {}
    for table, columns in {**LISTS, **OF_SIGNAL[signal]}.items():
        where = "tenant IN {tenants:Array(String)}"
        if table in LISTS:
            where += f" AND signal = '{signal}'"
        grouped = "GROUP BY trace_id" if table == "trace_bounds" else ""
        found[table] = sorted(
            await chdb.sql(
                f"SELECT DISTINCT {columns} FROM {table} WHERE {where} {grouped}",
                tenants=list(tenants),
            )
        )
        assert found[table], table
    return found


def steps(signal, when):
    """The inserts where it matters how one failed: halves are of records, the first are lists."""
    last = STEPS[signal]
    first_record = last - len(RECORD_TABLES[signal])
    if signal is Signal.METRICS:  # the series come first, the other lists are those of spans
        return {"before": (1,), "half": (first_record, last - 2), "after": (1, last - 1, last)}[
            when
        ]
    return {
        "before": range(1, first_record + 1),
        "half": (first_record,),
        "after": (1, first_record, last),
    }[when]


two = pytest.mark.parametrize("signal", [Signal.TRACES, Signal.METRICS])
"""One and several tables of records; logs are written as spans are."""


@two
@pytest.mark.parametrize("when", ["half", "after"])
async def test_a_commit_that_was_cut_anywhere_is_completed_by_a_restart(chdb, signal, when):
    posts = messages(signal, range(1, 4), ("whole", "whole too"))
    await write(chdb.store, group(signal, posts, partition=99))
    expected = await lists(chdb, signal, {"whole", "whole too"})
    async with chdb.broken(when) as (broken, fault):
        for at in steps(signal, when):
            tenants = (f"a{at}", f"b{at}")
            posts = messages(signal, range(1, 4), tenants)
            one = group(signal, posts, partition=at)
            fault.arm(at)
            with pytest.raises(Unavailable):
                await write(broken, one)
            assert len(fault.lost) == 1

            recovery = await write(chdb.store, one)

            stood = fault.lost == ["commits"] and when == "after"
            assert recovery.last == (one.commit if stood else None)
            await holds(chdb.store, signal, posts)
            assert (await chdb.store.recover(signal, at)).last == one.commit
            if when == "after":  # halves are of records
                assert await lists(chdb, signal, tenants) == expected
        fault.arm(0)
        await write(broken, group(signal, posts, partition=50))
        assert fault.seen == STEPS[signal]


@two
async def test_a_commit_that_failed_is_completed_by_the_same_process(chdb, signal):
    """What a failed insert did not write is not taken for known."""
    expected = None
    async with chdb.broken("before") as (store, fault):
        for at in steps(signal, "before"):
            tenants = (f"a{at}", f"b{at}")
            posts = messages(signal, range(1, 4), tenants)
            one = group(signal, posts, partition=at)
            fault.arm(at)
            with pytest.raises(Unavailable):
                await write(store, one)

            await write(store, one)

            await holds(store, signal, posts)
            found = await lists(chdb, signal, tenants)
            expected = expected or found
            assert found == expected


@two
async def test_a_cut_group_may_be_replayed_in_other_groups(chdb, signal):
    posts = messages(signal, range(1, 11), TENANTS)
    records = STEPS[signal] - 1
    async with chdb.broken("half", records) as (broken, _):
        with pytest.raises(Unavailable):
            await write(broken, group(signal, posts))
    assert (await chdb.store.recover(signal, 0)).present

    await write(
        chdb.store, group(signal, posts[:4]), group(signal, posts[4:5]), group(signal, posts[5:])
    )

    await holds(chdb.store, signal, posts)


async def test_what_another_epoch_left_hides_nothing(chdb):
    posts = messages(Signal.LOGS, range(1, 4), TENANTS)
    async with chdb.broken("before", STEPS[Signal.LOGS]) as (broken, _):
        with pytest.raises(Unavailable):
            await write(broken, group(Signal.LOGS, posts, epoch=1))

    await write(chdb.store, group(Signal.LOGS, posts, epoch=2))

    await holds(chdb.store, Signal.LOGS, posts + posts)


async def test_a_cancelled_commit_ends_before_anything_else_is_looked_up(chdb):
    posts = messages(Signal.METRICS, range(1, 40), TENANTS)
    one = group(Signal.METRICS, posts)
    recovery = await chdb.store.recover(Signal.METRICS, 0)
    committing = asyncio.create_task(chdb.store.commit(one, recovery))
    await asyncio.sleep(0)
    committing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await committing

    await write(chdb.store, one)

    await holds(chdb.store, Signal.METRICS, posts)


@pytest.mark.parametrize("signal", Signal)
async def test_lists_hold_each_thing_once_however_often_it_comes(chdb, signal):
    posts = messages(signal, range(1, 9), TENANTS)
    for at in (0, 4):
        await write(chdb.store, group(signal, posts[at : at + 4]))
    async with open_clickhouse(
        chdb.target, CONFIG
    ) as restarted:  # another process, which knows nothing
        await write(restarted, group(signal, posts, epoch=2))

    found = await lists(chdb, signal, {"a"})

    for table in found:
        if table != "trace_bounds":
            await chdb.sql(f"OPTIMIZE TABLE {table} FINAL")
            (total,) = await chdb.sql(f"SELECT count() FROM {table} WHERE tenant = 'a'")
            assert total == (len(found[table]),)
    assert found["services"] == [("api",)]
    assert found["scopes"] == [('{"name":"lib","attributes":[]}',)]
    own = "host" if signal is Signal.METRICS else "number"
    kind = 1 if signal is Signal.METRICS else 3
    assert found["attribute_keys"] == [("record", own, kind), ("resource", "service.name", 1)]
    if signal is Signal.TRACES:
        assert found["operations"] == [("api", f"op{number}", 2) for number in range(3)]
        assert len(found["trace_bounds"]) == 4
        assert {bounds[1:] for bounds in found["trace_bounds"]} == {(NOW - DAY_NS, NOW)}
    if signal is Signal.METRICS:
        assert len(found["series"]) == 5  # tenant a has the even messages: one host


async def test_records_are_kept_as_long_as_the_rules_say_and_then_go():
    retention = RetentionConfig(
        traces=10 * 86400.0,
        logs=0.0,
        rules=[
            Rule(signal=Signal.LOGS, service="kept", keep=86400.0 * 3),
            Rule(tenant="kept", keep=86400.0 * 400),
        ],
    )
    async with rig("chdb", retention=retention) as chdb:
        posts = [
            (1, "a", message(Signal.LOGS, 1)),
            (2, "a", message(Signal.LOGS, 2, "kept")),
            (3, "kept", message(Signal.LOGS, 3)),
        ]
        await write(chdb.store, group(Signal.LOGS, posts, arrived_ns=NOW))
        await write(chdb.store, group(Signal.TRACES, [(1, "a", message(Signal.TRACES, 1))]))

        async def left():
            await chdb.sql("OPTIMIZE TABLE logs FINAL")
            return await chdb.sql(
                "SELECT DISTINCT tenant, service_name FROM logs WHERE time < {now:UInt64} "
                "ORDER BY 1, 2",
                now=NOW,
            )

        async with asyncio.timeout(20):
            while await left() != [("a", "kept"), ("kept", "api")]:  # noqa: ASYNC110 - a poll
                await asyncio.sleep(0.05)
        assert await chdb.sql("SELECT any(keep_for_s) FROM spans") == [(10 * 86400,)]
        # A list keeps what a record refers to for as long as the record.
        days = dict(await chdb.sql("SELECT tenant, max(expires_day) FROM resources GROUP BY 1"))
        assert days["kept"] == NOW // DAY_NS + 401


# What follows cuts the transactions of PostgreSQL; one query is one step of theirs.

points = pytest.mark.parametrize("kind", POINTS)


@pytest.mark.parametrize(("kind", "when"), [("postgres", "before"), ("timescale", "after")])
async def test_a_transaction_that_was_cut_anywhere_is_whole_or_not_there(kind, when):
    """The two are one engine, of which each is cut in one way."""
    async with rig(kind) as one, one.broken(when) as (broken, cut):
        await write(
            broken, group(Signal.METRICS, messages(Signal.METRICS, (1,), "w"), partition=99)
        )
        cut.arm(0)
        await write(
            broken, group(Signal.METRICS, messages(Signal.METRICS, (1,), "x"), partition=98)
        )
        steps = cut.seen
        assert steps > 20
        for at in range(1, steps + 1):
            tenants = (f"a{at}", f"b{at}")
            posts = messages(Signal.METRICS, range(1, 4), tenants)
            whole = group(Signal.METRICS, posts, partition=at)
            cut.arm(at)
            with pytest.raises(Unavailable):
                await write(broken, whole)
            assert len(cut.lost) == 1

            other = one.store if at % 2 else broken  # a restart, or the same process
            recovery = await write(other, whole)

            stood = cut.lost == ["commit"] and when == "after" and at > 4
            assert recovery.last == (whole.commit if stood else None)
            await holds(one.store, Signal.METRICS, posts)
            assert (await other.recover(Signal.METRICS, at)).last == whole.commit


@points
async def test_a_commit_that_is_late_finds_its_log_taken_over(kind):
    posts = messages(Signal.METRICS, range(1, 9), TENANTS)
    async with rig(kind) as one, open_timescale(one.config.metrics.server(), one.config) as other:
        late = await one.store.recover(Signal.METRICS, 0)
        await write(other, group(Signal.METRICS, posts[:4]))

        with pytest.raises(Unavailable, match="taken this log over"):
            await one.store.commit(group(Signal.METRICS, posts), late)

        await write(one.store, group(Signal.METRICS, posts[4:]))
        await holds(other, Signal.METRICS, posts)


async def test_who_takes_a_log_over_waits_for_the_commit_that_is_under_way():
    posts = messages(Signal.METRICS, range(1, 9), TENANTS)
    async with rig("postgres") as one, one.broken("before") as (slow, cut):
        reached, go_on = asyncio.Event(), asyncio.Event()
        recovery = await slow.recover(Signal.METRICS, 0)
        cut.pause = (reached, go_on)
        committing = asyncio.create_task(slow.commit(group(Signal.METRICS, posts), recovery))
        await reached.wait()

        taking = asyncio.create_task(one.store.recover(Signal.METRICS, 0))
        waiting = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND query LIKE '%fences%'"
        )
        async with asyncio.timeout(20):
            while await one.sql(waiting) != [(1,)]:  # noqa: ASYNC110 - a poll
                await asyncio.sleep(0.01)
        go_on.set()

        await committing
        assert (await taking).last == commit(1, 1, 8)


@points
async def test_a_cancelled_transaction_leaves_nothing(kind):
    posts = messages(Signal.METRICS, range(1, 40), TENANTS)
    one = group(Signal.METRICS, posts)
    async with rig(kind) as opened:
        for pauses in range(12):
            recovery = await opened.store.recover(Signal.METRICS, 0)
            committing = asyncio.create_task(opened.store.commit(one, recovery))
            for _ in range(pauses * 4):
                await asyncio.sleep(0)
            committing.cancel()
            await asyncio.wait([committing])

        await write(opened.store, one)

        await holds(opened.store, Signal.METRICS, posts)


@points
async def test_series_are_written_once_a_day_and_shared_by_all(kind):
    posts = messages(Signal.METRICS, range(1, 9), TENANTS)
    async with rig(kind) as one:
        for at in (0, 4):
            await write(one.store, group(Signal.METRICS, posts[at : at + 4]))
        async with open_timescale(one.config.metrics.server(), one.config) as restarted:
            await write(restarted, group(Signal.METRICS, posts, epoch=2))

        assert await one.sql("SELECT count(*) FROM series WHERE tenant = 'a'") == [(5,)]
        assert await one.sql("SELECT tenant, (attributes[1]).value FROM resources ORDER BY 1") == [
            ("a", "api"),
            ("b", "api"),
        ]
        keys = "SELECT level, key, type FROM attribute_keys WHERE tenant = 'a' ORDER BY 1"
        assert await one.sql(keys) == [("record", "host", 1), ("resource", "service.name", 1)]


@points
async def test_two_series_of_one_key_are_not_taken_for_one(kind, monkeypatch):
    """A key has 64 bits; whoever finds two of one key must not read another's points."""
    ids = rows._series_ids
    monkeypatch.setattr(rows, "_series_ids", lambda tenant, *columns: ids("same", *columns))
    async with rig(kind) as one:
        await write(one.store, group(Signal.METRICS, messages(Signal.METRICS, (1,), "a")))

        other = group(Signal.METRICS, messages(Signal.METRICS, (1,), "b"), partition=1)
        with pytest.raises(Rejected, match="same key"):
            await write(one.store, other)


@points
async def test_points_are_kept_as_long_as_the_rules_say_and_then_go(kind):
    retention = RetentionConfig(
        metrics=0.0,
        rules=[
            Rule(service="kept", keep=86400.0 * 3),
            Rule(tenant="kept", keep=86400.0 * 30),
        ],
    )
    async with rig(kind, fresh=True, retention=retention) as one:
        posts = [
            (1, "a", message(Signal.METRICS, 1)),
            (2, "a", message(Signal.METRICS, 2, "kept")),
            (3, "kept", message(Signal.METRICS, 3)),
        ]
        await write(one.store, group(Signal.METRICS, posts, arrived_ns=NOW))

        async def left(day):
            await Upkeep(
                one.store._tidying,
                one.config.metrics.server(),
                one.config,
                one.can,
                clock_ns=lambda: NOW + int(day * DAY_NS),
            ).run()
            found = {name: await ask(one.store, everything(Signal.METRICS, name)) for name in "a"}
            found["kept"] = await ask(one.store, everything(Signal.METRICS, "kept"))
            lists = await one.sql("SELECT count(*) FROM series")
            return *(len(table) for table in found.values()), lists[0][0]

        assert await left(1) == (10, 10, 10)
        assert await left(2.5) == (5, 10, 10)
        assert await left(5) == (0, 10, 5)
        assert await left(33) == (0, 0, 0)
        assert await one.sql("SELECT count(*) FROM commits") == [(1,)]
