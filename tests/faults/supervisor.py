"""Whoever keeps Aura running: kills it, starts it again, and again when a start fails."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from random import Random
from typing import Final

from tests.support.aura_process import Aura, patient

READY_S: Final = 60.0
START_AGAIN_S: Final = 0.3


class Supervisor:
    """Runs one Aura with the settings of the round."""

    def __init__(self, aura: Aura) -> None:
        self.aura = aura
        self.settings: dict[str, str] = {}
        self.failed_starts = 0

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        process = self.aura.process
        return process is not None and process.poll() is None

    def kill(self, victim: str) -> None:
        """SIGKILL "aura", "nats" or "both", whichever of them runs."""
        nats = self.aura.nats_or_none() if self.runs else None
        if victim in {"nats", "both"} and nats:
            with suppress(ProcessLookupError):
                os.kill(nats, signal.SIGKILL)
        if victim in {"aura", "both"}:
            self.aura.kill()

    def stumble(self, chance: Random) -> None:
        """Start, and be killed somewhere on the way up."""
        began = self.aura.begin(**self.settings)
        with suppress(subprocess.TimeoutExpired):
            began.wait(chance.uniform(0.3, 2.5))
        self.aura.kill()

    def ready(self, within_s: float = READY_S) -> None:
        """Return once Aura is ready, started as often as it takes; raises AssertionError."""
        within_s = patient(within_s)
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            if not self.runs:
                if self.aura.process is not None and self.aura.process.returncode not in {0, -9}:
                    self.failed_starts += 1
                    time.sleep(START_AGAIN_S)
                self.aura.begin(**self.settings)
            if self.aura.status("/readyz") == 200:
                return
            time.sleep(0.05)
        raise AssertionError(f"not ready within {within_s:g} s")
