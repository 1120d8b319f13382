"""What the door does not take, on its way to the dead letters."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import structlog

from otlp.codec.cuts import Cut
from otlp.codec.excerpt import excerpts
from otlp.config import DeadLettersConfig
from otlp.receivers.letter_metrics import LetterMetrics
from pipeline.errors import AuraError
from pipeline.letter import REASON_LENGTH_MAX, DeadLetters, Form, Refused
from pipeline.signal import Signal

LETTER_BYTES: Final = 1024
"""What a waiting letter costs besides its payload."""

WATCH_S: Final = 15.0
"""How often the pile is looked at for the metrics."""

CLOSE_WAIT_S: Final = 2.0

log = structlog.get_logger()


@dataclass(slots=True)
class Sent:
    """
    What a receiver made a payload of.

    `body` is what was sent, where that is JSON; the door takes it away once it has looked. `counts`
    and `cuts` are what the receiver left out. With `whole` the payload is taken as a whole or not
    at all, and no letter is written of it.
    """

    form: Form = Form.PROTOBUF
    body: bytes = b""
    counts: Mapping[str, int] = field(default_factory=dict)
    cuts: Sequence[Cut] = ()
    whole: bool = False


class LetterBox:
    """
    A bounded queue before the dead letters; an async context manager.

    Nobody waits for it: what finds no room is dropped and counted, and so is what the bus does not
    take at the first attempt. One letter is written at a time, at most `config.rate` a second, so
    that a flood of bad requests costs little and does not wash away the letters of the others.
    Leaving writes what waits, for at most 2 s.
    """

    def __init__(
        self,
        letters: DeadLetters,
        config: DeadLettersConfig,
        metrics: LetterMetrics,
        message_bytes_max: int,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._clock_ns = clock_ns
        self._letters = letters
        self._waiting_bytes_max = config.waiting_bytes_max
        self._request_bytes_max = min(config.request_bytes_max, message_bytes_max)
        self._pause_s = 1 / config.rate
        self._metrics = metrics
        self._queue: asyncio.Queue[tuple[Signal, Refused]] = asyncio.Queue()
        self._waiting = 0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def request_bytes_max(self) -> int:
        """What one request may leave here; 0 while there is no room for as much."""
        most = self._request_bytes_max
        return most if self._waiting + most <= self._waiting_bytes_max else 0

    def written(
        self, signal: Signal, tenant: str, cuts: Sequence[Cut], sent: Sent
    ) -> Sequence[Refused]:
        """Return what was cut out of a request as letters; as OTLP/JSON where it came as such."""
        now_ns = self._clock_ns()
        letters = [
            Refused(tenant, cut.payload, cut.reason, cut.records, now_ns, sent.form, cut.size)
            for cut in sent.cuts
        ]
        texts: Sequence[bytes | None] = [None] * len(cuts)
        if cuts and sent.form is Form.JSON:
            texts = excerpts(signal, sent.body, [cut.indices for cut in cuts])
        for cut, text in zip(cuts, texts, strict=True):
            form, payload, size = Form.PROTOBUF, cut.payload, cut.size
            if text is not None and cut.indices and len(text) <= self._request_bytes_max:
                form, payload, size = Form.JSON, text, len(text)
            letters.append(Refused(tenant, payload, cut.reason, cut.records, now_ns, form, size))
        return letters

    @contextmanager
    def holding(self, signal: Signal, letters: Sequence[Refused]) -> Iterator[None]:
        """
        Hold room for the letters of a request, and send them when it is answered.

        After an error its sender comes again, and so do the letters.
        """
        kept = self._taken(signal, letters)
        try:
            yield
        except BaseException:
            self._waiting -= sum(map(_size, kept))
            raise
        for letter in kept:
            self._queue.put_nowait((signal, letter))

    def send_unread(
        self, signal: Signal, tenant: str, form: Form, body: bytes, reason: str
    ) -> None:
        """Have the beginning of a request written that could not be read."""
        kept = body[: self._request_bytes_max]
        if kept:
            reason = reason[:REASON_LENGTH_MAX]
            letter = Refused(tenant, kept, reason, None, self._clock_ns(), form, len(body))
            with self.holding(signal, [letter]):
                pass

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._watch())]
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
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        while not self._queue.empty():
            self._metrics.dropped(self._queue.get_nowait()[0], "stopped")

    def _taken(self, signal: Signal, letters: Sequence[Refused]) -> Sequence[Refused]:
        """Return those that there is room for, which is taken."""
        for index, letter in enumerate(letters):
            if self._waiting + _size(letter) > self._waiting_bytes_max:
                self._metrics.dropped(signal, "full", len(letters) - index)
                return letters[:index]
            self._waiting += _size(letter)
        return letters

    async def _write(self) -> None:
        while True:
            signal, letter = await self._queue.get()
            try:
                await self._letters.refuse(signal, letter)
            except AuraError:
                self._metrics.dropped(signal, "bus")
            except Exception as error:  # whatever it is, the next letter has its turn
                log.error("writing a dead letter failed by a bug", exc_info=error)
                self._metrics.dropped(signal, "bus")
            else:
                self._metrics.written(signal)
            finally:
                self._waiting -= _size(letter)
                self._queue.task_done()
            await asyncio.sleep(self._pause_s)

    async def _watch(self) -> None:
        while True:
            with suppress(AuraError):
                self._metrics.pile(await self._letters.pile())
            await asyncio.sleep(WATCH_S)


def _size(letter: Refused) -> int:
    return LETTER_BYTES + len(letter.payload)
