"""Dead letters on `ingestor.api`: to be listed, read, sent again and removed.

- `GET /v1/deadletters?after=&limit=&signal=`: `{"deadletters": […], "next": id or null}`, oldest
  first; `next` is the `after` of the next page;
- `GET /v1/deadletters/{id}`: one with its whole payload;
- `POST /v1/deadletters/{id}/replay`: its payload, or a corrected one as the body, enters through
  the door again, as a whole or not at all; the letter is removed when it was accepted:
  `{"accepted": n, "refused": m, "removed": true or false, "errors": […]}`;
- `DELETE /v1/deadletters/{id}`: removes it.

The application needs a middleware that answers what is raised here.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

from aiohttp import web

from otlp.config import IngestorConfig
from otlp.door import Door
from otlp.receivers import intake
from otlp.receivers.letter_form import full, listed
from otlp.receivers.letter_metrics import LetterMetrics
from otlp.receivers.plain import expected_later, respond
from otlp.receivers.replay import Busy, Replay, Replayed
from pipeline.errors import Rejected
from pipeline.letter import Choice, DeadLetters, Form, Letter
from pipeline.signal import Signal

PATH: Final = "/v1/deadletters"
LIMIT: Final = 20
LIMIT_MAX: Final = 100
PAGE_BYTES_MAX: Final = 2**20
"""Bytes of payload that one page brings, before they are JSON."""

NUMBER_MAX: Final = 2**63 - 1

Whose = Callable[[web.Request], str | None]
"""Tells the tenant whose letters a request may see and send, None for all of them."""


def everybodys(_: web.Request) -> str | None:
    """Let anybody see everything."""
    return None


def routes(
    letters: DeadLetters,
    door: Door,
    config: IngestorConfig,
    metrics: LetterMetrics,
    whose: Whose = everybodys,
) -> list[web.RouteDef]:
    """Return the routes, for a server that does not decompress by itself."""
    api = Api(letters, Replay(letters, door, metrics), door, config, whose)
    return [
        web.get(PATH, api.list),
        web.get(PATH + "/{id}", api.one),
        web.delete(PATH + "/{id}", api.remove),
        web.post(PATH + "/{id}/replay", api.replay, expect_handler=expected_later),
    ]


class Api:
    """The handlers."""

    def __init__(
        self,
        letters: DeadLetters,
        replay: Replay,
        door: Door,
        config: IngestorConfig,
        whose: Whose,
    ) -> None:
        self._letters = letters
        self._replay = replay
        self._door = door
        self._config = config
        self._whose = whose
        self._under_way: set[asyncio.Task[Any]] = set()

    async def list(self, request: web.Request) -> web.Response:
        """Answer a page of letters."""
        choice, limit = _asked(request, self._whose(request))
        page = await self._letters.letters(choice, limit, PAGE_BYTES_MAX)
        shown = await asyncio.to_thread(lambda: [listed(letter) for letter in page.letters])
        return respond({"deadletters": shown, "next": page.next})

    async def one(self, request: web.Request) -> web.Response:
        """Answer one letter."""
        letter = await self._found(request)
        return respond(await asyncio.to_thread(full, letter))

    async def remove(self, request: web.Request) -> web.Response:
        """Remove a letter."""
        letter = await self._found(request)
        if not await self._letters.remove_letter(letter.id):
            raise _absent(letter.id)
        return web.Response(status=204)

    async def replay(self, request: web.Request) -> web.Response:
        """Send a letter's payload through the door again, or the body instead."""
        letter = await self._found(request)
        with self._door.room() as room:
            body = await intake.body(request, intake.compression(request), self._config, room)
            if body:
                as_protobuf = intake.media_type(request) == intake.PROTOBUF
                form = Form.PROTOBUF if as_protobuf else Form.PLAIN
            elif not letter.content.is_whole:
                size, kept = letter.content.size, len(letter.content.payload)
                text = f"only the first {kept} of its {size} bytes are kept; send it whole as body"
                raise web.HTTPConflict(reason=f"dead letter {letter.id}: {text}")
            else:
                form, body = letter.content.form, letter.content.payload
        try:
            # What has begun is finished although the client may go: a letter that was accepted
            # and stays would be sent again.
            replayed = await self._finished(self._replay(letter, form, body))
        except Busy as error:
            text = f"dead letter {letter.id} is being replayed just now"
            raise web.HTTPConflict(reason=text) from error
        if replayed is None:
            raise _absent(letter.id)
        return _answer(replayed)

    async def _found(self, request: web.Request) -> Letter:
        tenant = self._whose(request)
        number = _number("id", request.match_info["id"], 1)
        letter = await self._letters.letter(number)
        if letter is None or tenant not in {None, letter.content.tenant}:
            raise _absent(number)
        return letter

    async def _finished(self, work: Coroutine[Any, Any, Replayed | None]) -> Replayed | None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)


def _answer(replayed: Replayed) -> web.Response:
    content = {
        "accepted": replayed.accepted,
        "refused": replayed.refused,
        "removed": replayed.removed,
        "errors": replayed.errors,
    }
    return respond(content, 200 if replayed.accepted else 400)


def _absent(number: int) -> web.HTTPNotFound:
    return web.HTTPNotFound(reason=f"there is no dead letter {number}")


def _asked(request: web.Request, tenant: str | None) -> tuple[Choice, int]:
    given = request.query
    for name in given:
        if name not in {"after", "limit", "signal"}:
            raise Rejected(f"{name[:50]}: no such parameter; there are after, limit and signal")
        if len(given.getall(name)) > 1:
            raise Rejected(f"{name}: is given more than once")
    after = _number("after", given.get("after", "0"), 0)
    limit = _number("limit", given.get("limit", str(LIMIT)), 1, LIMIT_MAX)
    signal = given.get("signal")
    if signal is not None and signal not in set(Signal):
        raise Rejected(f"signal: must be one of {', '.join(Signal)}")
    return Choice(after, Signal(signal) if signal else None, tenant), limit


def _number(name: str, text: str, least: int, most: int = NUMBER_MAX) -> int:
    if not re.fullmatch("[0-9]{1,19}", text, re.ASCII) or not least <= int(text) <= most:
        raise Rejected(f"{name}: must be an integer from {least} to {most}")
    return int(text)
