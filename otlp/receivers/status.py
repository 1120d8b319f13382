"""Verdict → answer, in gRPC's terms and in HTTP's: the only place that knows both."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import grpc
import structlog
from google.protobuf import any_pb2, json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from otlp.config import RETRY_S_MAX
from otlp.receivers.join import Broken
from pipeline.errors import (
    Forbidden,
    Overloaded,
    Rejected,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

MESSAGE_MAX: Final = 500
"""Characters of a message: gRPC sends it percent-encoded in a trailer, which has 8 KiB."""

DETAILS_TRAILER: Final = "grpc-status-details-bin"
RETRY_TRAILER: Final = "google.rpc.retryinfo-bin"

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
    if isinstance(error, TooLarge):
        return Answer(grpc.StatusCode.RESOURCE_EXHAUSTED, 413, text)
    if isinstance(error, Unauthenticated):
        return Answer(grpc.StatusCode.UNAUTHENTICATED, 401, text)
    if isinstance(error, Forbidden):
        return Answer(grpc.StatusCode.PERMISSION_DENIED, 403, text)
    if isinstance(error, Rejected):
        return Answer(grpc.StatusCode.INVALID_ARGUMENT, 400, text, violation=text)
    if isinstance(error, Overloaded | Unavailable):
        retry_s = min(max(round(error.retry_s), 1), RETRY_S_MAX)
        return Answer(grpc.StatusCode.UNAVAILABLE, 503, text, retry_s)
    if not isinstance(error, Broken):
        log.error("a request failed by a bug", exc_info=error)
    return Answer(grpc.StatusCode.INTERNAL, 500, "internal error")


def printable(text: str) -> str:
    """Return a text that fits a trailer and that UTF-8 has a form for."""
    if len(text) > MESSAGE_MAX:
        text = text[: MESSAGE_MAX - 1] + "…"
    return text.encode(errors="replace").decode()


def status(told: Answer) -> status_pb2.Status:
    """Return the answer as google.rpc.Status."""
    details: list[Message] = []
    if told.violation:
        violation = error_details_pb2.BadRequest.FieldViolation(description=told.violation)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if told.retry_s is not None:
        details.append(_retry(told.retry_s))
    return status_pb2.Status(
        code=told.code.value[0], message=told.message, details=map(_packed, details)
    )


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
    """Return the metadata that goes with a gRPC answer: where SDKs and the Collector look."""
    details = (DETAILS_TRAILER, status(told).SerializeToString())
    if told.retry_s is None:
        return (details,)
    return details, (RETRY_TRAILER, _retry(told.retry_s).SerializeToString())


def _retry(seconds: int) -> error_details_pb2.RetryInfo:
    return error_details_pb2.RetryInfo(retry_delay=Duration(seconds=seconds))


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
