"""An OpenTelemetry Collector as a process, with its default exporters in front of an Aura."""

import json
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from pipeline.signal import Signal
from tests.support.aura_process import Aura, free_port, poll

RETRY_S, RETRY_SPREAD = 5.0, 0.5
"""Its first wait before it repeats a batch, and by which part it is shorter or longer by chance."""
DIAL_S, DIAL_SPREAD, DIAL_GROWTH = 1.0, 0.2, 1.6
"""The same for gRPC's next attempt to connect, and what each wait is to the one before."""
ITEMS = {Signal.TRACES: "spans", Signal.LOGS: "log_records", Signal.METRICS: "metric_points"}


def patience_s(outage_s: float) -> float:
    """
    Return how long after an outage the last batch may be repeated: the sum of the worst waits.

    Waits grow by a constant factor, so the next one is bounded by all before it, which fit into the
    outage: when they were as short as can be and the next one is as long as can be. gRPC does not
    connect before its own next wait is over, and a batch that comes meanwhile has failed again.
    """

    def longest_next(first_s: float, spread: float, growth: float, over_s: float) -> float:
        return (1 + spread) * (first_s + (growth - 1) * over_s / (1 - spread))

    dial_s = longest_next(DIAL_S, DIAL_SPREAD, DIAL_GROWTH, outage_s)
    return dial_s + longest_next(RETRY_S, RETRY_SPREAD, 1.5, outage_s + dial_s)


class Collector:
    """One pipeline of each signal through each exporter; a receiver for each of the latter."""

    def __init__(self, program: Path, folder: Path, aura: Aura) -> None:
        grpc, http = (aura.ports[f"ingestor.{name}"] for name in ("grpc", "http"))
        exporters: dict[str, dict[str, Any]] = {
            "otlp_grpc": {"endpoint": f"127.0.0.1:{grpc}", "tls": {"insecure": True}},
            "otlp_http": {"endpoint": f"http://127.0.0.1:{http}"},
            "otlp_http/json": {"endpoint": f"http://127.0.0.1:{http}", "encoding": "json"},
        }
        self.ports = {name: free_port() for name in exporters}
        """Port of the OTLP/HTTP receiver in front of each exporter."""
        self._log = folder / "collector.log"
        self._telemetry = free_port()
        self._command = [str(program), "--config", str(folder / "collector.yaml")]
        pipelines = {
            f"{signal}/{at}": {"receivers": [f"otlp/{at}"], "exporters": [name]}
            for signal in Signal
            for at, name in enumerate(exporters)
        }
        receivers = {
            f"otlp/{at}": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}
            for at, port in enumerate(self.ports.values())
        }
        prometheus = {"host": "127.0.0.1", "port": self._telemetry}
        telemetry = {
            "logs": {"sampling": {"enabled": False}},  # every failed attempt is counted
            "metrics": {"readers": [{"pull": {"exporter": {"prometheus": prometheus}}}]},
        }
        config = {
            "receivers": receivers,
            "exporters": exporters,
            "service": {"pipelines": pipelines, "telemetry": telemetry},
        }
        (folder / "collector.yaml").write_text(json.dumps(config))

    def __enter__(self) -> "Collector":
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        poll(lambda: "Everything is ready" in self.log, 20, "the Collector")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def count(self, metric: str, label: str = "") -> int:
        """Return one of its own metrics, summed over all series that have this label."""
        url = f"http://127.0.0.1:{self._telemetry}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        found = re.findall(rf"^otelcol_{metric}(\{{.*\}})? (\S+)$", text, re.MULTILINE)
        return sum(int(float(number)) for labels, number in found if label in labels)

    def waiting(self) -> dict[tuple[str, Signal], int]:
        """Return how many records came in and are not delivered yet, where there are any."""
        found = {}
        for at, exporter in enumerate(self.ports):
            for signal, items in ITEMS.items():
                taken = self.count(f"receiver_accepted_{items}", f'receiver="otlp/{at}"')
                sent = self.count(f"exporter_sent_{items}", f'exporter="{exporter}"')
                if taken > sent:
                    found[exporter, signal] = taken - sent
        return found

    def retries(self, exporter: str, signal: Signal) -> int:
        """Return how many attempts to deliver a batch had no success and were to be repeated."""
        marks = (
            "Will retry the request",
            f'"otelcol.component.id": "{exporter}"',
            f'"otelcol.signal": "{signal}"',
        )
        return sum(all(mark in line for mark in marks) for line in self.log.splitlines())
