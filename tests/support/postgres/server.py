"""PostgreSQL and TimescaleDB for tests: started, killed, started again."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.peers import built

_DEADLINE_S = 60.0
_NOBODY = "nobody"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # processes die here, not machines
    "shared_buffers": "64MB",
    "max_connections": "40",
    "autovacuum": "off",
}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Server:
    """A server in a folder and on a port that stay the same over restarts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, rest: str = "") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable{rest}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as one:
            one.settimeout(1)
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _DEADLINE_S
        while not self._listens():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.02)


class PostgresServer(Server):
    """The operating system's PostgreSQL, run by nobody: it refuses to be root's."""

    def start(self, **settings: str) -> None:
        data = self.folder / "data"
        if not data.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            if os.getuid() == 0:
                shutil.chown(self.folder, _NOBODY)
            made = [program("initdb"), "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"]
            made += ["-E", "UTF8", "--locale=C"]
            subprocess.run(made, check=True, stdout=subprocess.DEVNULL, **self._user())
        options = {**_SETTINGS, "unix_socket_directories": str(self.folder), **settings}
        command = [program("postgres"), "-D", str(data), "-p", str(self.port)]
        command += [f"--{name}={value}" for name, value in options.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **self._user())
        self._wait()

    def kill(self) -> None:
        """Kill it and all its children, as a machine does that is switched off."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGQUIT)  # to its children as well, without a word
        self._process.wait()
        self._process = None

    def freeze(self) -> None:
        """Stop it and its children, as a machine does that is lost to the network."""
        for one in (self.pid, *self._children()):
            os.kill(one, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for one in (*self._children(), self.pid):
            os.kill(one, signal.SIGCONT)

    def _children(self) -> list[int]:
        return [
            int(one)
            for one in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        ]

    def _listens(self) -> bool:
        asked = [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def _user(self) -> dict[str, str]:
        return {"user": _NOBODY} if os.getuid() == 0 else {}


class TimescaleServer(Server):
    """PostgreSQL with TimescaleDB as WebAssembly: one session, no background workers."""

    flags: tuple[str, ...] = ("--liftoff-only",)
    """Node's: what lives for a minute is not worth an optimising compiler's seconds."""

    def start(self) -> None:
        script = built("timescaledb") / "server.mjs"
        node = shutil.which("node")
        if node is None:
            pytest.skip("node is missing")
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [node, *self.flags, str(script)],
                env={**os.environ, "PORT": str(self.port)},
                stdout=log,
                stderr=log,
            )
        self._wait()


def program(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs; skip the test without it."""
    places = [
        shutil.which(name),
        *map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))),
    ]
    found = [one for one in places if one]
    if not found:
        pytest.skip(f"PostgreSQL's {name} is missing: its package is named postgresql")
    return Path(found[-1])
