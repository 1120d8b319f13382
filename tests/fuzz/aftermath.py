"""What became of an Aura that was attacked: what it lost, holds too much of, or cried out."""

import time
from dataclasses import dataclass

from tests.fuzz.report import Report
from tests.fuzz.watch import holds, outcries
from tests.support.aura_process import Aura, poll
from tests.support.numbered import stored

QUIET_S = 40.0
"""Within which nothing is left of the attack."""
GROWTH = {"anonymous_mib": 24.0, "files": 48.0, "threads": 12.0}
"""How far the floor of each may rise in the second half of the time: see `plateau.growth`."""
RESIDENT_MIB_MAX = 1024
"""At the end, whatever there was: what Aura may take at saturation."""


@dataclass(frozen=True)
class Slack:
    """How much more than after the warm-up may be held at the end."""

    resident_mib: int
    files: int = 64
    sockets: int = 4
    threads: int = 16


def after(aura: Aura, report: Report, slack: Slack) -> None:
    """Stop Aura and note what it lost, holds too much of, or cried out."""
    if aura.process is None or aura.process.poll() is not None:
        report.fail("alive", "the process has ended")
        return
    if aura.status("/readyz") != 200:
        report.fail("ready", "not ready at the end")
    _held(aura.process.pid, report, slack)
    for text in outcries(aura.folder / "stderr.log"):
        report.fail("log", text)
    _settled(aura, report)
    if aura.stop() != 0:
        report.fail("stop", "a stop did not end well")
    counts = stored(aura, "clean-")
    if lost := report.clean - set(counts):
        report.fail("lost", f"{len(lost)} of {len(report.clean)}, such as {sorted(lost)[:3]}")
    if doubled := [label for label, number in counts.items() if number > 1]:
        report.fail("doubled", f"{len(doubled)}, such as {doubled[:3]}")


def _settled(aura: Aura, report: Report) -> None:
    """Wait until the newest clean record of each signal is found: the others came before it."""
    for signal, label in report.newest.items():
        question = {"q": f'label="{label}"', "start": "now-3d"}
        path = f"/v1/{signal}"
        poll(lambda path=path, question=question: aura.ask(path, **question)[path[4:]], 60, label)


def _held(pid: int, report: Report, slack: Slack) -> None:
    """Wait until no connection is left, and compare with what was held before and in between."""
    if report.idle is None or report.warm is None:
        return
    end = time.monotonic() + QUIET_S
    while holds(pid).sockets > report.idle.sockets + slack.sockets and time.monotonic() < end:
        time.sleep(0.05)
    report.end = holds(pid)
    for name, before in (
        ("sockets", report.idle),
        ("resident_mib", report.warm),
        ("files", report.warm),
        ("threads", report.warm),
    ):
        most = getattr(before, name) + getattr(slack, name)
        if getattr(report.end, name) > most:
            report.fail(name, f"{getattr(before, name)} before, {getattr(report.end, name)} now")
    if report.end.resident_mib > RESIDENT_MIB_MAX:
        report.fail("memory", f"{report.end.resident_mib} MiB, more than {RESIDENT_MIB_MAX}")
    for name, most in GROWTH.items():
        rose = report.growth(name)
        if rose is not None and rose > most:
            report.fail(name, f"the floor rose by {rose:.0f}, and goes on")
