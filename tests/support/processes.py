"""Processes that tests start and end."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].startswith(" Z")


def stopped(pid: int) -> bool:
    """Whether no thread of a process runs any more after SIGSTOP."""
    stats = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].startswith(" T") for stat in stats)


def python(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python process in the checkout that talks to us over its pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(process: subprocess.Popen[str]) -> str:
    """Read a line that the process prints."""
    assert process.stdout is not None
    return process.stdout.readline()


def close(process: subprocess.Popen[str]) -> None:
    """SIGKILL and reap a process, and close its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
