"""Every query backend tells the same of metrics over time."""

import asyncio
import math
from dataclasses import replace
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from otlp.codec.request import REQUESTS
from pipeline.errors import Rejected
from pipeline.plan import (
    AttributeField,
    Column,
    Compare,
    Level,
    Measure,
    Not,
    Operator,
    Range,
    Series,
)
from pipeline.signal import Signal
from query.cache.backend import CachedBackend
from query.cache.config import CacheConfig
from query.cache.memory import MemoryCache
from query.cache.meters import CacheMeters
from storage.compile import series_ranges
from storage.timescale.upkeep import Upkeep
from tests.support.metric_history import BEGIN, METRICS, SECOND, request
from tests.support.stores import NOW, around, ask, group, remote, rig, write

ENGINES = ("chdb", "postgres", "timescale")


@pytest.fixture(scope="module")
def stores():
    with asyncio.Runner() as runner:
        rigs = {kind: rig(kind) for kind in ("memory", *ENGINES)}
        opened = {kind: runner.run(one.__aenter__()).store for kind, one in rigs.items()}
        random = Random(3)
        posts = [
            (at + 1, "ab"[at == 7], request(random, ("api", "web")[at % 2], f"h{at % 3}", 40))
            for at in range(8)
        ]
        for store in opened.values():
            runner.run(
                write(store, group(Signal.METRICS, posts[:3]), group(Signal.METRICS, posts[3:]))
            )
        yield runner, opened
        for one in rigs.values():
            runner.run(one.__aexit__(None, None, None))


def named(name):
    return Compare(Column("metric_name"), Operator.EQUAL, name)


def over(name, measure, **changes):
    whole = Range(
        "a", BEGIN, BEGIN + 900 * SECOND, 60 * SECOND, 300 * SECOND, named(name), measure, 0.9,
        (AttributeField("host"),), 10_000,
    )  # fmt: skip
    return replace(whole, **changes)


def answers(stores, plan, without=""):
    runner, opened = stores
    asked = {kind: store for kind, store in opened.items() if kind != without}
    return {kind: runner.run(ask(store, plan)).to_pylist() for kind, store in asked.items()}


def same(stores, plan, without=""):
    """Return the answer of every store, which is one: values but for how sums are rounded."""
    found = answers(stores, plan, without)
    expected = found.pop("memory")
    for kind, rows in found.items():
        places = [[(one["labels"], one["time"]) for one in each] for each in (rows, expected)]
        assert places[0] == places[1], (kind, plan)
        for one, other in zip(rows, expected, strict=True):
            assert math.isclose(one["value"], other["value"], rel_tol=1e-9, abs_tol=1e-9), (
                kind,
                plan,
            )
    return expected


REFUSED = {
    "gauge": {Measure.RATE, Measure.INCREASE, Measure.QUANTILE},
    "sum": {Measure.QUANTILE},
    "summary": {Measure.QUANTILE, Measure.MIN, Measure.MAX},
}


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kind, *_ in METRICS])
def test_a_measure_of_a_metric_is_the_same_everywhere(stores, name, kind, measure):
    if measure in REFUSED.get(kind, ()):
        runner, opened = stores
        for store in opened.values():
            with pytest.raises(Rejected, match=f"{measure} of {name}"):
                runner.run(ask(store, over(name, measure)))
        return
    # PostgreSQL and TimescaleDB are one engine, so each is asked half of the measures.
    without = ENGINES[1 + list(Measure).index(measure) % 2]
    assert len(same(stores, over(name, measure), without)) >= 15


@pytest.mark.parametrize(
    "changes",
    [
        {"step_ns": 7 * SECOND},
        {"step_ns": 3600 * SECOND},
        {"step_ns": 601 * SECOND, "lookback_ns": 0},
        {"start_ns": BEGIN + 123 * SECOND + 1, "lookback_ns": 1000 * SECOND},
        {"by": ()},
        {"by": (Column("service_name"), AttributeField("zone", Level.RESOURCE))},
        {"by": (AttributeField("host", Level.SCOPE), Column("scope_name"), Column("metric_unit"))},
        {"where": None, "measure": Measure.COUNT},
        {
            "where": Not(Compare(AttributeField("host"), Operator.EQUAL, "h1")),
            "measure": Measure.COUNT,
        },
        {"where": Compare(Column("metric_name"), Operator.GREATER, "z")},
        {"tenant": "b"},
        {"tenant": "nobody"},
        {"limit": 3},
    ],
)
@pytest.mark.parametrize("name", ["requests", "latency"])
def test_steps_labels_and_conditions_mean_the_same_everywhere(stores, name, changes):
    plan = over(name, **{"measure": Measure.INCREASE, **changes})
    found = same(stores, plan, ENGINES[1 + (name == "latency")])  # as above

    assert found or "nobody" in changes.values() or changes.get("where")


