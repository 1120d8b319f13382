"""The ledger: every backend sums up the commit records alike, and the bus tells what waits."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pipeline.errors import Rejected
from pipeline.plan import Ledger, Positions, Reached
from pipeline.ports import Commit, Counts, Group
from pipeline.reason import Reason
from pipeline.signal import Signal
from pipeline.window import DAY_NS
from storage.config import RetentionConfig, Rule
from tests.support.otlp_strategies import LAWS
from tests.support.stores import NOW, POINTS, ask, group, message, messages, rig, write

LOGS = Signal.LOGS
HOUR_NS = 3600 * 10**9


@pytest.fixture(params=["memory", "chdb", "server"])
async def store(request):
    async with rig(request.param) as one:
        yield one.store


def entry(first, last, stored_ns, counts, *, signal=LOGS, epoch=1, partition=0):
    place = Commit(epoch, first, last, stored_ns - 1, stored_ns, stored_ns, "log")
    return Group(signal, partition, place, (), counts)


def counts(**numbers):
    reasons = Counter(numbers.pop("reasons", {}))
    return Counts(**numbers, reasons=reasons)


async def ledger(store, tenant="a", *, start=0, end=100, step=10, now=NOW, until=()):
    table = await ask(store, Ledger(tenant, start, end, step, now, until))
    found = {}
    for row in table.to_pylist():
        reasons = dict(zip(row.pop("reasons"), row.pop("reason_records"), strict=True))
        place = row.pop("signal"), row.pop("start_ns")
        found[place] = {name: n for name, n in row.items() if n} | {"reasons": reasons}
    return found


async def test_counts_are_summed_up_by_tenant_signal_and_interval(store):
    several = {
        "a": counts(received=9, refused=4, filtered=1, sampled=2, buried=3, stored=3),
        "b": counts(received=50, stored=50),
    }
    await write(
        store,
        entry(1, 2, 5, several),
        entry(3, 4, 9, {"a": counts(received=1, stored=1)}),
        entry(5, 5, 10, {"a": counts(received=2, filtered=2)}),
        entry(6, 6, 100, {"a": counts(received=70, stored=70)}),
    )
    await write(store, entry(1, 1, 99, {"a": counts(refused=5)}, signal=Signal.TRACES))

    assert await ledger(store) == {
        ("logs", 0): {
            "received": 10,
            "refused": 4,
            "filtered": 1,
            "sampled": 2,
            "buried": 3,
            "stored": 4,
            "reasons": {},
        },
        ("logs", 10): {"received": 2, "filtered": 2, "reasons": {}},
        ("traces", 90): {"refused": 5, "reasons": {}},
    }
    assert await ledger(store, "b", start=3, end=6, step=3) == {
        ("logs", 3): {"received": 50, "stored": 50, "reasons": {}}
    }
    assert await ledger(store, "nobody") == {}


async def test_refusals_keep_their_reasons(store):
    first = counts(refused=6, reasons={Reason.TIME: 2, Reason.SIZE: 3})
    other = counts(refused=9, reasons={Reason.VALUE: 9})
    again = counts(refused=1, reasons={Reason.TIME: 1})

    await write(store, entry(1, 1, 1, {"a": first, "b": other}), entry(2, 2, 2, {"a": again}))

    (found,) = (await ledger(store)).values()
    assert found == {"refused": 7, "reasons": {"size": 3, "time": 3}}


async def test_a_log_is_looked_at_up_to_a_place_of_it(store):
    for epoch, first, last in [(1, 1, 5), (1, 6, 9), (2, 1, 3), (2, 4, 6)]:
        of_one = {"a": counts(received=10**last, stored=10**last)}
        await write(store, entry(first, last, 1, of_one, epoch=epoch))
    await write(store, entry(1, 1, 1, {"a": counts(received=7)}, partition=1))

    async def received(*until):
        found = await ledger(store, until=until)
        return sum(one["received"] for one in found.values())

    assert await received() == 10**5 + 10**9 + 10**3 + 10**6 + 7
    assert await received(Reached(LOGS, 0, 2, 3)) == 10**5 + 10**9 + 10**3 + 7
    assert await received(Reached(LOGS, 0, 1, 5), Reached(LOGS, 1)) == 10**5
    assert await received(Reached(Signal.TRACES, 0)) == await received()


async def test_the_newest_place_of_every_log_is_told(store):
    await write(store, group(LOGS, messages(LOGS, range(1, 4), "a")))
    await write(store, group(LOGS, messages(LOGS, range(1, 3), "a"), epoch=2))
    await write(store, group(Signal.TRACES, messages(Signal.TRACES, [7], "a"), partition=1))
    await write(store, group(LOGS, messages(LOGS, [1], "a"), partition=2))

    rows = (await ask(store, Positions(2))).to_pylist()

    assert sorted(map(tuple, (one.values() for one in rows))) == [
        ("logs", 0, 2, 2, "log"),
        ("traces", 1, 1, 7, "log"),
    ]


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (Positions(0), "partitions: 0 is not 1 to 256"),
        (Positions(2**40), "partitions: 1099511627776 is not 1 to 256"),
        (Ledger("a", 0, 100, 0, NOW, ()), "step_ns: 0 is not at least 1"),
    ],
)
async def test_what_has_no_bound_is_refused(store, plan, reason):
    with pytest.raises(Rejected, match=reason):
        await ask(store, plan)


@pytest.mark.parametrize("signal", Signal)
async def test_what_is_stored_is_expired_when_its_retention_is_over(signal):
    """Records lie on today's and yesterday's noon; the store may have removed the rows or not."""
    retention = RetentionConfig(
        traces=3600.5, logs=3600.5, metrics=3600.5, rules=[Rule(service="kept", keep=7200.0)]
    )
    async with rig("chdb", retention=retention) as chdb:
        posts = [(1, "a", message(signal, 1)), (2, "a", message(signal, 2, "kept"))]
        posts.append((3, "b", message(signal, 3)))
        one = group(signal, posts)
        await write(chdb.store, one)
        half = one.counts["a"].stored // 4

        async def expired(now):
            found = await ledger(chdb.store, end=2**63, step=2**63, now=now)
            ((_, told),) = found.items()
            assert told["stored"] == one.counts["a"].stored
            return told.get("expired", 0)

        assert await expired(NOW - DAY_NS + HOUR_NS - 1) == 0
        assert await expired(NOW - DAY_NS + HOUR_NS) == half
        assert await expired(NOW - DAY_NS + 2 * HOUR_NS) == 2 * half
        assert await expired(NOW + HOUR_NS) == 3 * half
        assert await expired(NOW + 2 * HOUR_NS) == 4 * half


async def test_records_of_older_versions_are_read():
    async with rig("chdb") as chdb:
        await chdb.sql(
            "INSERT INTO commits (signal, partition, epoch, first, last, first_stored_ns, "
            "last_stored_ns, committed_ns, log, counts) VALUES ('logs', 0, 1, 1, 2, 1, 2, 2, 'l', "
            "[('a', 5, 3, 0, 0, 0, 5)])"
        )

        assert await ledger(chdb.store) == {
            ("logs", 0): {"received": 5, "refused": 3, "stored": 5, "reasons": {}}
        }
        assert (await chdb.store.recover(LOGS, 0)).last == Commit(1, 1, 2, 1, 2, 2, "l")


numbers = some.integers(0, 2**40)
tallies = some.builds(
    Counts,
    *[numbers] * 6,
    reasons=some.dictionaries(some.sampled_from(Reason), some.integers(1, 2**40)).map(Counter),
)
records = some.tuples(
    some.sampled_from(Signal),
    some.integers(0, 60),
    some.dictionaries(some.sampled_from(("a", "b", "'; DROP TABLE commits; --")), tallies),
)


def test_all_backends_tell_the_same():
    with asyncio.Runner() as runner:
        opening = rig("chdb")
        chdb = runner.run(opening.__aenter__()).store

        @settings(LAWS, max_examples=12)
        @given(some.lists(records, max_size=6), some.integers(0, 30), some.integers(1, 40))
        def law(drawn, start, step):
            law.epoch += 1
            base = 100 * law.epoch

            async def both():
                async with rig("memory") as memory:
                    for number, (signal, at, of_tenants) in enumerate(drawn, 1):
                        for store in (memory.store, chdb):
                            told = entry(
                                number, number, base + at, of_tenants, signal=signal,
                                epoch=law.epoch,
                            )  # fmt: skip
                            await write(store, told)
                    for tenant in ("a", "b", "'; DROP TABLE commits; --"):
                        asked = {"start": base + start, "end": base + 70, "step": step}
                        expected = await ledger(memory.store, tenant, **asked)
                        assert await ledger(chdb, tenant, **asked) == expected

            runner.run(both())

        law.epoch = 0
        try:
            law()
        finally:
            runner.run(opening.__aexit__(None, None, None))


@pytest.mark.parametrize("kind", POINTS)
async def test_a_store_of_points_keeps_their_ledger(kind):
    refused = {Reason.TIME: 3, Reason.VALUE: 1}
    retention = RetentionConfig(metrics=3600.0)
    async with rig(kind, retention=retention) as one:
        await write(
            one.store,
            entry(1, 2, 5, {"a\x00": counts(received=9, refused=4, stored=9, reasons=refused)},
                  signal=Signal.METRICS),
            entry(3, 4, 9, {"a\x00": counts(refused=2, reasons={Reason.TIME: 2})},
                  signal=Signal.METRICS),
            entry(5, 5, 12, {"b": counts(received=1, stored=1)}, signal=Signal.METRICS),
        )  # fmt: skip
        points = group(Signal.METRICS, [(1, "c", message(Signal.METRICS, 1))], partition=1)
        await write(one.store, points)

        assert await ledger(one.store, "a\x00") == {
            ("metrics", 0): {
                "received": 9,
                "refused": 6,
                "stored": 9,
                "reasons": {"time": 5, "value": 1},
            }
        }
        until = (Reached(Signal.METRICS, 0, 1, 4),)
        assert await ledger(one.store, "b", until=until) == {}
        assert len(await ledger(one.store, "b")) == 1
        whole = {"start": 0, "end": 2**62, "step": 2**61}
        late = await ledger(one.store, "c", now=NOW + 2 * HOUR_NS, **whole)
        assert late["metrics", 0]["expired"] == late["metrics", 0]["stored"] == 10
        assert (await ledger(one.store, "c", **whole))["metrics", 0]["expired"] == 5
        places = (await ask(one.store, Positions(1))).to_pylist()
        assert places == [
            {"signal": "metrics", "partition": 0, "epoch": 1, "last": 5, "log": "log"}
        ]
