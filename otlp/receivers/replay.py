"""A dead letter's second chance: through the door again, and out of the dead letters."""

import asyncio
from dataclasses import dataclass
from typing import Final

from otlp.codec.validate import Checked, validate
from otlp.door import Door
from otlp.receivers.letter_form import as_protobuf
from otlp.receivers.metrics import Metrics
from pipeline.errors import Rejected, Unavailable
from pipeline.letter import DeadLetters, Letter

REMOVALS_MAX: Final = 3
"""Attempts to remove a letter that was accepted."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a letter: it is as it was unless all of its records were accepted."""

    accepted: int
    refused: int
    error: str = ""


class Busy(Exception):  # noqa: N818 - a verdict, named as one
    """The letter is being replayed just now."""


class Replay:
    """
    Sends letters through the door, each as a whole or not at all.

    In one process a letter is replayed once at a time. Two processes at one time may both send it,
    and so may one that dies between the bus's acknowledgement and the removal: that attempt was not
    answered.
    """

    def __init__(
        self, letters: DeadLetters, door: Door, metrics: Metrics, *, message_bytes_max: int
    ) -> None:
        self._letters = letters
        self._door = door
        self._metrics = metrics
        self._message_bytes_max = message_bytes_max
        self._under_way: dict[int, asyncio.Task[Replayed | None]] = {}

    async def __call__(self, letter: Letter) -> Replayed | None:
        """
        Send a complete letter; None when it has gone meanwhile.

        Raises Busy, and Overloaded and Unavailable as the door does: the letter is there then.
        Cancelling gives up the answer only.
        """
        if letter.id in self._under_way:
            raise Busy
        # Finished although the client may go: a letter that was accepted and stays would be sent
        # again.
        task = self._under_way[letter.id] = asyncio.create_task(self._replay(letter))
        task.add_done_callback(lambda _: self._under_way.pop(letter.id))
        return await asyncio.shield(task)

    async def _replay(self, letter: Letter) -> Replayed | None:
        # Another may have finished since the letter was read.
        if await self._letters.letter(letter.id) is None:
            return None
        try:
            replayed = await self._send(letter)
        except Rejected as error:
            replayed = Replayed(0, letter.content.records or 0, str(error))
        accepted = replayed.accepted > 0
        self._metrics.letter_replayed(letter.signal, accepted=accepted)
        if accepted and not await self._removed(letter.id):
            return Replayed(replayed.accepted, 0, "another replay or DELETE came in between")
        return replayed

    async def _send(self, letter: Letter) -> Replayed:
        size = letter.content.size
        payload = await self._door.aside.run(size, as_protobuf, letter)
        # Looked at before it enters: the door would take the valid part and bury the rest anew.
        checked = await self._door.aside.run(size, self._check, letter, payload)
        if checked.refused:
            return Replayed(0, checked.refused, checked.message)
        if not checked.accepted:
            return Replayed(0, 0, "there is no record in it")
        outcome = await self._door.admit(letter.signal, letter.content.tenant, payload)
        return Replayed(outcome.accepted, outcome.refused, outcome.message)

    def _check(self, letter: Letter, payload: bytes) -> Checked:
        return validate(letter.signal, payload, self._message_bytes_max)

    async def _removed(self, number: int) -> bool:
        for attempt in range(1, REMOVALS_MAX + 1):
            try:
                return await self._letters.remove_letter(number)
            except Unavailable as error:
                if attempt == REMOVALS_MAX:
                    raise Unavailable(
                        f"dead letter {number} was accepted and could not be removed: "
                        f"do not replay it again, DELETE it ({error})"
                    ) from error
        raise AssertionError("unreachable")
