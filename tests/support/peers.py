"""What `make peers` builds to send with: clients on the SDKs of four languages, and a Collector."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.aura_process import ROOT

PEERS = ROOT / "build" / "peers"
PROTOCOLS = {
    "go": ("grpc", "http/protobuf"),
    "java": ("grpc", "http/protobuf"),
    "javascript": ("grpc", "http/protobuf", "http/json"),
    "python": ("grpc", "http/protobuf"),
}


def built(name: str) -> Path:
    """Return the path of what was built; skip the test without it."""
    path = PEERS / name
    if not path.exists():
        pytest.skip(f"build/peers/{name} is missing: `make peers` builds it")
    return path


def client(language: str) -> list[str]:
    """Return the command of a language's client; skip the test where it cannot run."""
    match language:
        case "go":
            return [str(built("go"))]
        case "java":
            folder = built("java")
            quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
            return [_tool("java"), *quick, "-cp", f"{folder}/classes:{folder}/lib/*", "Client"]
        case "javascript":
            return [_tool("node"), str(built("javascript") / "client.js")]
        case _:
            return [sys.executable, str(ROOT / "tests/clients/python/client.py")]


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is missing")
    return path


def start(
    command: Sequence[str], service: str, protocol: str, port: int, count: int
) -> "subprocess.Popen[str]":
    """Start a client that sends `count` numbered records of each signal to a port of ours."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("OTEL_")}
    environment |= {
        "OTEL_SERVICE_NAME": service,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }
    return subprocess.Popen(
        [*command, str(count)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: "subprocess.Popen[str]", deadline_s: float) -> tuple[int, str]:
    """Return the exit code of a client and what it said; kill it when it takes too long."""
    try:
        said, _ = process.communicate(timeout=deadline_s)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        raise AssertionError(f"still running after {deadline_s} s: {said}") from None
    return process.returncode, said
