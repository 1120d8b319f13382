"""Jaeger as a process whose storage is an Aura."""

import json
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.aura_process import Aura, free_port, poll


class JaegerProcess:
    """Receives OTLP, stores it in Aura over gRPC, and answers from there."""

    def __init__(self, program: Path, folder: Path, aura: Aura) -> None:
        self.ports = {name: free_port() for name in ("otlp", "http", "grpc")}
        self._log = folder / "jaeger.log"
        address = {name: {"endpoint": f"127.0.0.1:{port}"} for name, port in self.ports.items()}
        store = {
            "endpoint": f"127.0.0.1:{aura.ports['query.jaeger.grpc']}",
            "tls": {"insecure": True},
        }
        config = {
            "extensions": {
                "jaeger_query": {
                    "storage": {"traces": "aura"},
                    "http": address["http"],
                    "grpc": address["grpc"],
                },
                "jaeger_storage": {"backends": {"aura": {"grpc": store}}},
            },
            "receivers": {"otlp": {"protocols": {"http": address["otlp"]}}},
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "aura"}},
            "service": {
                "extensions": ["jaeger_storage", "jaeger_query"],
                "pipelines": {
                    "traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}
                },
                "telemetry": {"metrics": {"level": "none"}},
            },
        }
        file = folder / "jaeger.yaml"
        file.write_text(json.dumps(config))
        self._command = [str(program), "--config", str(file)]

    def __enter__(self) -> "JaegerProcess":
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        poll(self._ready, 30, "Jaeger")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _ready(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()[-2000:]
        return "Everything is ready" in self._log.read_text()

    def send(self, payload: bytes) -> None:
        """Send a request of spans; returns when Jaeger has stored it."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['otlp']}/v1/traces",
            payload,
            {"Content-Type": "application/x-protobuf"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def get(self, path: str, **parameters: object) -> Any:
        """Return the JSON of a path of its HTTP API."""
        return fetched(self.ports["http"], path, **parameters)


def fetched(port: int, path: str, **parameters: object) -> Any:
    """Return the JSON that a Jaeger API answers, whoever's."""
    url = f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)
