"""Random values that are likely to be at somebody's edge."""

from random import Random

INTEGERS = (
    *(sign * 2**power + step for power in (0, 7, 8, 15, 16, 31, 32, 53, 63, 64)
      for step in (-1, 0, 1) for sign in (1, -1)),
    10**18, 1_790_000_000, 1_790_000_000_000_000_000, 10**30,
)  # fmt: skip
DOUBLES = (0.0, -0.0, 1e-320, 1e308, -1e308, 0.1, float("inf"), float("-inf"), float("nan"))
CHARACTERS = (
    "a", "Z", "7", " ", "\0", "\n", "\r", "\t", '"', "'", "`", "\\", "/", "%", "{", "[", "<", "&",
    "\x7f", "\x85", "é", "ß", "\u2028", "\ufeff", "\uffff", "👍", "\U0010ffff", ".", "*", "=", ";",
)  # fmt: skip


def integer(chance: Random, low: int = -(2**64) - 1, high: int = 10**30) -> int:
    """Return an integer of the range, mostly at an edge."""
    at_edges = [number for number in INTEGERS if low <= number <= high]
    return chance.choice(at_edges) if chance.random() < 0.8 else chance.randint(low, high)


def text(chance: Random, longest: int = 24) -> str:
    """Return text that may hold anything but halves of surrogate pairs."""
    if chance.random() < 0.02:
        return chance.choice(CHARACTERS) * chance.choice((300, 70_000))
    return "".join(chance.choice(CHARACTERS) for _ in range(chance.randint(0, longest)))


def name(chance: Random) -> str:
    """Return a usual key, or any text."""
    usual = ("service.name", "http.route", "user.id", "k8s.pod.name", "label", "a", "")
    return chance.choice(usual) if chance.random() < 0.7 else text(chance)


def noise(chance: Random, longest: int = 64) -> bytes:
    """Return bytes of any kind."""
    return chance.randbytes(chance.randint(0, longest))
