"""Thousands of schedules of the committer, each decided by a seed: `make sim` runs more of them."""

import os

import pytest
from structlog.testing import capture_logs

from tests.sim.run import Run
from tests.support.virtual import StuckError, run

ROUNDS = int(os.environ.get("ROUNDS", "400"))
SEED = int(os.environ.get("SEED", "1"))
SLICE = 100


def simulate(seed):
    async def one():
        simulated = Run(seed)
        try:
            await simulated.go()
            simulated.check()
        except (AssertionError, TimeoutError, StuckError) as error:
            happened = "; ".join(simulated.world.happened)
            pytest.fail(f"SEED={seed} ROUNDS=1: {error!r} after {happened}")

    with capture_logs():
        run(one(), 10**6)


@pytest.mark.parametrize("first", range(SEED, SEED + ROUNDS, SLICE))
def test_every_schedule_keeps_the_promise(first):
    for seed in range(first, min(first + SLICE, SEED + ROUNDS)):
        simulate(seed)
