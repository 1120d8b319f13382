"""How a sampler decides: what it was configured to, without a look at any signal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from pipeline.processors.arrays import Bits, Mask, Numbers
from pipeline.processors.threshold import (
    ALWAYS,
    NEVER,
    PROBABILITY_MIN,
    from_probability,
    to_probability,
)

Decide: TypeAlias = Callable[[int | None], int]
"""From the threshold that a record carries to the one that it has to reach."""

BUCKETS: Final = 1 << 14
_BUCKET_BITS: Final = 56 - 14


@dataclass(frozen=True, slots=True)
class Policy:
    """What spans and logs share."""

    decide: Decide
    never: bool
    """No record passes but by priority or by failing open; randomness does not matter."""
    hashes: bool
    """Randomness is hashed, and written into the record for samplers downstream."""
    seed: int
    precision: int
    failed: int
    """The threshold of records whose sampling information is broken or missing."""
    from_trace_id: bool = True
    from_attribute: str = ""
    priority: str = ""

    def decisions(self, carried: Bits, has: Mask) -> Bits:
        """Return the threshold for each record; one decision per distinct threshold carried."""
        decided: Bits = np.full(len(carried), self.decide(None), dtype=np.uint64)
        if has.any():
            distinct, which = np.unique(carried[has], return_inverse=True)
            decided[has] = bits([self.decide(int(one)) for one in distinct])[which]
        return decided


def bits(thresholds: list[int]) -> Bits:
    """Return numbers of 56 bits as an array."""
    return np.array(thresholds, dtype=np.uint64)


def never() -> Decide:
    """Let nothing pass."""
    return lambda _: NEVER


def hashed(percentage: float) -> Decide:
    """Let a percentage of the hash buckets pass, rounded down as the Collector does."""
    threshold = (BUCKETS - buckets(percentage)) << _BUCKET_BITS
    return lambda _: threshold


def buckets(percentage: float) -> int:
    """Return how many of the hash buckets pass: in 32-bit arithmetic, as in the Collector."""
    return int(np.float32(min(percentage, 100)) * np.float32(BUCKETS / 100))


def equalizing(percentage: float, precision: int) -> Decide:
    """Sample down to a percentage; what was sampled further passes as it is."""
    threshold = _threshold(_ratio(percentage), precision)
    return lambda carried: max(carried or ALWAYS, threshold)


def proportional(percentage: float, precision: int) -> Decide:
    """Let a percentage of what comes pass, however far it was sampled before."""
    ratio = _ratio(percentage)

    def decide(carried: int | None) -> int:
        before = 1.0 if carried is None else to_probability(carried)
        return _threshold(before * ratio, precision)

    return decide


def _ratio(percentage: float) -> float:
    return max(float(np.float32(min(percentage, 100))) / 100, PROBABILITY_MIN)


def _threshold(probability: float, precision: int) -> int:
    threshold = from_probability(probability, precision)
    return NEVER if threshold is None else threshold  # less than 56 bits can tell from none


def which(codes: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """Return the distinct codes below `size`, and for each place which of them it has."""
    distinct = np.flatnonzero(np.bincount(codes, minlength=size))
    number = np.zeros(size, dtype=np.int32)
    number[distinct] = np.arange(len(distinct), dtype=np.int32)
    return distinct, number[codes]
