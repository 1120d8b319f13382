"""CPU-seconds per million records, from OTLP/gRPC to queryable with merges quiet.

All processes of Aura are counted, the sender is not; beside it, in the same run, the bare insert of
the same rows into the same tables. `python -m tests.bench.path --records 500000 --json bench.json`
"""

import argparse
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import grpc

from pipeline.signal import Signal
from tests.bench.load import Load
from tests.support.aura_process import ROOT, Aura, poll
from tests.support.numbered import METHODS

SENDERS = 4
TICK = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid: int, what: str = "VmRSS") -> float:
    """Return MiB of resident memory, or its peak (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    return 0.0


def send(load: Load, port: int) -> None:
    """Send all requests over a few connections; a refused one is sent again."""
    waiting: queue.Queue[bytes | None] = queue.Queue(16)

    def work() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            export = channel.unary_unary(METHODS[load.signal])
            while (body := waiting.get()) is not None:
                for _ in range(1000):
                    try:
                        export(body, timeout=30)
                    except grpc.RpcError:
                        time.sleep(0.05)
                    else:
                        break

    threads = [threading.Thread(target=work, daemon=True) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for body in load:
        waiting.put(body)
    for _ in threads:
        waiting.put(None)
    for thread in threads:
        thread.join()


def stored(aura: Aura, signal: Signal) -> float:
    """Return how many records of a signal the router says are stored."""
    with urllib.request.urlopen(aura.url("/metrics"), timeout=30) as answer:
        for line in answer.read().decode().splitlines():
            wanted = ("aura_router_records_total{", f'signal="{signal}"', 'outcome="stored"')
            if all(part in line for part in wanted):
                return float(line.split()[-1])
    return 0.0


def settled(pid: int) -> bool:
    """Tell whether the process has used next to no CPU for two seconds: merges are quiet."""
    before = cpu(pid)
    time.sleep(2)
    return cpu(pid) - before < 0.1


def path(signal: Signal, records: int, end_ns: int) -> dict[str, float]:
    """Measure the whole path of one signal."""
    folder = Path(tempfile.mkdtemp())
    try:
        with Aura(folder) as aura:
            assert aura.process is not None
            poll(lambda: settled(aura.process.pid), 30)
            pid, nats = aura.process.pid, aura.nats
            idle = memory(pid) + memory(nats)
            before = cpu(pid), cpu(nats)
            load = Load(signal, records, end_ns)
            send(load, aura.ports["ingestor.grpc"])
            deadline = time.monotonic() + 600
            while stored(aura, signal) < load.requests * 512 and time.monotonic() < deadline:
                time.sleep(1)  # asking costs CPU as well
            poll(lambda: settled(pid), 120, "merges are quiet")
            used = cpu(pid) - before[0], cpu(nats) - before[1]
            scale = 1e6 / (load.requests * 512)
            return {
                "aura_cpu_s": used[0] * scale,
                "nats_cpu_s": used[1] * scale,
                "idle_mib": idle,
                "peak_mib": memory(pid, "VmHWM") + memory(nats, "VmHWM"),
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def bare(signal: Signal, records: int, block: int, end_ns: int) -> float:
    """Measure the bare insert in a process of its own; CPU-seconds per million."""
    words = [sys.executable, "-m", "tests.bench.bare", signal.value]
    words += [str(records), str(block), str(end_ns)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, check=True, text=True, timeout=600)
    return float(done.stdout) * 1e6 / (Load(signal, records, end_ns).requests * 512)


def start_s() -> float:
    """Return the seconds from the start of the process until it is ready, in a fresh folder."""
    folder = Path(tempfile.mkdtemp())
    try:
        aura = Aura(folder)
        started = time.monotonic()
        with aura:
            return time.monotonic() - started
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=200_000)
    options.add_argument("--signals", default=",".join(Signal))
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    found: dict[str, object] = {"records": chosen.records, "start_s": start_s()}
    print(f"start-up {found['start_s']:.1f} s; CPU-seconds per million records:")
    print("signal    Aura   nats  whole   bare 50k  bare 200k  ratio  idle MiB  peak MiB")
    for signal in map(Signal, chosen.signals.split(",")):
        end_ns = time.time_ns()
        whole = path(signal, chosen.records, end_ns)
        floor = {f"bare_{b}": bare(signal, chosen.records, b, end_ns) for b in (50_000, 200_000)}
        total = whole["aura_cpu_s"] + whole["nats_cpu_s"]
        ratio = total / min(floor.values())
        found[signal] = whole | floor | {"ratio": ratio}
        print(
            f"{signal:8}{whole['aura_cpu_s']:6.1f}{whole['nats_cpu_s']:7.1f}{total:7.1f}"
            f"{floor['bare_50000']:11.1f}{floor['bare_200000']:11.1f}{ratio:7.1f}"
            f"{whole['idle_mib']:10.0f}{whole['peak_mib']:10.0f}",
            flush=True,
        )
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
