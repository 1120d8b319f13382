"""How many examples of a law are drawn: `make laws` draws more than `make test` has time for."""

import os

TIMES = int(os.environ.get("LAWS", "1"))


def examples(number: int) -> int:
    """Return how many to draw, where `number` fit into the time that all tests have."""
    return number * TIMES
