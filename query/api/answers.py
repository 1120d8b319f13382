"""JSON answers, and the one place where a verdict becomes an HTTP status."""

import json
from http import HTTPStatus
from typing import Any

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
from query.wrong import Wrong

_log = structlog.get_logger(__name__)


def encode(value: Any) -> bytes:
    """Return strict JSON; numbers that JSON has not must be text by now."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        errors="replace"
    )


def respond(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return an answer whose body is JSON."""
    return web.Response(
        body=body, status=status, headers=headers, content_type="application/json", charset="utf-8"
    )


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """
    Answer what a handler raises as `{"error": {"message", "parameter"?, "position"?}}`.

    Wrong and other Rejected are 400 (TooLarge 413, Unauthenticated 401, Forbidden 403), Overloaded
    and Unavailable 503 with Retry-After, aiohttp's own (404, 405, …) keep their status, anything
    else is logged and a 500 that says nothing about its cause.
    """
    try:
        return await handler(request)
    except AuraError as verdict:
        return _verdict(verdict)
    except ConnectionError:
        raise  # the client is gone: nobody is there to be answered
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        allow = error.headers.get(hdrs.ALLOW)
        message = f"{request.method} {request.path}: {error.reason}"
        return _error(error.status, message, headers={hdrs.ALLOW: allow} if allow else None)
    except Exception:  # noqa: BLE001 - the outermost frame of a request: one bug, one 500
        _log.exception("unhandled error", method=request.method, path=request.path)
        return _error(500, "internal error; the log says more")


def malformed(status: int, message: str) -> web.Response:
    """Return the answer to what is no request, in the same form."""
    return _error(status, message)


def _verdict(verdict: AuraError) -> web.Response:
    match verdict:
        case Wrong():
            place = verdict.place
            position = place and {"line": place.line, "column": place.column}
            return _error(400, str(verdict), parameter=verdict.parameter, position=position)
        case TooLarge():
            return _error(413, str(verdict))
        case Unauthenticated():
            return _error(401, str(verdict), headers={hdrs.WWW_AUTHENTICATE: "Bearer"})
        case Forbidden():
            return _error(403, str(verdict))
        case Rejected():
            return _error(400, str(verdict))
        case Overloaded() | Unavailable():
            return _error(503, str(verdict), headers={hdrs.RETRY_AFTER: str(verdict.retry_s)})
        case _:
            raise verdict


def _error(
    status: int, message: str, headers: dict[str, str] | None = None, **details: Any
) -> web.Response:
    error = {"message": message} | {key: value for key, value in details.items() if value}
    return respond(encode({"error": error}), status, headers)
