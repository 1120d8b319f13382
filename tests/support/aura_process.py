"""Aura as a process: started, asked, killed by id, and its store read when it is down."""

import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.forked import Forked, launch

ROOT = Path(__file__).parents[2]
PORTS = (
    "ingestor.grpc",
    "ingestor.http",
    "ingestor.api",
    "storage.listen",
    "query.listen",
    "query.jaeger.listen",
    "query.jaeger.grpc",
)


def poll(condition: Callable[[], object], deadline_s: float = 20.0, why: str = "") -> object:
    """Return the condition's first true value; fail when none comes in time."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {deadline_s} s: {why or condition}")


def patient(seconds: float) -> float:
    """Return the deadline for a machine of this load of what has so long on an idle one."""
    return seconds * min(5.0, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


def _own_ports() -> Iterator[int]:
    """Yield ports below those that the system gives away, in turn, and not another worker's."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    own = range(10_000 + worker, 32_000, workers)
    begin = random.SystemRandom().randrange(len(own))
    return cycle([*own[begin:], *own[:begin]])


_PORTS = _own_ports()


def free_port() -> int:
    """Return a port that nobody listens on, and nobody else is given before it is used."""
    for port in _PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("cycle never ends")


class Aura:
    """One data folder, and at most one Aura that runs in it; ports stay the same."""

    module = "aura"
    """What is run: the program, or one that puts something in the place of a part of it."""

    forked = False
    """Whether a process that has imported the program is forked (`nursery.py`), as tests do."""

    trusted: ssl.SSLContext | None = None
    """With it Aura is asked over TLS."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in PORTS}
        self.settings = settings
        self.process: subprocess.Popen[bytes] | Forked | None = None

    def __enter__(self) -> "Aura":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def begin(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes] | Forked:
        """Start `aura up` and return at once."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AURA_")}
        environment["PYTHONPATH"] = str(ROOT)
        environment |= {
            f"AURA_{name.replace('.', '_').upper()}": f"127.0.0.1:{port}"
            for name, port in self.ports.items()
        }
        environment |= self.settings | settings
        log = self.folder / "stderr.log"
        if self.forked and "LD_PRELOAD" not in environment:
            self.process = launch(["up", *arguments], self.folder, environment, log)
            return self.process
        with log.open("ab") as opened:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, "up", *arguments],
                cwd=self.folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=opened,
            )
        return self.process

    def start(self, *arguments: str, **settings: str) -> float:
        """Start and wait until it is ready; return how long that took."""
        began = time.monotonic()
        self.begin(*arguments, **settings)
        self.wait("ingestor.api" if "ingestor" in arguments else "query.listen")
        return time.monotonic() - began

    def wait(self, door: str) -> None:
        """Wait until a door says that the process is ready."""

        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "stderr.log").read_text()[-2000:]
            if door == "storage.listen":
                return self.healthy()
            return self.status("/readyz", door) == 200

        poll(ready, 40.0, "ready")

    def healthy(self) -> bool:
        """Ask over gRPC whether all of the process is ready."""
        with grpc.insecure_channel(f"127.0.0.1:{self.ports['storage.listen']}") as channel:
            try:
                request = health_pb2.HealthCheckRequest()
                answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)
            except grpc.RpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    @property
    def pid(self) -> int:
        """The process id, also of one that has ended."""
        assert self.process is not None
        return self.process.pid

    @property
    def nats(self) -> int:
        """The process id of its nats-server."""
        found = self.nats_or_none()
        assert found is not None
        return found

    def nats_or_none(self) -> int | None:
        assert self.process is not None
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                command = Path(f"/proc/{child}/cmdline")
                if command.exists() and b"nats-server" in command.read_bytes():
                    return int(child)
        return None

    def family(self) -> list[int]:
        """The process ids of all that runs in the folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    inside = (entry / "cwd").readlink().is_relative_to(self.folder)
                except OSError:
                    continue
                if inside:
                    found.append(int(entry.name))
        return found

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patient(40))

    def url(self, path: str, door: str = "query.listen") -> str:
        scheme = "https" if self.trusted else "http"
        return f"{scheme}://127.0.0.1:{self.ports[door]}{path}"

    def status(self, path: str, door: str = "query.listen") -> int:
        """Return the status of a GET, 0 when nobody answers."""
        try:
            with urllib.request.urlopen(
                self.url(path, door), timeout=5, context=self.trusted
            ) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def ask(self, path: str, **parameters: object) -> dict[str, list[dict[str, object]]]:
        """Return the JSON answer of the query API."""
        query = urllib.parse.urlencode(parameters)
        url = self.url(f"{path}?{query}")
        with urllib.request.urlopen(url, timeout=30, context=self.trusted) as answer:
            return json.load(answer)

    def sql(self, *statements: str) -> list[list[list[object]]]:
        """Run SQL on the embedded store while Aura is down; return the rows of each statement."""
        code = (
            "import json, sys, clickhouse_connect\n"
            "client = clickhouse_connect.get_client(dsn='chdb://' + sys.argv[1])\n"
            "print(json.dumps([[list(r) for r in client.query(s).result_rows] if s[:6] == 'SELECT'"
            " else client.command(s) and [] for s in sys.argv[2:]], default=str))\n"
        )
        path = str(self.folder / "data" / "clickhouse")
        done = subprocess.run(
            [sys.executable, "-c", code, path, *statements],
            capture_output=True,
            check=True,
            timeout=patient(60),
        )
        return json.loads(done.stdout)