def test_what_grew_in_the_steps_is_what_grew_in_the_range(stores):
    for name in ("requests", "requests.delta", "queue", "latency", "size", "rpc"):
        fine, coarse = (
            same(stores, over(name, Measure.INCREASE, step_ns=step * SECOND, by=()))
            for step in (30, 900)
        )
        assert math.isclose(sum(one["value"] for one in fine), coarse[0]["value"]), name


def test_series_are_the_same_everywhere(stores):
    for where in (None, named("level"), Compare(AttributeField("host"), Operator.EQUAL, "h0")):
        for limit in (3, 500):
            found = answers(stores, Series("a", where, limit))
            assert all(rows == found["memory"] for rows in found.values())
            assert found["memory"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"where": Compare(Column("value"), Operator.GREATER, 5)}, "value belongs to points"),
        ({"where": Compare(Column("no"), Operator.EQUAL, "x")}, "have no column no"),
        ({"quantile": 1.5}, "between 0 and 1"),
        ({"step_ns": 0}, "steps of at least"),
        ({"by": (Column("(SELECT 1)"),)}, "no column '.SELECT 1.' that holds text"),
        ({"end_ns": 2**64}, "2262"),
    ],
)
def test_what_has_no_answer_is_refused_everywhere(stores, changes, reason):
    runner, opened = stores
    for store in opened.values():
        with pytest.raises(Rejected, match=reason):
            runner.run(ask(store, over("latency", Measure.QUANTILE, **changes)))


@pytest.fixture(scope="module")
def elsewhere(stores):
    """PostgreSQL as a query role asks it: over gRPC, and through its cache."""
    runner, opened = stores
    asking = remote(opened["postgres"])
    far = runner.run(asking.__aenter__())
    meters = CacheMeters(CollectorRegistry())
    cached = CachedBackend(far, MemoryCache(2**20, 60.0), CacheConfig(worth=0.0), meters)
    yield runner, {"memory": opened["memory"], "remote": far, "cached": cached}
    runner.run(asking.__aexit__(None, None, None))


def test_ranges_and_series_are_the_same_from_another_process_and_through_a_cache(elsewhere):
    for name, measure in (
        ("requests", Measure.RATE),
        ("latency", Measure.QUANTILE),
        ("size", Measure.QUANTILE),
        ("rpc", Measure.AVG),
    ):
        for _ in range(2):
            assert len(same(elsewhere, over(name, measure))) >= 15
    for _ in range(2):
        found = answers(elsewhere, Series("a", named("requests"), 10))
        assert found["memory"]
        assert all(rows == found["memory"] for rows in found.values())
    runner, opened = elsewhere
    for store in opened.values():
        with pytest.raises(Rejected, match="rate of level"):
            runner.run(ask(store, over("level", Measure.RATE)))


def test_a_late_point_is_in_what_was_asked_before_through_a_cache(stores, elsewhere):
    runner, opened = stores
    plan = over("requests", Measure.COUNT, tenant="late", by=())
    before = 0.0
    for sequence in (1, 2):
        posts = [(sequence, "late", request(Random(sequence), "api", "h", 40))]
        for kind in ("memory", "postgres"):
            runner.run(write(opened[kind], group(Signal.METRICS, posts, partition=7)))
        counted = sum(one["value"] for one in same(elsewhere, plan))
        assert counted > before
        before = counted


async def test_long_ranges_read_hours_that_are_added_up_unless_a_late_point_changed_them(
    monkeypatch,
):
    asked = []
    hours = series_ranges.hours
    monkeypatch.setattr(series_ranges, "hours", lambda *given: asked.append(1) or hours(*given))
    hour = 3600 * SECOND
    begin = NOW // hour * hour - 72 * hour

    def warmth(sequence, start, count):
        whole = REQUESTS[Signal.METRICS]()
        scope = around(whole.resource_metrics, "api").scope_metrics.add()
        points = scope.metrics.add(name="warmth").gauge.data_points
        for at in range(count):
            points.add(time_unix_nano=start + at * 600 * SECOND, as_double=at % 7 / 10)
        return group(Signal.METRICS, [(sequence, "a", whole)])

    async with rig("timescale", fresh=True) as one, rig("memory") as memory:

        async def told():
            plan = over("warmth", Measure.AVG, start_ns=begin, step_ns=6 * hour, by=())
            plan = replace(plan, end_ns=begin + 71 * hour + 5)
            found = [(await ask(store, plan)).to_pylist() for store in (memory.store, one.store)]
            for mine, other in zip(*found, strict=True):
                assert math.isclose(mine["value"], other["value"], rel_tol=1e-9)
            return len(asked)

        async def commit(posts):
            for store in (memory.store, one.store):
                await write(store, posts)

        await commit(warmth(1, begin, 400))
        assert await told() == 1  # nothing is added up yet: the view reads points
        upkeep = Upkeep(
            one.store._tidying, one.config.metrics.server(), one.config, one.can, lambda: NOW
        )
        await upkeep.run()
        assert await told() == 2
        await commit(warmth(2, begin + hour, 3))
        assert await told() == 2
        await upkeep.run()
        assert await told() == 3
