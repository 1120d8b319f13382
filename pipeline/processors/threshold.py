"""Thresholds of consistent sampling (OTEP 235): 56 bits that randomness has to reach."""

import math
import re
from typing import Final

BITS: Final = 56
DIGITS: Final = 14
ALWAYS: Final = 0
NEVER: Final = 1 << BITS
"""Above every randomness; it has no text, because nothing that was kept can carry it."""
RANDOMNESS_MAX: Final = NEVER - 1
PROBABILITY_MIN: Final = 1 / NEVER

_HEXADECIMAL: Final = re.compile(f"[0-9a-fA-F]{{1,{DIGITS}}}")


def from_probability(probability: float, precision: int) -> int | None:
    """
    Return the threshold of a probability in so many hexadecimal digits; None out of range.

    Digits that are all `0` or all `f` at its start do not count, so that the relative error stays
    small near both ends.
    """
    if not PROBABILITY_MIN <= probability <= 1:
        return None
    if probability == 1:
        return ALWAYS
    _, kept = math.frexp(probability)
    _, rejected = math.frexp(1 - probability)
    precision = min(DIGITS, precision + max(0, -kept // 4, -rejected // 4))
    threshold = NEVER - int(probability * NEVER + 0.5)
    if shift := 4 * (DIGITS - precision):
        threshold = (threshold + (1 << (shift - 1))) >> shift << shift
    return threshold


def to_probability(threshold: int) -> float:
    """Return the probability that a threshold stands for."""
    return (NEVER - threshold) / NEVER


def to_text(threshold: int) -> str:
    """Return the hexadecimal text of a threshold, without the zeros at its end."""
    return f"{threshold:0{DIGITS}x}".rstrip("0") or "0"


def from_text(text: str) -> int | None:
    """Read the text of a threshold; None when it is none."""
    if not _HEXADECIMAL.fullmatch(text):
        return None
    return int(text.ljust(DIGITS, "0"), 16)


def randomness_from_text(text: str) -> int | None:
    """Read 56 bits of randomness: 14 digits, no fewer; None when it is none."""
    return int(text, 16) if len(text) == DIGITS and _HEXADECIMAL.fullmatch(text) else None
