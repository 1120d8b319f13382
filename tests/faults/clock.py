"""Aura's wall clock, moved by libfaketime; its monotonic clock and NATS's clock go on."""

from pathlib import Path
from random import Random
from typing import Final

LIBRARY: Final = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
JUMPS_S: Final = (-5 * 86_400, -7200, -61, -1, 1, 61, 7200, 5 * 86_400)
"""All below the shortest retention, so that no row expires; a day ahead is beyond belief."""


class Clock:
    """The clock of the processes that run with its settings."""

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "clock"
        self.set(0)

    @property
    def settings(self) -> dict[str, str]:
        """What a process needs in its environment."""
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset_s: int) -> None:
        """Move it; processes follow within a second."""
        fresh = self._offset.with_suffix(".new")
        fresh.write_text(f"{offset_s:+d}\n")
        fresh.rename(self._offset)

    def jump(self, chance: Random) -> None:
        """Move it somewhere, back or ahead."""
        self.set(chance.choice(JUMPS_S))
