"""A client that keeps OTLP's retry rules and knows what was answered."""

import re
import threading
from collections.abc import Callable
from random import Random
from typing import Final

from pipeline.signal import Signal
from tests.faults.transport import Transport, Verdict
from tests.support.numbered import labels, request

FILTERED: Final = re.compile(r"3 [0-9]+$")
"""Labels of the records that Aura is told to take out, so that its ledger has something to say."""

SIZES: Final = (1, 1, 8, 8, 8, 8, 8, 300)
"""Records in a request, by chance: with small messages set, the largest goes in several."""

PAUSE_S: Final = 0.05
FIRST_WAIT_S, GROWTH, SPREAD, WAIT_MAX_S = 0.1, 1.5, 0.5, 1.0
"""A Collector's back-off where the server gives no hint, fifty times as fast."""


class Client(threading.Thread):
    """
    Sends numbered requests of one signal until told to stop.

    An attempt that is not answered with success is repeated under the next number when the answer
    allows it. A request that is refused for good is given up: here every request is sound, so
    `refused` must stay empty.
    """

    def __init__(
        self, signal: Signal, name: str, transport: Callable[[], Transport], chance: Random
    ) -> None:
        super().__init__(daemon=True, name=name)
        self.signal = signal
        self.answered: set[str] = set()
        """Labels of the attempts that were answered with success."""
        self.unanswered: dict[str, str] = {}
        """Labels of all other attempts, and what was said instead."""
        self.refused: list[str] = []
        self.last = ""
        """The last answered label that is not filtered."""
        self._transport, self._chance = transport, chance
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Ask to end after the attempt that is under way."""
        self._stopped.set()

    def run(self) -> None:
        """Send until stopped."""
        transport = self._transport()
        first = 0
        try:
            while not self._stopped.is_set():
                count = self._chance.choice(SIZES)
                self._deliver(transport, first, count)
                first += count
                self._stopped.wait(PAUSE_S)
        finally:
            transport.close()

    def _deliver(self, transport: Transport, first: int, count: int) -> None:
        attempt, wait_s = 0, FIRST_WAIT_S
        while not self._stopped.is_set():
            attempt += 1
            body = request(self.signal, self.name, first, attempt, count)
            answer = transport.send(self.signal, body)
            sent = labels(self.name, first, attempt, count)
            if answer.verdict is Verdict.KEPT:
                self.answered.update(sent)
                self.last = next(
                    (label for label in reversed(sent) if not FILTERED.search(label)), self.last
                )
                return
            self.unanswered.update(dict.fromkeys(sent, answer.said))
            if answer.verdict is Verdict.NEVER:
                self.refused.append(answer.said)
                return
            pause_s = wait_s * self._chance.uniform(1 - SPREAD, 1 + SPREAD)
            self._stopped.wait(pause_s if answer.hint_s is None else answer.hint_s)
            wait_s = min(GROWTH * wait_s, WAIT_MAX_S)
