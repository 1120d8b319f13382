"""Resident memory at saturation, all processes of an Aura with its default settings.

Senders of every signal send 512-record requests as fast as they are taken, for `--seconds`; the
memory of Aura and its NATS is looked at meanwhile and after it, until everything is stored.
`python -m tests.bench.saturated`
"""

import argparse
import itertools
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc

from pipeline.signal import Signal
from tests.bench.costs import cpu_s, memory_mib
from tests.bench.load import REQUEST_RECORDS, Load
from tests.bench.whole import stored
from tests.support.aura_process import Aura
from tests.support.numbered import METHODS

SENDERS = 8
"""Of each signal, a request at a time."""

REQUESTS = 400
"""Different ones of each signal; they are sent again and again."""

LOOK_S = 0.25


class Senders:
    """Threads that send until told to stop; `answers` counts what they were told."""

    def __init__(self, port: int, end_ns: int) -> None:
        self.answers: Counter[str] = Counter()
        self.records: Counter[Signal] = Counter()
        self._port = port
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads = []
        for signal in Signal:
            bodies = list(Load(signal, REQUESTS * REQUEST_RECORDS, end_ns))
            for number in range(SENDERS):
                mine = itertools.cycle(bodies[number::SENDERS])
                thread = threading.Thread(target=self._send, args=(signal, mine), daemon=True)
                self._threads.append(thread)

    def __enter__(self) -> "Senders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(40)

    def _send(self, signal: Signal, bodies: Iterator[bytes]) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{self._port}") as channel:
            export = channel.unary_unary(METHODS[signal])
            while not self._stopped.is_set():
                try:
                    export(next(bodies), timeout=30)
                except grpc.RpcError as error:
                    answer = error.code().name
                    self._stopped.wait(1.0)
                else:
                    answer = "OK"
                with self._lock:
                    self.answers[answer] += 1
                    self.records[signal] += REQUEST_RECORDS * (answer == "OK")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--drain", type=float, default=60.0, help="seconds to wait for the store")
    chosen = options.parse_args()
    peak_mib(chosen.seconds, chosen.drain)


def peak_mib(seconds: float, drain_s: float = 60.0) -> float:
    """Return the peak of all processes together, with an Aura of its own, in a new folder."""
    folder = Path(tempfile.mkdtemp())
    try:
        with Aura(folder) as aura:
            return watch(aura, seconds, drain_s)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def watch(aura: Aura, seconds: float, drain_s: float) -> float:
    """Send, look, and print what was seen, a line every five seconds; return the peak."""
    pids = {"aura": aura.pid, "nats": aura.nats}
    peak: Counter[str] = Counter()

    def look() -> dict[str, float]:
        now = {name: memory_mib(pid) for name, pid in pids.items()}
        for name, mib in [*now.items(), ("all", sum(now.values()))]:
            peak[name] = max(peak[name], round(mib))
        return now

    def lasting(limit_s: float, done: object = None) -> None:
        began = told = time.monotonic()
        while time.monotonic() < began + limit_s:
            now = look()
            if time.monotonic() > told + 5:
                told = time.monotonic()
                held = {signal.value: int(stored(aura, signal)) for signal in Signal}
                texts = [f"{name} {mib:.0f}" for name, mib in now.items()]
                print(f"{told - began:5.0f} s  MiB {', '.join(texts)}  stored {held}", flush=True)
                if done is not None and sum(held.values()) >= sum(done.values()):
                    return
            time.sleep(LOOK_S)

    print(f"idle: {', '.join(f'{name} {mib:.0f}' for name, mib in look().items())} MiB")
    with Senders(aura.ports["ingestor.grpc"], time.time_ns()) as senders:
        lasting(seconds)
    print(f"answers {dict(senders.answers)}, records {dict(senders.records)}")
    lasting(drain_s, senders.records)
    used = {name: round(cpu_s(pid), 1) for name, pid in pids.items()}
    print(f"peak MiB {dict(peak)}, CPU s {used}")
    return peak["all"]


if __name__ == "__main__":
    main()
