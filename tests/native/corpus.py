"""Requests to start from: `python -m tests.native.corpus FOLDER` writes them, named by signal."""

import sys
from pathlib import Path

from otlp.codec.request import NUMBERS
from pipeline.signal import Signal
from tests.bench import templates
from tests.support.otlp_strategies import Case

SEEDS = 60


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for signal in Signal:
        for seed in range(SEEDS):
            request = Case(signal, seed, 1 + seed % 4, faults=seed % 5 == 0).request()
            path = folder / f"{NUMBERS[signal]}-{seed}"
            path.write_bytes(request.SerializeToString())
        (folder / f"{NUMBERS[signal]}-usual").write_bytes(templates.request(signal, 1, 8))


if __name__ == "__main__":
    main()
