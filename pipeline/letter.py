"""Dead letters: what was not taken, with its reason and its bytes, kept to be read and replayed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, Protocol

from pipeline.position import Position
from pipeline.signal import Signal

REASON_LENGTH_MAX: Final = 1000
"""Characters of a reason or a field; a longer one is cut."""


class Form(StrEnum):
    """What the bytes of a letter are."""

    PROTOBUF = "protobuf"
    """An Export…ServiceRequest in protobuf."""
    JSON = "json"
    """The same in OTLP/JSON."""
    PLAIN = "plain"
    """Plain JSON, as `otlp.codec.plain` reads it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """
    What a door did not take of one request, for one reason.

    `payload` is a request of its own: of `records` records with what is around them, or, when
    `records` is None, all of a request that could not be read. `size` is its length in bytes; where
    that is more than the payload's, the payload is only its beginning. `arrived_ns` is the door's
    time. `field` names what breaks the rule, where one field does.
    """

    tenant: str
    payload: bytes
    reason: str
    records: int | None
    arrived_ns: int
    form: Form = Form.PROTOBUF
    size: int = 0
    field: str = ""

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing of it was cut off."""
        return self.size <= len(self.payload)


@dataclass(frozen=True, slots=True)
class Letter:
    """
    A dead letter as the bus holds it; `id` rises from letter to letter and is never given again.

    `content` is what a door refused, or a message that the committer buried: then `position` and
    `partition` say where it stood in its log.
    """

    id: int
    signal: Signal
    stored_ns: int
    content: Refused
    partition: int | None = None
    position: Position | None = None

    @property
    def origin(self) -> Literal["door", "committer"]:
        """Who did not take it."""
        return "door" if self.position is None else "committer"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant: those above `after`, of a signal, of a tenant; None is all."""

    after: int = 0
    signal: Signal | None = None
    tenant: str | None = None

    def takes(self, letter: Letter) -> bool:
        """Tell whether a letter is one of them."""
        return (
            letter.id > self.after
            and self.signal in {None, letter.signal}
            and self.tenant in {None, letter.content.tenant}
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Letters in the order of their ids; `next` goes on after them, None where none is left."""

    letters: Sequence[Letter]
    next: int | None


class DeadLetters(Protocol):
    """A log of letters for all signals, bounded by bytes, number and age: the oldest go."""

    async def refuse(self, signal: Signal, refused: Refused) -> None:
        """
        Keep what a door refused; return once it is on disk.

        Raises Overloaded when the disk is full, Unavailable when the bus does not answer (then it
        may or may not be there), Rejected when it is larger than the bus takes.
        """
        ...

    async def letters(self, choice: Choice, limit: int, bytes_max: int) -> Page:
        """
        Return at most `limit` letters and about `bytes_max` of payload, but at least one.

        A page may have fewer, or none, and still a `next`: the bus looks at a bounded number of
        letters at a time. Raises Unavailable.
        """
        ...

    async def letter(self, number: int) -> Letter | None:
        """Return one letter, or None when it is not there; raises Unavailable."""
        ...

    async def remove_letter(self, number: int) -> bool:
        """
        Remove a letter for good; False when it was not there: of several removers one has True.

        Raises Unavailable; then it may or may not be gone.
        """
        ...
