"""What a process holds, seen from outside: memory, files, sockets, and what it wrote to its log."""

import re
from dataclasses import dataclass
from pathlib import Path

OUTCRY = re.compile(
    "Traceback|Unclosed|was destroyed|never awaited|never retrieved|internal error"
    '|unhandled error|by a bug|"exception"|worker.(lost|buried|restored_log)'
)
"""What a log holds of a bug, and of nothing else."""


@dataclass(frozen=True)
class Holds:
    """What a process holds at a moment."""

    resident_mib: int
    anonymous_mib: int
    """Of it what lies in no file: a library's own pages are bounded by its size."""
    files: int
    sockets: int
    threads: int


def holds(pid: int) -> Holds:
    """Return what the process holds now; raises OSError when it has ended."""
    status = Path(f"/proc/{pid}/status").read_text()
    if "VmRSS:" not in status:
        raise ProcessLookupError(f"{pid} has ended, and is not waited for yet")
    resident_kib, anonymous_kib, threads = (
        int(status.split(name)[1].split()[0]) for name in ("VmRSS:", "RssAnon:", "Threads:")
    )
    links = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(link.readlink()))
        except FileNotFoundError:
            continue  # closed meanwhile
    sockets = sum(link.startswith("socket:") for link in links)
    mib = resident_kib >> 10, anonymous_kib >> 10
    return Holds(*mib, len(links) - sockets, sockets, threads)


def outcries(log: Path, start: int = 0) -> list[str]:
    """Return the first lines of a log that tell of a bug, each with what follows."""
    lines = log.read_bytes()[start:].decode(errors="replace").splitlines()
    places = [number for number, line in enumerate(lines) if OUTCRY.search(line)]
    return ["\n".join(lines[place : place + 30])[:6000] for place in places[:3]]
