"""The driver's errors as verdicts: what they mean while something is written, asked or opened."""

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import asyncpg
import pyarrow as pa

from pipeline.errors import AuraError, Overloaded, Rejected, Setup, Unavailable
from storage.limits import CONDITIONS, TIME, Limit
from storage.timescale.question import NARROW
from storage.timescale.server import GREETING_S, Server

# Codes: PostgreSQL's Appendix A; two characters are a class.
_NEVER: Final = ("22", "54")
_NO_ROOM: Final = ("53",)
_NOT_NOW: Final = (
    "08",
    "25",
    "28",
    "3D",
    "3F",
    "40",
    "42P01",
    "42501",
    "53",
    "55",
    "57",
    "58",
    "XX",
)
_LIMITS: Final = {
    "57014": TIME,
    "53200": Limit("it takes more memory than the server has"),
    "53400": Limit("it needs larger temporary files than the server allows (temp_file_limit)"),
    "54": CONDITIONS,
}
_DRIVER: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_NETWORK: Final = (OSError, asyncio.TimeoutError)


@contextmanager
def writing() -> Iterator[None]:
    """Translate the driver's errors while something is written: what is unknown is Unavailable."""
    try:
        yield
    except AuraError:
        raise
    except (*_DRIVER, *_NETWORK) as error:
        code = _code(error)
        text = f"store: {_brief(error)}"
        if code.startswith(_NEVER):
            raise Rejected(text) from error
        if code.startswith(_NO_ROOM):
            raise Overloaded(text) from error
        raise Unavailable(text) from error
    except pa.ArrowInvalid as error:
        raise Rejected(f"columns do not fit the table: {error}") from error


@contextmanager
def asking(most: Mapping[str, float]) -> Iterator[None]:
    """
    Translate the driver's errors of a query: a broken limit says which and how to narrow.

    `most` has the settings of `storage` that bound a query, by name.
    """
    try:
        yield
    except AuraError:
        raise
    except (*_DRIVER, *_NETWORK) as error:
        code = _code(error)
        limit = _LIMITS.get(code) or _LIMITS.get(code[:2])
        if limit is not None:
            raise limit.broken(most, NARROW) from error
        if not code or code.startswith(_NOT_NOW):
            raise Unavailable(f"store: {_brief(error)}") from error
        raise


@contextmanager
def opening(server: Server) -> Iterator[None]:
    """Translate the driver's errors at the start: one line that names the setting."""
    try:
        yield
    except (*_DRIVER, *_NETWORK, ValueError) as error:
        reason = _why_closed(error)
        raise Setup(f"storage.metrics.url: cannot open {server.label}: {reason}") from error


def _why_closed(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not trusted ({error.verify_message}): "
                "name its authority with ?sslrootcert=FILE"
            )
        case ssl.SSLError():
            return f"no TLS connection ({error.reason})"
        case ConnectionRefusedError():
            return "nobody listens there"
        case asyncio.TimeoutError():
            return f"no answer within {GREETING_S:g} s"
        case _:
            return _first_line(error)


def _code(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _brief(error: BaseException) -> str:
    # Nothing comes from a server that is frozen, or that the network has lost.
    return "no answer from PostgreSQL" if type(error) is TimeoutError else _first_line(error)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:500]
