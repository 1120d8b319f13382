"""What a tenant may ask for, and what it is told when it has asked for too much."""

import asyncio

import pytest

from pipeline.errors import Overloaded
from pipeline.plan import Records
from pipeline.ports import Cost
from pipeline.signal import Signal
from query.config import Limits
from query.engine import Engine
from query.tenants import Tenants
from tests.support.sample_rows import SampleRows, log


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


def spend(tenants, tenant, **figures):
    cost = Cost()
    with tenants.admit(tenant, cost):
        for name, figure in figures.items():
            setattr(cost, name, figure)


@pytest.mark.parametrize(
    ("figures", "setting"),
    [
        ({"rows": 700}, "tenant_rows_per_minute"),
        ({"bytes": 7000}, "tenant_bytes_per_minute"),
        ({"engine_ns": 7 * 10**9}, "tenant_time_per_minute"),
    ],
)
def test_an_allowance_that_is_used_up_says_when_to_come_again(clock, figures, setting):
    limits = Limits(
        tenant_rows_per_minute=600, tenant_bytes_per_minute=6000, tenant_time_per_minute=6
    )
    tenants = Tenants(limits, clock)
    spend(tenants, "a", **{name: figure // 2 for name, figure in figures.items()})
    spend(tenants, "a", **{name: figure // 2 + 1 for name, figure in figures.items()})

    with pytest.raises(Overloaded, match=rf"query\.limits\.{setting}.* wait \d+ s; narrow") as told:
        spend(tenants, "a")
    spend(tenants, "b")
    clock.now_s += told.value.retry_s - 10
    with pytest.raises(Overloaded):
        spend(tenants, "a")
    clock.now_s += 11
    spend(tenants, "a")


def test_what_failed_is_charged_too(clock):
    tenants = Tenants(Limits(tenant_rows_per_minute=10), clock)

    def fails():
        cost = Cost()
        with tenants.admit("a", cost):
            cost.rows = 11
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    with pytest.raises(Overloaded, match="more rows than"):
        spend(tenants, "a")


def test_tenants_that_ask_for_nothing_are_forgotten(clock):
    tenants = Tenants(Limits(), clock)
    for number in range(100):
        spend(tenants, f"t{number}", rows=10**6)
        clock.now_s += 60.0

    assert len(tenants._accounts) <= 2


async def test_a_tenant_runs_so_many_questions_at_once_and_others_run_theirs():
    class Slow(SampleRows):
        gate = asyncio.Event()

        async def run(self, asked, cost=None):
            await self.gate.wait()
            yield self._answer(asked)

    backend = Slow({Signal.LOGS: [log("api", 1)]})
    engine = Engine(backend, Limits(tenant_concurrent_max=2))

    def asked(tenant):
        return engine.run(Records(Signal.LOGS, tenant, 0, 9, None, 1))

    running = [asyncio.create_task(asked("a")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match=r"2 questions .*query\.limits\.tenant_concurrent_max"):
        await asked("a")
    other = asyncio.create_task(asked("b"))
    await asyncio.sleep(0)
    backend.gate.set()

    assert [one.rows.num_rows for one in await asyncio.gather(*running, other)] == [1, 1, 1]
    await asked("a")
