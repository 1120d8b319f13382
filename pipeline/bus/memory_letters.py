"""The dead letters of the bus in memory."""

from collections.abc import Callable, Sequence
from itertools import count

from pipeline.letter import REASON_LENGTH_MAX, Choice, Letter, Page, Pile, Refused
from pipeline.ports import Message
from pipeline.position import Position
from pipeline.signal import Signal


class MemoryLetters:
    """`letter.DeadLetters` in this process; when they pass `bytes_max` the oldest go."""

    def __init__(self, bytes_max: int, clock_ns: Callable[[], int]) -> None:
        self._bytes_max = bytes_max
        self._now_ns = clock_ns
        self._numbers = count(1)
        self._letters: dict[int, Letter] = {}
        self._size = 0

    @property
    def buried(self) -> Sequence[Letter]:
        """What the committer buried, oldest first."""
        return [letter for letter in self._letters.values() if letter.position is not None]

    async def refuse(self, signal: Signal, refused: Refused) -> None:
        """Keep what a door refused."""
        self._keep(signal, refused)

    async def bury(
        self, signal: Signal, partition: int, position: Position, message: Message, reason: str
    ) -> None:
        """Keep a message that cannot be stored; once for each position."""
        place = (signal, partition, position)
        if any((old.signal, old.partition, old.position) == place for old in self.buried):
            return
        self._keep(signal, buried(message, reason), partition, position)

    async def letters(self, choice: Choice, limit: int, bytes_max: int) -> Page:
        """Return some letters, as `letter.DeadLetters` says."""
        found: list[Letter] = []
        size = 0
        for letter in self._letters.values():
            if not choice.takes(letter):
                continue
            size += len(letter.content.payload)
            if found and (len(found) == limit or size > bytes_max):
                return Page(found, found[-1].id)
            found.append(letter)
        return Page(found, None)

    async def letter(self, number: int) -> Letter | None:
        """Return one letter, or None when it is not there."""
        return self._letters.get(number)

    async def remove_letter(self, number: int) -> bool:
        """Remove a letter; False when it was not there."""
        letter = self._letters.pop(number, None)
        if letter is None:
            return False
        self._size -= len(letter.content.payload)
        return True

    async def pile(self) -> Pile:
        """Return what there is."""
        oldest = next(iter(self._letters.values()), None)
        return Pile(len(self._letters), self._size, None if oldest is None else oldest.stored_ns)

    def _keep(
        self,
        signal: Signal,
        content: Refused,
        partition: int | None = None,
        position: Position | None = None,
    ) -> None:
        number = next(self._numbers)
        self._letters[number] = Letter(number, signal, self._now_ns(), content, partition, position)
        self._size += len(content.payload)
        while self._size > self._bytes_max:
            gone = self._letters.pop(next(iter(self._letters)))
            self._size -= len(gone.content.payload)


def buried(message: Message, reason: str, bytes_max: int | None = None) -> Refused:
    """Return a message that cannot be stored as the content of a letter, cut to `bytes_max`."""
    return Refused(
        message.tenant,
        message.payload[:bytes_max],
        reason[:REASON_LENGTH_MAX],
        None if message.accepted < 0 else message.accepted,
        message.arrived_ns,
        size=len(message.payload),
    )
