"""`make faults`: ROUNDS= (200), MINUTES= (60), SEED= (printed), ROUND= (one alone)."""

import os
import sys

from tests.faults.campaign import rounds, seeded

FAILURES_MAX = 5


def main() -> int:
    """Play the rounds, a line each; return 1 when one failed."""
    seed = seeded()
    alone = os.environ.get("ROUND")
    first = int(alone or 0)
    last = first + (1 if alone else int(os.environ.get("ROUNDS") or 200))
    seconds = 60 * float(os.environ.get("MINUTES") or 60)
    print(f"seed {seed}", flush=True)
    played = failed = lost = doubled = 0
    for tale in rounds(seed, range(first, last), seconds):
        print(tale, flush=True)
        played += 1
        lost, doubled = lost + tale.lost, doubled + tale.doubled
        failed += bool(tale.wrong)
        if failed == FAILURES_MAX:
            break
    print(f"rounds {played}, failed {failed}, lost {lost}, doubled {doubled}, seed {seed}")
    return 1 if failed or not played else 0


if __name__ == "__main__":
    sys.exit(main())
