"""What the doors do not take, on its way to the dead letters."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import structlog

from otlp.codec.cuts import Allowance, Cut
from otlp.codec.excerpt import excerpts
from otlp.codec.json import Misread
from otlp.config import DeadLettersConfig
from otlp.receivers.metrics import Metrics
from pipeline.errors import AuraError, Rejected, TooLarge
from pipeline.letter import REASON_LENGTH_MAX, DeadLetters, Form, Refused
from pipeline.signal import Signal

LETTER_BYTES: Final = 1024
"""What a waiting letter costs besides its payload."""

EXCERPTS_BYTES_MAX: Final = 2**20
"""Records of one request that are written as JSON: some milliseconds of work."""

CLOSE_WAIT_S: Final = 2.0

_log = structlog.get_logger(__name__)


class LetterBox:
    """
    A bounded queue before the dead letters; an async context manager.

    Nobody waits for it: what finds no room is dropped and counted, and so is what the bus does not
    take at the first attempt. One letter is written at a time, at most `config.rate` a second, so
    that a flood of bad requests costs little and does not wash away the letters of the others.
    Leaving writes what waits, for at most 2 s.

    A body that is too large, too slow or does not decompress never came to be one: none is kept.
    """

    def __init__(
        self,
        letters: DeadLetters,
        config: DeadLettersConfig,
        metrics: Metrics,
        *,
        message_bytes_max: int,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._letters = letters
        self._config = config
        self._metrics = metrics
        self._message_bytes_max = message_bytes_max
        self._clock_ns = clock_ns
        self._pause_s = 1 / config.rate
        self._queue: asyncio.Queue[tuple[Signal, Refused]] = asyncio.Queue()
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None

    @property
    def allowance(self) -> Allowance:
        """What one request may leave here now."""
        config = self._config
        # Without room for one letter nothing is cut out: a flood then costs no more than a count.
        room = config.waiting_bytes_max - self._waiting_bytes - LETTER_BYTES
        return Allowance(config.request_letters_max, config.letter_bytes_max, room)

    def unread(self, signal: Signal, tenant: str, form: Form, body: bytes, error: Rejected) -> None:
        """Keep a request that could not be read, or the beginning of a long one."""
        if not body or not self._config.request_letters_max:
            return
        kept = body[: self._config.letter_bytes_max]
        reason = str(error)[:REASON_LENGTH_MAX]
        field = error.path[:REASON_LENGTH_MAX] if isinstance(error, Misread) else ""
        now_ns = self._clock_ns()
        letter = Refused(tenant, kept, reason, None, now_ns, form, len(body), field)
        for one in self._taken(signal, [letter]):
            self._queue.put_nowait((signal, one))

    @contextmanager
    def holding(self, signal: Signal, letters: Sequence[Refused], refused: int) -> Iterator[None]:
        """
        Hold room for the letters of a request, and send them when it is answered with success.

        After an error its sender comes again, and so do the letters. `refused` counts the records
        of which these are the first.
        """
        kept = self._taken(signal, letters)
        try:
            yield
        except BaseException:
            self._waiting_bytes -= sum(map(_size, kept))
            raise
        if self._config.request_letters_max and refused > len(letters):
            self._metrics.letters_dropped(signal, "many", refused - len(letters))
        for letter in kept:
            self._queue.put_nowait((signal, letter))

    def written(
        self, signal: Signal, tenant: str, cuts: Sequence[Cut], body: bytes
    ) -> Sequence[Refused]:
        """Return what was cut out of a request as letters; `body` is the OTLP/JSON it came as."""
        now_ns = self._clock_ns()
        letters = [_letter(tenant, cut, now_ns) for cut in cuts]
        if not (cuts and body):
            return letters
        places = [cut.index for cut in cuts]
        texts = excerpts(signal, body, places, EXCERPTS_BYTES_MAX)
        return [
            replace(letter, payload=text, form=Form.JSON, size=len(text))
            if text is not None and len(text) <= self._config.letter_bytes_max
            else letter
            for letter, text in zip(letters, texts, strict=True)
        ]

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pause_s = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WAIT_S):
                await self._queue.join()
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait({self._writer})

    def _taken(self, signal: Signal, letters: Sequence[Refused]) -> Sequence[Refused]:
        """Return those that there is room for, which is taken."""
        for index, letter in enumerate(letters):
            if self._waiting_bytes + _size(letter) > self._config.waiting_bytes_max:
                self._metrics.letters_dropped(signal, "full", len(letters) - index)
                return letters[:index]
            self._waiting_bytes += _size(letter)
        return letters

    async def _write(self) -> None:
        while True:
            signal, letter = await self._queue.get()
            try:
                await self._refuse(signal, letter)
            except AuraError:
                self._metrics.letters_dropped(signal, "bus")
            except Exception as error:  # noqa: BLE001 - a bug must not end the next letter's turn
                _log.error("writing a dead letter failed by a bug", exc_info=error)
                self._metrics.letters_dropped(signal, "bus")
            else:
                self._metrics.letter_buried(signal)
            finally:
                self._waiting_bytes -= _size(letter)
                self._queue.task_done()
            if self._pause_s:
                await asyncio.sleep(self._pause_s)

    async def _refuse(self, signal: Signal, letter: Refused) -> None:
        try:
            await self._letters.refuse(signal, letter)
        except TooLarge:  # its beginning is not
            cut = replace(letter, payload=letter.payload[: self._message_bytes_max])
            await self._letters.refuse(signal, cut)


def _size(letter: Refused) -> int:
    return LETTER_BYTES + len(letter.payload)


def _letter(tenant: str, cut: Cut, now_ns: int) -> Refused:
    reason, field = cut.reason[:REASON_LENGTH_MAX], cut.field[:REASON_LENGTH_MAX]
    return Refused(tenant, cut.payload, reason, 1, now_ns, cut.form, cut.size, field)
