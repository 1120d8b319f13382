"""Aura under load: what it used for it, until all is stored and merges are quiet."""

import shutil
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.signal import Signal
from tests.bench.costs import cpu_s, memory_mib, rest, threads_cpu_s
from tests.bench.load import Load
from tests.bench.send import send
from tests.support.aura_process import Aura

STORED_S = 600.0
MERGES = ("MergeMutate", "BgSchPool")
"""Names of the engine's threads that merge and clean up."""


@dataclass(frozen=True)
class Used:
    """CPU-seconds per million records of a load."""

    aura: float
    nats: float
    merges: float
    """Part of Aura's."""

    @property
    def whole(self) -> float:
        """All processes together."""
        return self.aura + self.nats


class AuraBelow:
    """An Aura that loads are sent to."""

    def __init__(self, aura: Aura) -> None:
        self.aura = aura
        self.pids = (aura.pid, aura.nats)
        self._stored: Counter[Signal] = Counter()
        rest(self.pids)

    def take(self, load: Load, *, gzip: bool = False) -> Used:
        """Send a load, wait until it is stored and all rests; return what it took."""
        before = [cpu_s(pid) for pid in self.pids]
        merging = self._merging()
        send(load, self.aura.ports["ingestor.grpc"], gzip=gzip)
        self.wait(load)
        rest(self.pids, STORED_S)
        aura, nats = (cpu_s(pid) - then for pid, then in zip(self.pids, before, strict=True))
        merges = self._merging() - merging
        return Used(*(spent * 1e6 / load.records for spent in (aura, nats, merges)))

    def wait(self, load: Load) -> None:
        """Return when the router says that a load is stored, on top of those before it."""
        self._stored[load.signal] += load.records
        end = time.monotonic() + STORED_S
        while stored(self.aura, load.signal) < self._stored[load.signal]:
            if time.monotonic() > end:
                raise TimeoutError(f"{load.signal}: not stored after {STORED_S:g} s")
            time.sleep(1)  # asking costs CPU as well

    def peak_mib(self) -> float:
        """Return the largest resident memory that the processes ever had, summed."""
        return memory_mib(*self.pids, what="VmHWM")

    def _merging(self) -> float:
        found = threads_cpu_s(self.aura.pid)
        return sum(found[name] for name in MERGES)


@contextmanager
def running(module: str = "aura", **settings: str) -> Iterator[AuraBelow]:
    """Start Aura, or a module in its place, in a new folder."""
    folder = Path(tempfile.mkdtemp(prefix="aura-bench-"))
    try:
        started = Aura(folder, **settings)
        started.module = module
        with started as aura:
            yield AuraBelow(aura)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stored(aura: Aura, signal: Signal) -> float:
    """Return how many records of a signal the router says are stored."""
    with urllib.request.urlopen(aura.url("/metrics"), timeout=30) as answer:
        for line in answer.read().decode().splitlines():
            wanted = ("aura_router_records_total{", f'signal="{signal}"', 'outcome="stored"')
            if all(part in line for part in wanted):
                return float(line.split()[-1])
    return 0.0
