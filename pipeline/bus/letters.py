"""The dead letters on JetStream: one stream for all, whose oldest go when it is full."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pipeline.bus import streams
from pipeline.bus.connection import Connection
from pipeline.bus.memory_letters import buried
from pipeline.bus.streams import DEAD_LETTERS
from pipeline.bus.verdicts import (
    GONE,
    NO_MESSAGE,
    WRONG_LAST_SEQUENCE,
    RefusalError,
    verdicts,
)
from pipeline.bus.wire import ACCEPTED, FOREIGN, Codec
from pipeline.errors import Overloaded
from pipeline.letter import REASON_LENGTH_MAX, Choice, Form, Letter, Page, Refused
from pipeline.ports import Message
from pipeline.position import Position
from pipeline.signal import Signal

REASON: Final = "Aura-Reason"
FIELD: Final = "Aura-Field"
FORM: Final = "Aura-Form"
CUT_FROM: Final = "Aura-Cut-From"

LOOKED_AT_MAX: Final = 1000
"""Letters that one page looks at: those of another tenant are passed over one by one."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_BURIED: Final = re.compile(r"dead\.[a-z]+\.(\d+)\.(\d+)\.(\d+)", re.ASCII)


class NatsLetters:
    """`letter.DeadLetters` and burying, on the connections of a `NatsBus`."""

    def __init__(
        self,
        writing: Connection,
        reading: Connection,
        codec: Codec,
        bytes_max: int,
        has_room: Callable[[], bool],
    ) -> None:
        self._writing = writing
        self._reading = reading
        self._codec = codec
        self._bytes_max = bytes_max
        self._has_room = has_room

    async def refuse(self, signal: Signal, refused: Refused) -> None:
        """Keep what a door refused, as `letter.DeadLetters` says."""
        if not self._has_room():
            raise Overloaded("the disk of the bus is nearly full (bus.disk_reserve)")
        with verdicts(publishing=True):
            await self._append(streams.refused_subject(signal), refused, {})

    async def bury(
        self, signal: Signal, partition: int, position: Position, message: Message, reason: str
    ) -> None:
        """
        Keep a message that cannot be stored, as `ports.Bus` says.

        Once for each position while the letter is there: the server itself refuses a second
        message on its subject. A payload above `message_bytes_max`, which no Aura published, is
        cut to it; the header Aura-Cut-From tells its length.
        """
        subject = streams.buried_subject(signal, partition, position)
        first = {"Nats-Expected-Last-Subject-Sequence": "0"}
        with verdicts():
            try:
                await self._append(subject, buried(message, reason, self._bytes_max), first)
            except RefusalError as error:
                if error.code != WRONG_LAST_SEQUENCE:
                    raise

    async def letters(self, choice: Choice, limit: int, bytes_max: int) -> Page:
        """Return some letters, as `letter.DeadLetters` says; a request to NATS for each."""
        found: list[Letter] = []
        size = 0
        subject = f"dead.{choice.signal or '*'}.>"
        seen = choice.after
        for _ in range(LOOKED_AT_MAX):
            raw = await self._raw({"seq": seen + 1, "next_by_subj": subject})
            if raw is None:
                return Page(found, None)
            letter = self._unpacked(raw)
            if letter is not None and choice.takes(letter):
                size += len(letter.content.payload)
                if found and (len(found) == limit or size > bytes_max):
                    break
                found.append(letter)
            seen = int(raw["seq"])
        return Page(found, seen)

    async def letter(self, number: int) -> Letter | None:
        """Return one letter, or None when it is not there; raises Unavailable."""
        raw = await self._raw({"seq": number})
        return None if raw is None else self._unpacked(raw)

    async def remove_letter(self, number: int) -> bool:
        """Remove a letter; False when it was not there."""
        with verdicts():
            try:
                await self._writing.request(f"STREAM.MSG.DELETE.{DEAD_LETTERS}", {"seq": number})
            except RefusalError as error:
                if error.code not in GONE or await self._raw({"seq": number}):
                    raise
                return False
        return True

    async def _append(self, subject: str, content: Refused, headers: Mapping[str, str]) -> None:
        records = FOREIGN if content.records is None else content.records
        message = Message(content.tenant, content.payload, records, 0, content.arrived_ns)
        packed, data = self._codec.pack(message)
        packed |= headers
        packed[REASON] = _CONTROL.sub(" ", content.reason)[:REASON_LENGTH_MAX]
        if content.field:
            packed[FIELD] = _CONTROL.sub(" ", content.field)[:REASON_LENGTH_MAX]
        packed[FORM] = content.form
        if not content.is_whole:
            packed[CUT_FROM] = str(content.size)
        await streams.append(self._writing, DEAD_LETTERS, subject, data, packed)

    async def _raw(self, which: Mapping[str, Any]) -> Mapping[str, Any] | None:
        with verdicts():
            try:
                answer = await self._reading.request(f"STREAM.MSG.GET.{DEAD_LETTERS}", which)
            except RefusalError as error:
                if error.code == NO_MESSAGE:
                    return None
                raise
        return answer["message"]  # type: ignore[no-any-return] # JSON of the server's

    def _unpacked(self, raw: Mapping[str, Any]) -> Letter | None:
        """Return the letter; None for what a stranger put on the stream under a name of his own."""
        _, signal, *_ = f"{raw['subject']}..".split(".")
        if signal not in set(Signal):
            return None
        headers = _headers(base64.b64decode(raw.get("hdrs", "")))
        counted = headers.get(ACCEPTED) != str(FOREIGN)
        message = self._codec.unpack(
            headers if counted else headers | {ACCEPTED: "0"}, base64.b64decode(raw.get("data", ""))
        )
        place = _BURIED.fullmatch(raw["subject"])
        cut_from = headers.get(CUT_FROM, "")
        form = headers.get(FORM, "")
        content = Refused(
            message.tenant,
            message.payload,
            headers.get(REASON, ""),
            message.accepted if counted and message.accepted >= 0 else None,
            message.arrived_ns,
            Form(form) if form in set(Form) else Form.PROTOBUF,
            int(cut_from) if cut_from.isdecimal() else len(message.payload),
            headers.get(FIELD, ""),
        )
        return Letter(
            int(raw["seq"]),
            Signal(signal),
            streams.time_ns(raw["time"]),
            content,
            int(place[1]) if place else None,
            Position(int(place[2]), int(place[3])) if place else None,
        )


def _headers(block: bytes) -> dict[str, str]:
    # The client's own reader takes them for those of an e-mail and loses what is not ASCII.
    lines = block.decode(errors="replace").split("\r\n")[1:]
    return {
        name: value.strip()
        for name, colon, value in (line.partition(":") for line in lines)
        if colon
    }
