"""The engine's bounds."""

import asyncio

import pytest

from pipeline.errors import Overloaded, Rejected, Unavailable
from pipeline.plan import Records, Trace, Traces
from pipeline.signal import Signal
from query.config import Config, Limits
from query.engine import Engine
from query.keys import KEPT_MAX, KEPT_S
from query.language.parse import parse
from query.wrong import Wrong
from tests.support.sample_rows import SampleRows, log, span

LOGS = [log("api", time, f"message {time}") for time in range(1, 8)]


def records(limit=3, start_ns=0, end_ns=100):
    return Records(Signal.LOGS, "default", start_ns, end_ns, None, limit)


@pytest.mark.parametrize(
    ("limit", "rows", "truncated"), [(6, 6, True), (7, 7, False), (8, 7, False)]
)
async def test_an_answer_tells_whether_the_limit_cut_it(limit, rows, truncated):
    answer = await Engine(SampleRows({Signal.LOGS: LOGS}), Limits()).run(records(limit))

    assert (answer.rows.num_rows, answer.truncated) == (rows, truncated)
    assert answer.rows["time"].to_pylist() == list(range(7, 7 - rows, -1))


@pytest.mark.parametrize(
    "plan",
    [
        records(limit=0),
        records(limit=10_001),
        records(start_ns=100),
        Traces("default", 5, 4, None, 1),
        Trace("default", b"\1" * 16, 10_001),
    ],
)
async def test_plans_out_of_bounds_do_not_run(plan):
    backend = SampleRows()

    with pytest.raises(Wrong):
        await Engine(backend, Limits()).run(plan)
    assert backend.plans == []


async def test_a_trace_has_its_own_limit():
    spans = [span("api", time, trace_id=b"\1" * 16) for time in range(5)]
    engine = Engine(SampleRows({Signal.TRACES: spans}), Limits(rows=1, rows_max=1))

    assert (await engine.run(Trace("default", b"\1" * 16, 4))).truncated


async def test_too_large_an_answer_is_refused_and_ends_the_query():
    backend = SampleRows({Signal.LOGS: LOGS})

    with pytest.raises(Rejected, match="larger than 10 bytes"):
        await Engine(backend, Limits(answer_bytes_max=10)).run(records())
    assert backend.closed == 1


class Stuck(SampleRows):
    def __init__(self):
        super().__init__()
        self.started = asyncio.Event()

    async def run(self, asked, cost=None):
        self.plans.append(asked)
        self.started.set()
        try:
            await asyncio.Event().wait()
            yield self._answer(asked)
        finally:
            self.closed += 1


async def test_too_slow_a_query_is_refused_and_ends_the_query():
    backend = Stuck()

    with pytest.raises(Rejected, match=r"no answer within 0\.001 s"):
        await Engine(backend, Limits(timeout=0.001)).run(records())
    assert backend.closed == 1


async def test_cancelling_ends_the_query_and_makes_room():
    backend = Stuck()
    engine = Engine(backend, Limits(concurrent_max=1))
    running = asyncio.create_task(engine.run(records()))
    await backend.started.wait()

    with pytest.raises(Overloaded, match="no room for another question"):
        await engine.run(records())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert backend.closed == 1
    with pytest.raises(Wrong):
        await engine.run(records(limit=0))


async def test_keys_are_asked_for_again_after_a_while():
    now = [0.0]
    backend = SampleRows({Signal.LOGS: [log("api", 1, attributes={"k": "x"})]})
    engine = Engine(backend, Limits(), clock=lambda: now[0])
    asked = []
    for at in (0.0, KEPT_S - 1, KEPT_S, KEPT_S + 1):
        now[0] = at
        assert (await engine.check(parse("k=x"), Signal.LOGS, "a")).warnings == ()
        asked.append(backend.keys_asked)

    assert asked == [1, 1, 2, 2]


async def test_the_keys_that_are_kept_are_bounded():
    backend = SampleRows()
    engine = Engine(backend, Limits())
    for number in (*range(KEPT_MAX), 0):
        await engine.check(parse(f"k{number}=x"), Signal.LOGS, f"t{number}")

    assert backend.keys_asked == 2 * KEPT_MAX + 2


async def test_what_asks_for_no_attribute_asks_for_no_keys():
    backend = SampleRows()

    await Engine(backend, Limits()).check(parse("level=ERROR timeout"), Signal.LOGS, "a")

    assert backend.keys_asked == 0


async def test_verdicts_of_the_backend_pass():
    backend = SampleRows()
    backend.error = Unavailable("the engine is gone", retry_s=7)
    engine = Engine(backend, Limits(concurrent_max=1))

    for _ in range(2):
        with pytest.raises(Unavailable, match="gone"):
            await engine.run(records())


def test_settings_are_read_as_people_write_them():
    config = Config.model_validate(
        {"limits": {"range": "15m", "timeout": "500ms", "answer_bytes_max": "64MB"}}
    )

    assert config.listen == "127.0.0.1:8081"
    assert (config.limits.range, config.limits.timeout) == (900.0, 0.5)
    assert config.limits.answer_bytes_max == 64_000_000


@pytest.mark.parametrize(
    "settings", [{"limit": {}}, {"limits": {"rows": 0}}, {"limits": {"rows": 20_000}}]
)
def test_wrong_settings_are_refused(settings):
    with pytest.raises(ValueError, match="limit"):
        Config.model_validate(settings)
