"""What heavy questions do to the others: cheap ones, and the delay until a record is found.

Spans are loaded; then, once without and once with heavy questions running all the time, cheap
questions are timed, and records are sent and looked for. The service graph is asked for once
alone. `python -m tests.bench.stall --spans 1000000`
"""

import argparse
import json
import shutil
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path
from statistics import median, quantiles

from pipeline.signal import Signal
from tests.bench.costs import rest
from tests.bench.load import Load
from tests.bench.send import send
from tests.bench.whole import stored
from tests.support.aura_process import Aura, poll

HEAVY = (
    ("/v1/traces", {"q": 'name=~"[a-z]+.*[0-9]$" AND span.user.id=~"9.*9"'}),
    ("/v1/traces", {"q": "| stats p99(duration), count_distinct(trace_id) by name, bucket(10s)"}),
    ("/v1/dependencies", {}),
)
HEAVY_AT_ONCE = 3
ROUND_S = 12.0


def ask(aura: Aura, path: str, **parameters: str) -> dict:
    url = aura.url(f"{path}?{urllib.parse.urlencode(parameters)}")
    with urllib.request.urlopen(url, timeout=120) as answer:
        return json.load(answer)


class Heavy:
    """Asks heavy questions, so many at once, until it is left."""

    def __init__(self, aura: Aura, span: dict[str, str]) -> None:
        self.asked = 0
        self._aura, self._span = aura, span
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(at,), daemon=True)
            for at in range(HEAVY_AT_ONCE)
        ]

    def __enter__(self) -> "Heavy":
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for one in self._threads:
            one.join()

    def _ask(self, at: int) -> None:
        while not self._over.is_set():
            path, parameters = HEAVY[at % len(HEAVY)]
            ask(self._aura, path, **parameters, **self._span)
            self.asked += 1


def cheap(aura: Aura, trace_ids: list[str], times: list[float], until: float) -> None:
    """Time cheap questions: a trace, services, keys."""
    number = 0
    while time.monotonic() < until:
        paths = (f"/v1/traces/{trace_ids[number % len(trace_ids)]}", "/v1/services", "/v1/keys")
        began = time.monotonic()
        ask(aura, paths[number % 3])
        times.append(time.monotonic() - began)
        number += 1
        time.sleep(0.02)


def found(aura: Aura, delays: list[float], until: float) -> None:
    """Send a log, and time until it is found."""
    number = 0
    while time.monotonic() < until:
        token = f"needle{time.monotonic_ns()}"
        body = json.dumps({"service_name": "stall", "message": token}).encode()
        url = aura.url("/v1/logs", "ingestor.api")
        began = time.monotonic()
        urllib.request.urlopen(urllib.request.Request(url, body), timeout=30).close()
        while not ask(aura, "/v1/logs", q=f'body="{token}"', start="now-1m")["logs"]:
            time.sleep(0.02)
        delays.append(time.monotonic() - began)
        number += 1


def measured(aura: Aura, trace_ids: list[str]) -> dict[str, float]:
    times: list[float] = []
    delays: list[float] = []
    until = time.monotonic() + ROUND_S
    seeking = threading.Thread(target=found, args=(aura, delays, until))
    seeking.start()
    cheap(aura, trace_ids, times, until)
    seeking.join()
    return {
        "cheap_p50_ms": median(times) * 1e3,
        "cheap_p95_ms": quantiles(times, n=20)[-1] * 1e3,
        "found_p50_ms": median(delays) * 1e3,
        "found_max_ms": max(delays) * 1e3,
        "cheap": len(times),
        "found": len(delays),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000)
    spans = parser.parse_args().spans
    folder = Path(tempfile.mkdtemp())
    now_ns = time.time_ns()
    span = {"start": str(now_ns - 3600 * 10**9), "end": str(now_ns + 10**9)}
    try:
        with Aura(folder) as aura:
            load = Load(Signal.TRACES, spans, now_ns)
            send(load, aura.ports["ingestor.grpc"])
            poll(lambda: stored(aura, Signal.TRACES) >= load.records, 200)
            rest([aura.pid])
            graph = ask(aura, "/v1/dependencies", **span)
            print("dependencies", len(graph["dependencies"]), graph["cost"])
            rows = ask(aura, "/v1/traces", limit="200", **span)
            print("traces", rows["cost"])
            ids = [one["trace_id"] for one in rows["traces"]]
            measured(aura, ids)  # warm
            print("alone", measured(aura, ids))
            with Heavy(aura, span) as heavy:
                print("beside", measured(aura, ids))
            print("heavy questions answered:", heavy.asked)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
