"""One seed decides everything that happens to a run: pauses, failures, lost answers, deaths."""

import asyncio
import random
from typing import Final

from pipeline.errors import Unavailable

FAULTS_MAX: Final = 14
"""What goes wrong in a run, at most; after that everything works, so that each run settles."""

_PAUSES_S: Final = (0.0, 0.0, 0.01, 0.3, 1.5, 20.0)


class World:
    """The dice of a run. `killed` is set when the process dies; whoever met it waits for ever."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.killed = asyncio.Event()
        self.happened: list[str] = []
        self.mortal = True
        self._left = self.dice.randrange(FAULTS_MAX + 1)
        self._likely = self.dice.choice((0.02, 0.1, 0.3))

    def heal(self) -> None:
        """From now on nothing goes wrong."""
        self._left = 0

    async def before(self, name: str) -> None:
        """Stand before an operation: it may be held up, fail without effect, or never come."""
        await self._meet(name, "failed")

    async def after(self, name: str) -> None:
        """Stand behind an operation that had its effect: its answer may be late or lost."""
        await self._meet(name, "answer lost")

    async def _meet(self, name: str, failure: str) -> None:
        if self.dice.random() < 0.2:
            await asyncio.sleep(self.dice.choice(_PAUSES_S))
        if not self._left or self.dice.random() >= self._likely:
            return
        self._left -= 1
        if self.mortal and name != "publish" and self.dice.random() < 0.4:
            self.happened.append(f"{name}: killed")
            self.killed.set()
            await asyncio.Event().wait()
        self.happened.append(f"{name}: {failure}")
        raise Unavailable(f"{name}: {failure}")
