"""A dead letter's second chance: through the door again, and out of the dead letters."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from otlp.codec.json import from_json
from otlp.codec.plain import from_plain
from otlp.door import Door
from otlp.letters import Sent
from otlp.receivers.letter_metrics import LetterMetrics
from otlp.receivers.plain import told
from pipeline.errors import Rejected, Unavailable
from pipeline.letter import DeadLetters, Form, Letter
from pipeline.signal import Signal


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a letter; `errors` in the form of plain JSON's answers."""

    accepted: int
    refused: int
    removed: bool
    errors: Sequence[Any]


class Busy(Exception):  # noqa: N818 - a verdict, named as one
    """The letter is being replayed just now."""


class Replay:
    """
    Sends letters through the door, each as a whole or not at all.

    In one process a letter is replayed once at a time. Two processes, or one that dies between the
    bus's acknowledgement and the removal, may both send it: twice is better than never.
    """

    def __init__(
        self,
        letters: DeadLetters,
        door: Door,
        metrics: LetterMetrics,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._letters = letters
        self._door = door
        self._metrics = metrics
        self._clock_ns = clock_ns
        self._busy: set[int] = set()

    async def __call__(self, letter: Letter, form: Form, body: bytes) -> Replayed | None:
        """
        Send this body in the letter's place; None when the letter has gone meanwhile.

        Raises Busy, and Overloaded and Unavailable as the door does: the letter is there then.
        """
        if letter.id in self._busy:
            raise Busy
        self._busy.add(letter.id)
        try:
            # Another may have finished since the letter was read.
            if await self._letters.letter(letter.id) is None:
                return None
            replayed = await self._send(letter, form, body)
        finally:
            self._busy.discard(letter.id)
        self._metrics.replayed(letter.signal, accepted=replayed.accepted > 0)
        return replayed

    async def _send(self, letter: Letter, form: Form, body: bytes) -> Replayed:
        signal = letter.signal
        try:
            payload, refused, errors = _read(signal, form, body, self._clock_ns())
            if refused:
                return Replayed(0, refused, removed=False, errors=errors)
            tenant, sent = letter.content.tenant, Sent(whole=True)
            outcome = await self._door.admit(signal, tenant, payload, sent=sent)
        except Rejected as error:
            records = letter.content.records or 0
            return Replayed(0, records, removed=False, errors=told(str(error)))
        if outcome.refused:
            return Replayed(0, outcome.refused, removed=False, errors=told(outcome.message))
        if not outcome.accepted:
            return Replayed(0, 0, removed=False, errors=told("there is no record in it"))
        try:
            removed = await self._letters.remove_letter(letter.id)
        except Unavailable as error:
            text = f"accepted, and not removed: do not replay it again, DELETE it ({error})"
            return Replayed(outcome.accepted, 0, removed=False, errors=told(text))
        gone = [] if removed else told("accepted; somebody else removed it meanwhile")
        return Replayed(outcome.accepted, 0, removed=removed, errors=gone)


def _read(signal: Signal, form: Form, body: bytes, now_ns: int) -> tuple[bytes, int, Sequence[Any]]:
    """Return the body as protobuf, what of it cannot be read, and why; raises Rejected."""
    if form is Form.PROTOBUF:
        return body, 0, []
    if form is Form.JSON:
        return from_json(signal, body), 0, []
    read = from_plain(signal, body, now_ns)
    return read.payload, read.refused, told(*read.errors)
