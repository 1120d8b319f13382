"""What Jaeger's clients are told when it goes wrong: a status, and a body of their generation."""

from collections.abc import Callable
from typing import Any, Final

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from pipeline.errors import (
    AuraError,
    Forbidden,
    Overloaded,
    Rejected,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from query.api.answers import encode, respond

_log = structlog.get_logger(__name__)


class Missing(Rejected):
    """What is asked for by name is not there: HTTP 404."""


class NotOffered(AuraError):  # noqa: N818 - a verdict, named as one
    """What Jaeger has and this Aura does not, by its settings or at all; `status` is Jaeger's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


Say = Callable[[int, str], dict[str, Any]]
"""Makes the body of a refusal of its status and message."""


def v1(status: int, message: str) -> dict[str, Any]:
    """Return the body of a refusal in v1."""
    return envelope(None, errors=[{"code": status, "msg": message}])


def v3(status: int, message: str) -> dict[str, Any]:
    """Return the body of a refusal in v3."""
    return {"error": {"httpCode": status, "message": message}}


def envelope(data: Any, total: int = 0, errors: Any = None) -> dict[str, Any]:
    """Return what every answer of v1 lies in."""
    return {"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors}


def answering(handler: Handler, say: Say) -> Handler:
    """Return a handler that answers what it raises, in the form of `say`."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except AuraError as verdict:
            return _verdict(verdict, say)
        except (ConnectionError, web.HTTPException):
            raise
        except Exception:  # noqa: BLE001 - the outermost frame of a request: one bug, one 500
            _log.exception("unhandled error", method=request.method, path=request.path)
            return respond(encode(say(500, "internal error; the log says more")), 500)

    return answered


_STATUSES: Final[tuple[tuple[type[AuraError], int], ...]] = (
    (Missing, 404),
    (TooLarge, 413),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (Rejected, 400),
    (Overloaded, 503),
    (Unavailable, 503),
)


def _verdict(verdict: AuraError, say: Say) -> web.Response:
    if isinstance(verdict, NotOffered):
        status = verdict.status
    else:
        status = next((code for kind, code in _STATUSES if isinstance(verdict, kind)), 500)
    headers: dict[str, str] = {}
    if isinstance(verdict, Overloaded | Unavailable):
        headers[hdrs.RETRY_AFTER] = str(verdict.retry_s)
    if isinstance(verdict, Unauthenticated):
        headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    return respond(encode(say(status, str(verdict))), status, headers)


async def nothing(_: web.Request) -> web.Response:
    """Answer a path or a method that is not there, as Jaeger's router does."""
    return web.Response(status=404, text="404 page not found\n")
