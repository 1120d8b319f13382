"""Other programs that receive OTLP/gRPC and drop it, to compare receiving with."""

import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from pipeline.signal import Signal
from tests.bench.costs import cpu_s, rest
from tests.bench.load import Load
from tests.bench.send import send
from tests.support.aura_process import ROOT, free_port, poll

MISSING = {
    "rotel": "not installed: `.venv/bin/pip install -e '.[bench]'`",
    "collector": "not built: `make build/peers/collector`, with Go",
}


class Peer:
    """A program that listens for OTLP/gRPC at a port."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.pid = process.pid
        self.port = port
        poll(lambda: _listens(port), 20, f"port {port}")
        rest([self.pid])

    def take(self, load: Load, *, gzip: bool = False) -> float:
        """Send a load; return the CPU-seconds per million records that receiving it took."""
        before = cpu_s(self.pid)
        send(load, self.port, gzip=gzip)
        rest([self.pid])
        return (cpu_s(self.pid) - before) * 1e6 / load.records


@contextmanager
def running(name: str) -> Iterator[Peer | None]:
    """Start a peer; None when it is not here."""
    folder = Path(tempfile.mkdtemp(prefix="aura-bench-"))
    port = free_port()
    command = _COMMANDS[name](folder, port)
    if command is None:
        yield None
        return
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        yield Peer(process, port)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _rotel(folder: Path, port: int) -> list[str] | None:
    found = find_spec("rotel")
    if found is None or found.origin is None:
        return None
    agent = Path(found.origin).parent / "rotel-agent"
    options = {"otlp-grpc-endpoint": port, "otlp-http-endpoint": free_port()}
    listen = [word for key, at in options.items() for word in (f"--{key}", f"127.0.0.1:{at}")]
    return [str(agent), "start", *listen, "--exporter", "blackhole"]


def _collector(folder: Path, port: int) -> list[str] | None:
    program = ROOT / "build" / "peers" / "collector"
    if not program.exists():
        return None
    grpc = {"endpoint": f"127.0.0.1:{port}", "max_recv_msg_size_mib": 64}
    pipelines = {str(one): {"receivers": ["otlp"], "exporters": ["nop"]} for one in Signal}
    config = {
        "receivers": {"otlp": {"protocols": {"grpc": grpc}}},
        "exporters": {"nop": {}},
        "service": {"pipelines": pipelines, "telemetry": {"metrics": {"level": "none"}}},
    }
    path = folder / "collector.yaml"
    path.write_text(json.dumps(config))
    return [str(program), "--config", str(path)]


_COMMANDS = {"rotel": _rotel, "collector": _collector}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
