"""What leaks is told from what fills, and from what comes and goes."""

import os
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.aftermath import GROWTH
from tests.fuzz.plateau import growth
from tests.fuzz.watch import holds

REQUESTS = 80_000
LOOKS = 100
CHILD = """
import sys
from random import Random
chance, kept, cache = Random(1), [], []
for number, line in enumerate(sys.stdin):
    for _ in range({requests}):
        if {leaks}:
            kept.append(b"x" * (1024 - number % 9))
    if len(cache) < 48:
        cache.append(b"x" * 2**20)  # it fills to its bound
    peak = b"x" * chance.randrange(2**25)  # what a moment needs
    if number % 3:
        del peak
    print(flush=True)
"""


@pytest.mark.parametrize(("leaks", "told"), [(True, True), (False, False)])
def test_a_process_that_keeps_one_kib_a_request_is_told_from_one_that_fills(leaks, told):
    code = CHILD.format(requests=REQUESTS // LOOKS, leaks=leaks)
    samples = []
    # What was a peak's goes back, as most of it does of Aura: else a leak fills it first.
    given = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**17)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], env=given, **pipes) as child:
        for _ in range(LOOKS):
            print(file=child.stdin, flush=True)
            child.stdout.readline()
            samples.append(holds(child.pid).anonymous_mib)
        child.stdin.close()

    rose = growth(samples)

    assert rose is not None
    assert (rose > GROWTH["anonymous_mib"]) is told, (rose, samples)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(80, 1200),
    st.integers(0, 2**32),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 200)), max_size=1),
)
def test_a_leak_is_told_through_noise_and_a_step_and_these_alone_are_none(count, seed, steps):
    chance, leak = Random(seed), 2 * GROWTH["anonymous_mib"] + 20

    def sample(at, leaked):
        filled = sum(mib for start, mib in steps if at >= start)
        return 300 + filled + chance.uniform(0, 4) + leaked * 2 * at

    even = [at / count for at in range(count)]

    assert growth([sample(at, 0) for at in even]) < GROWTH["anonymous_mib"]
    assert growth([sample(at, leak) for at in even]) > GROWTH["anonymous_mib"]


def test_a_short_look_tells_nothing():
    assert growth([1.0] * 78) is None
