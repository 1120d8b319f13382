"""Many rounds by one seed, some dozen in one data folder."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

from tests.faults import disk, fault
from tests.faults.clock import Clock
from tests.faults.count import count, unbalanced
from tests.faults.fault import Fault, Scene
from tests.faults.round import Owed, Tale, play
from tests.faults.supervisor import Supervisor
from tests.support.aura_process import Aura

IN_ONE_FOLDER: Final = 20
KEPT: Final = Path("build/faults")
FILTER: Final = "[{filter: {conditions: ['label=~\"3 [0-9]+$\"']}}]"
SETTINGS: Final = {
    **{f"AURA_PIPELINE_{name}": FILTER for name in ("TRACES", "LOGS", "METRICS")},
    "AURA_BUS_DISK_RESERVE": str(disk.RESERVE),
    "AURA_ROUTER_RETRY_WAIT_MAX_S": "2s",
}


def settings(chance: Random) -> dict[str, str]:
    """Return what the Aura of a folder is told: which bounds come into play differs."""
    return SETTINGS | {
        "AURA_BUS_PARTITIONS": chance.choice("112"),
        "AURA_BUS_REPLAY_WINDOW": chance.choice(("0", "20", "1000")),
        "AURA_BUS_MESSAGE_BYTES_MAX": chance.choice(("16384", "8323072")),
        "AURA_BUS_SYNC": chance.choice(("default", "always")),
        "AURA_ROUTER_GROUP_RECORDS_MAX": chance.choice(("200", "50000")),
        "AURA_INGESTOR_LIMITS_RECORDS_PER_S": chance.choice(("0", "0", "500")),
    }


class Stage:
    """A data folder, on a small file system if asked and allowed, and what is owed by it."""

    def __init__(self, seed: int, number: int, *, small_disk: bool = True) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="aura-faults-"))
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        self.mounted = small_disk and disk.mounted(data)
        told = settings(Random(f"{seed}:folder:{number // IN_ONE_FOLDER}"))
        self._supervisor = Supervisor(Aura(self.folder, **told))
        self._owed = Owed()
        self._clock = Clock(self.folder)

    def play(self, seed: int, number: int, faults: Sequence[Fault] = ()) -> Tale:
        """Play the round of this number, with its own fault or with others."""
        chance = Random(f"{seed}:{number}")
        drawn = fault.draw(chance, fault.possible(small_disk=self.mounted))
        scene = Scene(self.folder, self._supervisor, chance, f"r{number}", self._clock)
        return play(scene, faults or [drawn], self._owed)

    def complaints_without_one_log(self) -> tuple[str, ...]:
        """Take a record out of the store that is down; return what is then found wrong."""
        aura, told = self._supervisor.aura, self._owed.told
        first = "SELECT min(attributes.value[1]) FROM logs"
        where = f"WHERE attributes.value[1] = ({first})"
        aura.sql(f"ALTER TABLE logs DELETE {where} SETTINGS mutations_sync = 2")
        now = count(aura)
        return (*now.wrong, *unbalanced(told, now))

    def keep(self, where: Path) -> None:
        """Copy everything aside."""
        shutil.rmtree(where, ignore_errors=True)
        shutil.copytree(self.folder, where, symlinks=True, ignore_dangling_symlinks=True)

    def close(self) -> None:
        """End what still runs, and take the folder away."""
        self._supervisor.aura.kill()
        if self.mounted:
            disk.unmount(self.folder / "data")
        shutil.rmtree(self.folder)


def rounds(seed: int, numbers: range, seconds: float) -> Iterator[Tale]:
    """Play rounds until the time is over; after one that failed, in a fresh folder."""
    end = time.monotonic() + seconds
    stage: Stage | None = None
    try:
        for number in numbers:
            if time.monotonic() >= end:
                return
            if stage is not None and number % IN_ONE_FOLDER == 0:
                stage.close()
                stage = None
            stage = stage or Stage(seed, number)
            tale = stage.play(seed, number)
            if tale.wrong:
                kept = KEPT / f"{seed}-{number}"
                stage.keep(kept)
                stage.close()
                stage = None
                tale.wrong.append(f"kept in {kept}; again with")
                tale.wrong.append(f"make faults SEED={seed} ROUND={number}")
            yield tale
    finally:
        if stage is not None:
            stage.close()


def seeded() -> int:
    """Return the seed that is asked for, or any."""
    return int(os.environ.get("SEED") or Random().randrange(10**6))
