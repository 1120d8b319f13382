"""Commands of the shell as a person runs them: on a terminal, or into a pipe."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.aura_process import ROOT, Aura

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str = ""

    @property
    def text(self) -> str:
        """Its output without colours."""
        return _STYLE.sub("", self.out)


def _command(aura: Aura, arguments: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
    environment = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "NO_COLOR"}}
    environment |= {"PYTHONPATH": str(ROOT), "AURA_URL": aura.url(""), "TERM": "xterm", "TZ": "UTC"}
    return [sys.executable, "-m", "aura", *arguments], environment


def piped(aura: Aura, *arguments: str, **environment: str) -> Done:
    """Run a command into pipes."""
    command, around = _command(aura, arguments)
    done = subprocess.run(
        command, env=around | environment, capture_output=True, check=False, timeout=60
    )
    return Done(done.returncode, done.stdout.decode(errors="surrogateescape"), done.stderr.decode())


def on_terminal(
    aura: Aura, *arguments: str, columns: int = 80, then: Callable[[str], object] | None = None
) -> Done:
    """Run a command on a terminal so wide; `then` is called with all that it printed so far."""
    command, around = _command(aura, arguments)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(command, env=around, stdin=theirs, stdout=theirs, stderr=theirs) as run:
        os.close(theirs)
        printed = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # what Linux says at the end of a terminal
                break
            if not part:
                break
            printed += part
            if then:
                then(printed.decode(errors="replace"))
        os.close(ours)
        return Done(run.wait(60), printed.decode().replace("\r\n", "\n"))


def written(done: Done, file: Path) -> Path:
    """Keep what was printed, byte for byte, in a file."""
    file.write_bytes(done.out.encode(errors="surrogateescape"))
    return file
