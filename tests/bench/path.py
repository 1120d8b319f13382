"""The whole path: OTLP/gRPC in, until all is queryable and merges are quiet, beside the floor."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pipeline.signal import Signal
from tests.bench import peers, whole
from tests.bench.load import Load
from tests.bench.whole import Used
from tests.support.aura_process import ROOT

BLOCKS = (200_000, 1_000_000)
"""Rows of a bare insert: the best of them is the floor. Smaller ones cost more in merges."""

SHAPES = ((1, 20_000), (10, 100_000), (512, 2_000_000), (8192, 2_000_000))
"""Records of a request, and how many records are sent in such at most."""

NOWHERE = "tests.bench.nowhere"


@dataclass(frozen=True)
class Path:
    """CPU-seconds per million records of a signal."""

    signal: Signal
    records: int
    first: Used
    """Of the first tenth of the records, into an empty store."""
    all: Used
    """Of all of them."""
    later: Used
    """Of as many as in the first tenth, with all stored before."""
    peak_mib: float
    bare: dict[str, float]
    """By the rows of an insert."""

    @property
    def floor(self) -> float:
        """The cheapest bare insert."""
        return min(self.bare.values())


def path(signal: Signal, records: int) -> Path:
    """Measure a signal."""
    end_ns = time.time_ns()
    tenth = Load(signal, records // 10, end_ns, seed=1)
    most = Load(signal, records - tenth.records, end_ns, seed=2)
    with whole.running() as aura:
        first = aura.take(tenth)
        rest = aura.take(most)
        later = aura.take(Load(signal, tenth.records, time.time_ns(), seed=3))
        peak_mib = aura.peak_mib()
    total = tenth.records + most.records
    of_all = {
        name: (value * tenth.records + asdict(rest)[name] * most.records) / total
        for name, value in asdict(first).items()
    }
    bare = {str(block): floor(signal, total, block, end_ns) for block in BLOCKS}
    return Path(signal, total, first, Used(**of_all), later, peak_mib, bare)


def floor(signal: Signal, records: int, block: int, end_ns: int) -> float:
    """Measure the bare insert in a process of its own; CPU-seconds per million."""
    words = [sys.executable, "-m", "tests.bench.bare", signal.value]
    words += [str(records), str(block), str(end_ns)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, check=True, text=True, timeout=900)
    return float(done.stdout)


@dataclass(frozen=True)
class Receiving:
    """CPU-seconds per million records until a group is ready; of a peer, of receiving alone."""

    signal: Signal
    size: int
    gzip: bool
    aura: float
    nats: float
    """Part of Aura's."""
    peers: dict[str, float]


def receiving(records: int) -> list[Receiving]:
    """Measure what comes before the store, beside the peers that are here."""
    cases = [(Signal.TRACES, size, most, False) for size, most in SHAPES]
    cases += [(one, 512, SHAPES[2][1], False) for one in Signal if one is not Signal.TRACES]
    cases += [(one, 512, SHAPES[2][1], True) for one in Signal]
    end_ns = time.time_ns()
    loads = [
        (Load(signal, min(records, most), end_ns, size=size), gzip)
        for signal, size, most, gzip in cases
    ]
    with whole.running(NOWHERE) as aura:
        ours = [aura.take(load, gzip=gzip) for load, gzip in loads]
    theirs: dict[str, Sequence[float]] = {}
    for name, missing in peers.MISSING.items():
        with peers.running(name) as peer:
            if peer is None:
                print(f"skipped: {name} is {missing}", flush=True)
            else:
                theirs[name] = [peer.take(load, gzip=gzip) for load, gzip in loads]
    return [
        Receiving(
            load.signal,
            load.size,
            gzip,
            used.whole,
            used.nats,
            {name: found[at] for name, found in theirs.items()},
        )
        for at, ((load, gzip), used) in enumerate(zip(loads, ours, strict=True))
    ]
