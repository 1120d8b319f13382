"""CORS: which web pages may send, and how their browsers are told (Fetch standard, section 3.2)."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from grpc import StatusCode

from otlp.config import CorsConfig
from otlp.receivers.intake import refusal

SAFE_HEADERS: Final = {"accept", "content-type", "content-encoding", "x-requested-with"}
"""Without Content-Type no page could send OTLP at all."""

_ASKED: Final = ", ".join(
    (hdrs.ORIGIN, hdrs.ACCESS_CONTROL_REQUEST_METHOD, hdrs.ACCESS_CONTROL_REQUEST_HEADERS)
)


class Cors:
    """The permission of web pages; off, so that no answer knows of CORS, without any origin."""

    def __init__(self, config: CorsConfig) -> None:
        self.on = bool(config.allowed_origins)
        self._any = "*" in config.allowed_origins
        self._origins = config.allowed_origins
        self._headers = SAFE_HEADERS | {name.lower() for name in config.allowed_headers}
        self._max_age_s = round(config.max_age)

    def preflight(self, request: web.BaseRequest) -> web.Response | None:
        """
        Return the answer to a preflight: 204, with permission or without; None for anything else.

        A browser sends it without credentials, so it is to be answered before keys are asked for.
        """
        method = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD)
        origin = request.headers.get(hdrs.ORIGIN)
        if not self.on or request.method != hdrs.METH_OPTIONS or not method or origin is None:
            return None
        answer = web.Response(status=204, headers={hdrs.VARY: _ASKED})
        wanted = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")
        if method == hdrs.METH_POST and self._allows(origin) and self._permits(wanted):
            answer.headers.update(self._permission(origin))
            answer.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = hdrs.METH_POST
            if wanted:
                answer.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = wanted
            if self._max_age_s:
                answer.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = str(self._max_age_s)
        return answer

    def mark(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Let the page read the answer, whether it is a success or not, if it may send."""
        if not self.on:
            return
        response.headers[hdrs.VARY] = hdrs.ORIGIN
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and self._allows(origin):
            response.headers.update(self._permission(origin))
            # Otherwise a browser hides from the SDK when it is to come back.
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = hdrs.RETRY_AFTER

    def demand(self, request: web.BaseRequest) -> None:
        """
        Raise Refusal for a request that a page sends which may not: its `Origin` tells.

        For listeners that take content types which browsers send without a preflight. Browsers name
        the origin in every POST, other clients do not:

        - A foreign page (a form, a no-cors fetch) has its own origin, which is refused.
        - `null` (a sandboxed frame, a file, some redirects) may be anybody, so only `*` allows it.
        - The listener's own origin is let in, but only under an address or localhost: under any
          other name it may be a foreign page whose name was made to point here (DNS rebinding). A
          proxy's name belongs into allowed_origins.

        Not covered: clients that are no browsers, which can say anything; keys are for those. The
        OTLP listener does not call this, as it takes only what needs a preflight; a rebound page
        passes there, as it does everywhere without keys.
        """
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or self._allows(origin) or _is_own(origin, request.host):
            return
        text = (
            f"a page of {origin} may not send here: ingestor.cors.allowed_origins does not name it"
        )
        raise refusal(StatusCode.PERMISSION_DENIED, 403, text)

    def _allows(self, origin: str) -> bool:
        return any(_matches(pattern, origin.lower()) for pattern in self._origins)

    def _permits(self, wanted: str) -> bool:
        names = {name.strip().lower() for name in wanted.split(",")} - {""}
        return "*" in self._headers or names <= self._headers

    def _permission(self, origin: str) -> dict[str, str]:
        return {
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*" if self._any else origin,
            hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS: "true",
        }


def middleware(cors: Cors) -> Middleware:
    """Return CORS for an application's POST requests: outside of whatever asks for keys."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if (preflight := cors.preflight(request)) is not None:
            return preflight
        response = await handler(request)
        # Pages may send; what this listener tells of itself (GET) stays between it and its own.
        if request.method == hdrs.METH_POST:
            cors.mark(request, response)
        return response

    return answer


def _matches(pattern: str, origin: str) -> bool:
    # No regular expression: several `*` in one cost a power of the length that a client chooses.
    first, *others = pattern.split("*")
    if not others:
        return origin == first
    *inner, last = others
    at, end = len(first), len(origin) - len(last)
    if at > end or not (origin.startswith(first) and origin.endswith(last)):
        return False
    for piece in inner:
        at = origin.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _is_own(origin: str, host: str) -> bool:
    try:
        there = urlsplit(origin)
        name = there.hostname or ""
    except ValueError:
        return False
    if there.netloc.lower() != host.lower():
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
