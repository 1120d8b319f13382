"""The dead letters of the bus in memory."""

from collections.abc import Callable, Sequence
from itertools import count

from pipeline.bus.config import BusConfig
from pipeline.letter import REASON_LENGTH_MAX, Choice, Letter, Page, Refused
from pipeline.ports import Message
from pipeline.position import Position
from pipeline.signal import Signal


class MemoryLetters:
    """`letter.DeadLetters` in this process; beyond a bound of the config the oldest go."""

    def __init__(self, config: BusConfig, clock_ns: Callable[[], int]) -> None:
        self._bytes_max = config.dead_letters_bytes_max
        self._number_max = config.dead_letters_max
        self._age_ns = round(config.dead_letters_age * 10**9)
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
        self._tidy()
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
        self._tidy()
        return self._letters.get(number)

    async def remove_letter(self, number: int) -> bool:
        """Remove a letter; False when it was not there."""
        letter = self._letters.pop(number, None)
        if letter is None:
            return False
        self._size -= len(letter.content.payload)
        return True

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
        self._tidy()

    def _tidy(self) -> None:
        """Let the oldest go that are too many, too large together, or too old."""
        expired_ns = self._now_ns() - self._age_ns
        while self._letters:
            oldest = next(iter(self._letters.values()))
            many = len(self._letters) > self._number_max or self._size > self._bytes_max
            if not many and oldest.stored_ns > expired_ns:
                return
            del self._letters[oldest.id]
            self._size -= len(oldest.content.payload)


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
