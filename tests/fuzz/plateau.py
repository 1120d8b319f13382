"""Whether what a process holds still grows: told by its floors, as peaks come and go."""

from collections.abc import Sequence
from itertools import pairwise

SEGMENTS = 3
LEAST = 40
"""Samples in the second half, below which nothing can be told."""


def growth(samples: Sequence[float]) -> float | None:
    """
    Return by how much the floor rose in the second half of samples at even steps; None: too few.

    The floor of a third of it is the least that was held there: what was merged away comes and goes
    in less time. What leaks raises every floor, so that the least step says by how much. What fills
    has filled by then, or takes a large step now and then, which is for the bounds.
    """
    half = samples[len(samples) // 2 :]
    if len(half) < LEAST:
        return None
    size = len(half) / SEGMENTS
    floors = [min(half[round(at * size) : round((at + 1) * size)]) for at in range(SEGMENTS)]
    return min(after - before for before, after in pairwise(floors)) * (SEGMENTS - 1)
