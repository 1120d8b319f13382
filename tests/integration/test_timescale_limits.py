"""What bounds a question to PostgreSQL: time, rows, bytes, and whether anybody still waits."""

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import pytest

from pipeline.errors import Rejected
from pipeline.plan import Column, Compare, Measure, Operator, Range, Series
from pipeline.signal import Signal
from storage.compile import series_ranges
from storage.compile.series_condition import Found
from storage.compile.timescale import Statement
from storage.timescale.verdicts import asking
from tests.support.postgres.rig import WAITING, kept_from
from tests.support.stores import CONFIG, NOW, ask, everything, group, message, rig, write

SLEEPING = """SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'aura reading' AND wait_event = 'PgSleep'"""
COUNTED = Range("a", NOW - 60, NOW + 60, 10, 0, None, Measure.COUNT, 0.5, (), 1000)


@asynccontextmanager
async def some(number=3, size=1, **limits):
    """A store with points of tenant a, whose questions are bounded."""
    async with rig("postgres", **limits) as one:
        service = "x" * size
        posts = [(at + 1, "a", message(Signal.METRICS, at, service)) for at in range(number)]
        await write(one.store, group(Signal.METRICS, posts))
        yield one


async def count(one, wanted):
    async with asyncio.timeout(20):
        while await one.sql(WAITING) != [(wanted,)]:  # noqa: ASYNC110 - a poll
            await asyncio.sleep(0.01)


async def test_a_statement_that_takes_too_long_is_ended_and_named():
    async with some(query_time_max=0.3) as one:
        async with kept_from(one, "series"):
            for plan in (everything(Signal.METRICS, "a"), COUNTED):
                with pytest.raises(
                    Rejected, match=r"too long, more than 0\.3 s \(storage\.query_time_max\): narr"
                ):
                    await ask(one.store, plan)
            await count(one, 0)
        assert len(await ask(one.store, everything(Signal.METRICS, "a"))) == 30


async def test_the_statements_of_a_question_have_one_deadline(monkeypatch):
    """Each would be in time: it is their sum that is not."""
    series = series_ranges.series

    def slow(*given):
        asked = series(*given)
        sql = f"WITH slept AS (SELECT pg_sleep(0.7)) SELECT s.* FROM slept, ({asked.sql}) AS s"
        return Statement(sql, asked.parameters)

    monkeypatch.setattr(series_ranges, "series", slow)
    monkeypatch.setattr(
        series_ranges,
        "points",
        lambda *_: Statement("SELECT 1::int8, 1::int8, 1, 1, 1, 1 FROM pg_sleep(0.7)"),
    )
    async with some(query_time_max=1.0) as one:
        with pytest.raises(Rejected, match=r"it took too long, more than 1 s"):
            await ask(one.store, COUNTED)
        assert await one.sql(SLEEPING) == [(0,)]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("query_rows_max", r"too many rows, more than 10 \(storage\.query_rows_max\): narrow"),
        ("query_bytes_max", r"too many bytes, more than 10 \(storage\.query_bytes_max\): narrow"),
        ("query_memory_bytes_max", r"too large, more than 10 bytes \(storage\.query_memory_by"),
    ],
)
async def test_what_fetches_too_much_names_the_setting_and_how_to_narrow(limit, said):
    async with some(**{limit: 10}) as one:
        for plan in (everything(Signal.METRICS, "a"), COUNTED):
            with pytest.raises(Rejected, match=said):
                await ask(one.store, plan)


async def test_an_answer_is_given_up_once_it_is_too_large_and_not_when_all_of_it_is_there():
    fetched = []
    async with some(30, 500_000, query_memory_bytes_max=20_000_000) as one:
        one.store._reader._limits = Watched(one.store._limits, fetched)
        with pytest.raises(Rejected, match="too large, more than 20000000 bytes"):
            await ask(one.store, everything(Signal.METRICS, "a"))
    assert len(fetched) == 1, "300 points of half a megabyte each, 100 at once"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (asyncpg.QueryCanceledError("timeout"), r"more than 60 s \(storage\.query_time_max\)"),
        (asyncpg.OutOfMemoryError("out of memory"), "more memory than the server has"),
        (asyncpg.ConfigurationLimitExceededError("temporary file size"), "temp_file_limit"),
        (asyncpg.StatementTooComplexError("stack depth"), "too many conditions"),
    ],
)
def test_what_the_server_itself_bounds_is_no_failure_of_the_store(error, said):
    narrow = "narrow the time range or name a metric"
    with pytest.raises(Rejected, match=rf"{said}.*: {narrow}"), asking(CONFIG.limits()):
        raise error


class Watched(dict[str, float]):
    """Limits that tell how often they were looked at."""

    def __init__(self, limits, looked):
        super().__init__(limits)
        self._looked = looked

    def __getitem__(self, name):
        if name == "query_rows_max":
            self._looked.append(name)
        return super().__getitem__(name)


async def test_a_metric_is_looked_up_by_how_its_name_begins_and_found_by_all_of_it():
    names = ["é" * 5000 + end for end in ("a", "b")]
    async with rig("postgres") as one:
        for number, name in enumerate(names, 1):
            sent = message(Signal.METRICS, number)
            for metric in sent.resource_metrics[0].scope_metrics[0].metrics:
                metric.name = name
            posts = [(number, "a", sent)]
            await write(one.store, group(Signal.METRICS, posts, partition=number))
        plan = Series("a", Compare(Column("metric_name"), Operator.EQUAL, names[1]), 10)
        assert set((await ask(one.store, plan))["metric_name"].to_pylist()) == {names[1]}

        asked = series_ranges.series(plan, Found(), 10)
        async with one.connection() as connection:
            await connection.execute("SET LOCAL enable_seqscan = off")
            lines = await connection.fetch(f"EXPLAIN {asked.sql}", *asked.parameters)
        assert any("series_metric_name" in line[0] for line in lines)
