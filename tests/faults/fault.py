"""What goes wrong in a round: a condition that holds for a while, and an end in the midst of it."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tests.faults import disk
from tests.faults.clock import LIBRARY, Clock
from tests.faults.rude import Rude
from tests.faults.supervisor import Supervisor

FULL_STREAM: Final = {
    "AURA_BUS_STREAM_BYTES_MAX": "135000",
    "AURA_BUS_MESSAGE_BYTES_MAX": "1024",
}


@dataclass
class Scene:
    """Where a fault happens; `hold` lets time pass, with what the round wants to happen in it."""

    folder: Path
    supervisor: Supervisor
    chance: Random
    name: str
    clock: Clock
    rude: Rude | None = None


Condition = Callable[[Scene], AbstractContextManager[None]]


@contextmanager
def nothing(_: Scene) -> Iterator[None]:
    """Leave everything as it is."""
    yield


@contextmanager
def store_refuses(scene: Scene) -> Iterator[None]:
    """Let no file of Aura's process grow: its store, and its log as well."""
    supervisor = scene.supervisor
    if supervisor.runs:
        _file_bytes_max(supervisor.aura.pid, 0)
    try:
        yield
    finally:
        if supervisor.runs:
            _file_bytes_max(supervisor.aura.pid, resource.RLIM_INFINITY)
            nats = supervisor.aura.nats_or_none()
            # One that was started meanwhile has inherited the limit; this is about the store alone.
            if nats and _file_bytes_max(nats, resource.RLIM_INFINITY) == 0:
                os.kill(nats, signal.SIGKILL)


def _file_bytes_max(pid: int, most: int) -> int:
    """Limit the size of the files that a process writes; return the limit before."""
    with suppress(ProcessLookupError):
        return resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))[0]
    return most


@contextmanager
def disk_full(scene: Scene) -> Iterator[None]:
    """Fill the file system of the data folder, to the last byte or nearly."""
    left = scene.chance.choice((0, 0, 2**16, 2**20, 2**23, disk.RESERVE - 2**20))
    with disk.full(scene.folder / "data", left):
        yield


@contextmanager
def clock_jumps(scene: Scene) -> Iterator[None]:
    """Move Aura's wall clock, and back at the end."""
    scene.clock.jump(scene.chance)
    try:
        yield
        scene.clock.jump(scene.chance)
    finally:
        scene.clock.set(0)


@contextmanager
def rude_clients(scene: Scene) -> Iterator[None]:
    """Let clients be slow, fall silent and vanish."""
    ports = scene.supervisor.aura.ports
    scene.rude = Rude(ports, f"{scene.name}-rude", Random(scene.chance.random()))
    scene.rude.start()
    try:
        yield
    finally:
        scene.rude.stop()
        scene.rude.join(30)


@contextmanager
def frozen(scene: Scene, victim: str) -> Iterator[None]:
    """Stop a process for a while, as a machine does that is out of breath."""
    supervisor = scene.supervisor
    process = supervisor.aura.process
    assert process is not None
    pid = process.pid if victim == "aura" else supervisor.aura.nats_or_none()
    if pid:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        # A killed Aura has been waited for, but its number is not given out again so soon.
        with suppress(ProcessLookupError):
            os.kill(pid or process.pid, signal.SIGCONT)


def aura_frozen(scene: Scene) -> AbstractContextManager[None]:
    """Freeze Aura."""
    return frozen(scene, "aura")


def nats_frozen(scene: Scene) -> AbstractContextManager[None]:
    """Freeze its NATS."""
    return frozen(scene, "nats")


@dataclass(frozen=True)
class Fault:
    """A condition, and an end in its midst: "aura", "nats", "both" are killed, or Aura "stop"s."""

    condition: str
    end: str
    hold_s: float
    after_s: float
    """When in the midst the end comes."""
    stumbles: bool
    """Whether it is killed once more on its way up."""
    up_amid: bool
    """Whether it is started while the condition still holds."""

    def __str__(self) -> str:
        end = {"": "", "stop": "stop"}.get(self.end, f"kill {self.end}")
        return f"{' + '.join(filter(None, (self.condition, end)))}, {self.hold_s:.1f} s"


CONDITIONS: Final[dict[str, Condition]] = {
    "": nothing,
    "store refuses": store_refuses,
    "disk full": disk_full,
    "stream full": store_refuses,
    "clock jumps": clock_jumps,
    "rude clients": rude_clients,
    "aura frozen": aura_frozen,
    "nats frozen": nats_frozen,
}
ENDS: Final = ("aura", "nats", "both", "stop")
LONG_S: Final = 30.0
"""How long the store refuses in one of five rounds."""

HOLD_S: Final = {
    "": (0.05, 1.5),
    "stream full": (3.0, 6.0),  # it has to fill first
    "aura frozen": (0.3, 6.0),  # clients give up after 5 s
    "nats frozen": (0.3, 6.0),
}


def possible(*, small_disk: bool) -> list[str]:
    """Return the conditions that can be had here."""
    absent = {"disk full": not small_disk, "clock jumps": LIBRARY is None}
    return [name for name in CONDITIONS if not absent.get(name)]


def draw(chance: Random, conditions: list[str]) -> Fault:
    """Return a fault: a kill alone, a condition alone, or a kill in the midst of a condition."""
    condition = chance.choice(["", "", "", *(name for name in conditions if name)])
    alone = condition and chance.random() < 0.5
    long = condition == "store refuses" and chance.random() < 0.2
    least_s, most_s = HOLD_S.get(condition, (0.3, 3.0))
    hold_s = LONG_S if long else chance.uniform(least_s, most_s)
    # What is frozen cannot be asked to stop.
    ends = [end for end in ENDS if condition != "aura frozen" or end != "stop"]
    return Fault(
        condition,
        "" if alone else chance.choice(ends),
        hold_s,
        chance.uniform(0, min(hold_s, 3.0)),
        chance.random() < 0.4,
        chance.random() < 0.5,
    )
