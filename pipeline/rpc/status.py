"""Verdict → gRPC status, and back where both ends are Aura's."""

from collections.abc import Iterable, Mapping
from typing import Final

from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc import StatusCode

from pipeline.errors import (
    RETRY_S_MAX,
    AuraError,
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

DOMAIN: Final = "aura"
"""Of google.rpc.ErrorInfo, whose reason is the verdict's name."""

Trailers = tuple[tuple[str, bytes], ...]

_CODES: Final[Mapping[type[AuraError], StatusCode]] = {
    TooLarge: StatusCode.RESOURCE_EXHAUSTED,
    Unauthenticated: StatusCode.UNAUTHENTICATED,
    Forbidden: StatusCode.PERMISSION_DENIED,
    Rejected: StatusCode.INVALID_ARGUMENT,
    Overloaded: StatusCode.UNAVAILABLE,
    Unavailable: StatusCode.UNAVAILABLE,
}
"""What is more special comes first."""

_FOREIGN: Final[Mapping[StatusCode, type[AuraError]]] = {
    StatusCode.INVALID_ARGUMENT: Rejected,
    StatusCode.OUT_OF_RANGE: Rejected,
    StatusCode.DEADLINE_EXCEEDED: Rejected,
    StatusCode.UNAUTHENTICATED: Unauthenticated,
    StatusCode.PERMISSION_DENIED: Forbidden,
}
"""Codes of what is not Aura's word: its library's, a proxy's; all others are Unavailable."""


def code(verdict: AuraError) -> StatusCode:
    """Return the code of a verdict."""
    return next(one for kind, one in _CODES.items() if isinstance(verdict, kind))


def printable(text: str) -> str:
    """Return a text that fits a trailer and that UTF-8 has a form for."""
    if len(text) > MESSAGE_MAX:
        text = text[: MESSAGE_MAX - 1] + "…"
    return text.encode(errors="replace").decode()


def retry_s(verdict: Overloaded | Unavailable) -> int:
    """Return after how many seconds to come back."""
    return min(max(round(verdict.retry_s), 1), RETRY_S_MAX)


def status(code: StatusCode, message: str, details: Iterable[Message]) -> status_pb2.Status:
    """Return an answer as google.rpc.Status."""
    return status_pb2.Status(code=code.value[0], message=message, details=map(_packed, details))


def retry(seconds: int) -> error_details_pb2.RetryInfo:
    """Return the hint to come back after so long."""
    return error_details_pb2.RetryInfo(retry_delay=Duration(seconds=seconds))


def trailers(status: status_pb2.Status, retry_s: int | None) -> Trailers:
    """Return the metadata that goes with an answer: where SDKs and the Collector look."""
    details = (DETAILS_TRAILER, status.SerializeToString())
    if retry_s is None:
        return (details,)
    return details, (RETRY_TRAILER, retry(retry_s).SerializeToString())


def answer(verdict: AuraError) -> tuple[StatusCode, str, Trailers]:
    """Return code, message and trailers for a verdict, from which `verdict` makes it again."""
    info = error_details_pb2.ErrorInfo(reason=type(verdict).__name__, domain=DOMAIN)
    wait_s = retry_s(verdict) if isinstance(verdict, Overloaded | Unavailable) else None
    details = [info] if wait_s is None else [info, retry(wait_s)]
    said, text = code(verdict), printable(str(verdict))
    return said, text, trailers(status(said, text, details), wait_s)


def verdict(code: StatusCode, message: str, details: bytes) -> AuraError:
    """Return the verdict of a status; `details` is its trailer `DETAILS_TRAILER`, or empty."""
    info, hint = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    try:
        for detail in status_pb2.Status.FromString(details).details:
            detail.Unpack(info)
            detail.Unpack(hint)
    except DecodeError:
        info.Clear()
    named = {kind.__name__: kind for kind in _CODES} if info.domain == DOMAIN else {}
    kind = named.get(info.reason) or _FOREIGN.get(code, Unavailable)
    if issubclass(kind, Overloaded | Unavailable):
        return kind(message, retry_s=min(max(hint.retry_delay.seconds, 1), RETRY_S_MAX))
    return kind(message)


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
