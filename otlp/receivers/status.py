"""Verdict → answer, in gRPC's terms and in HTTP's: the only place that knows both."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import grpc
import structlog
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from otlp.receivers.join import Broken
from pipeline.errors import AuraError, Overloaded, Unavailable
from pipeline.rpc import status as rpc
from pipeline.rpc.status import printable

_HTTP: Final = {
    grpc.StatusCode.RESOURCE_EXHAUSTED: 413,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAVAILABLE: 503,
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client is told when there is no success; `retry_s` only where it may come back."""

    code: grpc.StatusCode
    http: int
    message: str
    retry_s: int | None = None
    violation: str = ""


class Refusal(Exception):  # noqa: N818 - a verdict, named as one
    """A request that fails for the way it was sent, with its answer and the headers it needs."""

    def __init__(self, answer: Answer, headers: dict[str, str] | None = None) -> None:
        super().__init__(answer.message)
        self.answer = answer
        self.headers = headers or {}


def answer(error: Exception) -> Answer:
    """Translate a verdict; what nobody foresaw is logged here, and is no business of the client."""
    if isinstance(error, Refusal):
        return error.answer
    text = printable(str(error))
    if isinstance(error, AuraError):
        code = rpc.code(error)
        retry_s = rpc.retry_s(error) if isinstance(error, Overloaded | Unavailable) else None
        violation = text if code is grpc.StatusCode.INVALID_ARGUMENT else ""
        return Answer(code, _HTTP[code], text, retry_s, violation)
    if not isinstance(error, Broken):
        log.error("a request failed by a bug", exc_info=error)
    return Answer(grpc.StatusCode.INTERNAL, 500, "internal error")


def status(told: Answer) -> status_pb2.Status:
    """Return the answer as google.rpc.Status."""
    details: list[Message] = []
    if told.violation:
        violation = error_details_pb2.BadRequest.FieldViolation(description=told.violation)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if told.retry_s is not None:
        details.append(rpc.retry(told.retry_s))
    return rpc.status(told.code, told.message, details)


def headers(told: Answer) -> dict[str, str]:
    """Return the headers that an HTTP answer's status asks for."""
    if told.retry_s is not None:
        return {"Retry-After": str(told.retry_s)}
    return {"WWW-Authenticate": "Bearer"} if told.http == HTTPStatus.UNAUTHORIZED else {}


def body(told: Answer, *, as_json: bool) -> bytes:
    """Return the body of an HTTP answer: google.rpc.Status in the request's encoding."""
    message: Message = status(told)
    if as_json:
        return json_format.MessageToJson(message, indent=None, ensure_ascii=False).encode()
    return message.SerializeToString()


def trailers(told: Answer) -> tuple[tuple[str, bytes], ...]:
    """Return the metadata that goes with a gRPC answer."""
    return rpc.trailers(status(told), told.retry_s)
