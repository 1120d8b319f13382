"""Starts Aura from a nursery, one a test process, and stands for it as `subprocess.Popen` does."""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.processes import ROOT

_asking = threading.Lock()


@cache
def _nursery() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.nursery"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)
    return process


def _ask(order: dict[str, Any]) -> Any:
    nursery = _nursery()
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    with _asking:
        nursery.stdin.write(json.dumps(order) + "\n")
        nursery.stdin.flush()
        return json.loads(nursery.stdout.readline())


class Forked:
    """A child of the nursery."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = _ask({"ended": self.pid})
        return self.returncode

    def wait(self, timeout: float = float("inf")) -> int:
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("aura", timeout)
            time.sleep(0.005)
        return code

    def send_signal(self, number: int) -> None:
        # As long as nobody asked how it ended, its process id is nobody else's.
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def launch(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
) -> Forked:
    """Start `aura` in a folder, with its standard error at the end of a log."""
    begun = {
        "arguments": arguments,
        "folder": str(folder),
        "environment": dict(environment),
        "log": str(log),
    }
    return Forked(_ask({"begin": begun}))
