"""
What to start from: `python -m tests.native.corpus FOLDER` writes it.

Files are named by kind and signal: requests on the wire, as OTLP/JSON and as plain JSON, and what
the readers of JSON are told of them.
"""

import sys
from pathlib import Path
from random import Random

from otlp.codec import grammar, vocabulary
from otlp.codec.request import NUMBERS, REQUESTS
from pipeline.signal import Signal
from tests.bench import templates
from tests.support.json_styles import Style
from tests.support.otlp_strategies import Case
from tests.support.plain_records import Sender

SEEDS = 60


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for signal in Signal:
        number = NUMBERS[signal]
        for seed in range(SEEDS):
            request = Case(signal, seed, 1 + seed % 4, faults=seed % 5 == 0).request()
            sender = Sender(Random(seed), signal, oddly=seed % 2 == 0)
            (folder / f"wire-{number}-{seed}").write_bytes(request.SerializeToString())
            (folder / f"otlp-{number}-{seed}").write_bytes(Style(Random(seed)).body(request))
            (folder / f"plain-{number}-{seed}").write_bytes(sender.body())
        usual = templates.request(signal, 1, 8)
        (folder / f"wire-{number}-usual").write_bytes(usual)
        body = Style(Random(0)).body(REQUESTS[signal].FromString(usual))
        (folder / f"otlp-{number}-usual").write_bytes(body)
        (folder / f"grammar-{number}").write_text(grammar.text(signal))
        (folder / f"vocabulary-{number}").write_text(vocabulary.text(signal))


if __name__ == "__main__":
    main()
