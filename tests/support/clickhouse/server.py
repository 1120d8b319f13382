"""A ClickHouse server for tests: started, broken, restarted, ended."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.processes import ROOT, close


class ClickHouseServer:
    """
    A server in a process of its own, on a folder and a port that stay the same over restarts.

    Settings: `users` (name to password), `restricted` (users who create nothing), `version` (what
    it says it is), `certificate`, `key` and `authority` (files; with the last, clients may show a
    certificate).
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.port = 0
        self._settings = {"folder": str(folder / "clickhouse"), **settings}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "ClickHouseServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        self.begin()
        self.wait()

    def begin(self) -> None:
        """Start the process, and return before it listens."""
        settings = json.dumps({**self._settings, "port": self.port})
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.clickhouse.process", settings],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait(self) -> None:
        self.port = self._read()

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self._process is not None:
            close(self._process)
            self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def url(self, rest: str = "", user: str = "", scheme: str = "clickhouse") -> str:
        """Return a URL; `rest` is what follows the port, `user` may be `name:password`."""
        return f"{scheme}://{user + '@' if user else ''}127.0.0.1:{self.port}/{rest}"

    def fault(self, how: str, **fault: Any) -> None:
        """Break a statement: see `faults.Fault`."""
        self._obey({"fault": {"how": how, **fault}})

    def change(self, **settings: Any) -> None:
        """Change `version` or `restricted` while it runs."""
        self._obey({"settings": settings})

    def clear(self) -> None:
        """Forget faults and what was seen."""
        self._obey({"release": True})
        self._obey({"clear": True})

    def release(self) -> None:
        """Let what is stalled or late go on."""
        self._obey({"release": True})

    @property
    def seen(self) -> list[str]:
        """The tables of the inserts that came, in order, whatever became of them."""
        found: list[str] = self._obey({})["seen"]
        return found

    @property
    def late(self) -> list[str]:
        """What became of the late and slow inserts: `stored`, an error, empty while they wait."""
        found: list[str] = self._obey({})["late"]
        return found

    def _obey(self, order: dict[str, Any]) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process is not None
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())
