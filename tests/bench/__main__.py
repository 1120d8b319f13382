"""`make bench`: what Aura costs, stage by stage and beside others, in one run.

CPU-seconds per million records: of the whole path beside the bare insert of the same rows, of what
comes before the store beside other receivers, of the codec beside protobuf. Aura and nats-server
are counted, the sender is not. `--records` for each signal: 500,000 by default, which tells where
to look; 5,000,000 tell what is true, as merges come at that scale.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from pipeline.signal import Signal
from tests.bench import report
from tests.bench.path import path, receiving
from tests.bench.saturated import peak_mib
from tests.bench.stages import stages

SATURATED_S = 30.0
PARTS = ("codec", "receiving", "path", "memory")


def main() -> int:
    options = argparse.ArgumentParser(prog="make bench", description=__doc__)
    options.add_argument("--records", type=int, default=500_000)
    options.add_argument("--signals", default=",".join(Signal))
    options.add_argument("--parts", default=",".join(PARTS))
    options.add_argument("--json", type=Path, default=Path("bench.json"))
    chosen = options.parse_args()
    signals = [Signal(name) for name in chosen.signals.split(",")]
    parts = set(chosen.parts.split(","))
    if unknown := parts - set(PARTS):
        options.error(f"--parts: {', '.join(unknown)}: a part is one of {', '.join(PARTS)}")

    alone = {signal: stages(signal) for signal in signals} if "codec" in parts else {}
    received = receiving(chosen.records) if "receiving" in parts else []
    if received:
        report.show(report.table_of_receiving(received))
    paths = []
    for signal in signals if "path" in parts else ():
        paths.append(path(signal, chosen.records))
        report.show(report.table_of_paths(paths[-1:]))
    peak = peak_mib(SATURATED_S) if "memory" in parts else None
    if alone and received and paths:
        report.show(report.table_of_shares(alone, paths, received))
    found = list(report.ratios(alone, paths, received, peak))
    report.show(report.table_of_ratios(found))
    whole = {
        "records": chosen.records,
        "codec": {signal: asdict(one) for signal, one in alone.items()},
        "receiving": [asdict(one) for one in received],
        "path": [asdict(one) for one in paths],
        "peak_mib": peak,
        "ratios": [asdict(one) for one in found],
    }
    chosen.json.write_text(json.dumps(whole, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
