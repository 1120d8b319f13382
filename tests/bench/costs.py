"""What processes cost: CPU, memory, and when they have come to rest."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
QUIET_S, QUIET_SHARE = 3.0, 0.04
"""A process rests that used no more than this share of a core for so long: idle Aura uses 2 %."""


def cpu_s(*pids: int) -> float:
    """Return the CPU seconds that processes have used."""
    return sum(_used(Path(f"/proc/{pid}/stat").read_text())[1] for pid in pids)


def threads_cpu_s(pid: int) -> Counter[str]:
    """Return the CPU seconds of a process by the names of its threads."""
    found: Counter[str] = Counter()
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name, used = _used((task / "stat").read_text())
        except OSError:
            continue  # it has ended
        found[name] += used
    return found


def _used(stat: str) -> tuple[str, float]:
    head, _, rest = stat.rpartition(")")
    fields = rest.split()
    return head.partition("(")[2], (int(fields[11]) + int(fields[12])) / TICK


def memory_mib(*pids: int, what: str = "VmRSS") -> float:
    """Return MiB of resident memory together, or the sum of each one's peak (VmHWM)."""
    found = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(what):
                found += int(line.split()[1])
    return found / 1024


def rest(pids: Sequence[int], deadline_s: float = 120.0) -> None:
    """Return when the processes do next to nothing: what was sent is stored, merges are quiet."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        before = cpu_s(*pids)
        time.sleep(QUIET_S)
        if cpu_s(*pids) - before < QUIET_SHARE * QUIET_S:
            return
    raise TimeoutError(f"{pids} still work after {deadline_s} s")
