"""Dead letters on `ingestor.api`: to be listed, read, sent again and removed, by admins.

- `GET /v1/deadletters?after=&limit=&signal=`: `{"deadletters": […], "next": id or null}`, oldest
  first, without their payloads; `next` is the `after` of the next page. A page may have few or
  none and still a `next`: those of other tenants are passed over a thousand at a time;
- `GET /v1/deadletters/{id}`: one with its payload;
- `POST /v1/deadletters/{id}/replay`: its payload enters through the door again, as a whole or not
  at all, and it is removed when it was accepted: `{"accepted", "refused", "errors"}`, 400 when it
  is refused again;
- `DELETE /v1/deadletters/{id}`: removes it.

A key sees the letters of its own tenant; one that names no tenant sees all, or with X-Scope-OrgID
those of that tenant. Letters of others are answered as if they were not there. The application
needs a middleware that answers what is raised here.
"""

import asyncio
import re
from typing import Final

from aiohttp import web

from otlp.receivers.cors import Cors
from otlp.receivers.letter_form import full, head
from otlp.receivers.plain import respond
from otlp.receivers.replay import Busy, Replay
from otlp.receivers.status import Refusal
from pipeline.errors import Forbidden, Rejected
from pipeline.guard import guarded, identity
from pipeline.keyring import Access, Keyring
from pipeline.letter import Choice, DeadLetters, Letter
from pipeline.signal import Signal

PATH: Final = "/v1/deadletters"
LIMIT: Final = 20
LIMIT_MAX: Final = 100
PAGE_BYTES_MAX: Final = 8 * 2**20
"""Bytes of payload that are read for one page."""

NUMBER_MAX: Final = 2**63 - 1


def routes(
    letters: DeadLetters, replay: Replay, cors: Cors, keyring: Keyring
) -> list[web.RouteDef]:
    """Return the routes; each takes a key that may `admin`."""
    api = Api(letters, replay, cors)
    return guarded(
        [
            web.get(PATH, api.list),
            web.get(PATH + "/{id}", api.one),
            web.delete(PATH + "/{id}", api.remove),
            web.post(PATH + "/{id}/replay", api.replay),
        ],
        keyring,
        Access.ADMIN,
    )


class Api:
    """The handlers."""

    def __init__(self, letters: DeadLetters, replay: Replay, cors: Cors) -> None:
        self._letters = letters
        self._replay = replay
        self._cors = cors

    async def list(self, request: web.Request) -> web.Response:
        """Answer a page of letters."""
        choice, limit = _asked(request)
        page = await self._letters.letters(choice, limit, PAGE_BYTES_MAX)
        return respond({"deadletters": list(map(head, page.letters)), "next": page.next})

    async def one(self, request: web.Request) -> web.Response:
        """Answer one letter."""
        letter = await self._found(request)
        return respond(await asyncio.to_thread(full, letter))

    async def remove(self, request: web.Request) -> web.Response:
        """Remove a letter."""
        self._demand(request)
        letter = await self._found(request)
        if not await self._letters.remove_letter(letter.id):
            raise _absent(letter.id)
        return web.Response(status=204)

    async def replay(self, request: web.Request) -> web.Response:
        """Send a letter's payload through the door again."""
        self._demand(request)
        letter = await self._found(request)
        if not letter.content.is_whole:
            size, kept = letter.content.size, len(letter.content.payload)
            text = f"only the first {kept} of its {size} bytes are kept, so it cannot be replayed"
            raise web.HTTPConflict(reason=text)
        try:
            replayed = await self._replay(letter)
        except Busy as error:
            raise web.HTTPConflict(reason="it is being replayed just now") from error
        if replayed is None:
            raise _absent(letter.id)
        errors = [{"message": replayed.error}] if replayed.error else []
        answer = {"accepted": replayed.accepted, "refused": replayed.refused, "errors": errors}
        return respond(answer, 200 if replayed.accepted else 400)

    def _demand(self, request: web.Request) -> None:
        """Refuse a page of a foreign origin: without keys its browser would be enough."""
        try:
            self._cors.demand(request)
        except Refusal as error:
            raise Forbidden(str(error)) from error

    async def _found(self, request: web.Request) -> Letter:
        _known(request, ())
        number = _number("id", request.match_info["id"], 1)
        letter = await self._letters.letter(number)
        if letter is None or _tenant(request) not in {None, letter.content.tenant}:
            raise _absent(number)
        return letter


def _tenant(request: web.Request) -> str | None:
    """Return whose letters a request is about; None: everybody's."""
    who = identity(request)
    return None if who.anyones else who.tenant


def _absent(number: int) -> web.HTTPNotFound:
    return web.HTTPNotFound(reason=f"there is no dead letter {number}")


def _asked(request: web.Request) -> tuple[Choice, int]:
    _known(request, ("after", "limit", "signal"))
    given = request.query
    after = _number("after", given.get("after", "0"), 0)
    limit = _number("limit", given.get("limit", str(LIMIT)), 1, LIMIT_MAX)
    signal = given.get("signal")
    if signal is not None and signal not in set(Signal):
        raise Rejected(f"signal: must be one of {', '.join(Signal)}")
    return Choice(after, Signal(signal) if signal else None, _tenant(request)), limit


def _known(request: web.Request, names: tuple[str, ...]) -> None:
    for name in request.query:
        if name not in names:
            known = f"there are {', '.join(names)}" if names else "there is none here"
            raise Rejected(f"{name[:50]}: no such parameter; {known}")
        if len(request.query.getall(name)) > 1:
            raise Rejected(f"{name}: is given more than once")


def _number(name: str, text: str, least: int, most: int = NUMBER_MAX) -> int:
    if not re.fullmatch("[0-9]{1,19}", text, re.ASCII) or not least <= int(text) <= most:
        raise Rejected(f"{name}: must be an integer from {least} to {most}")
    return int(text)
