"""The driver's errors as verdicts: what they mean while something is written, asked or opened."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import Final

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError, DataError, OperationalError
from urllib3 import exceptions as urllib3
from urllib3.exceptions import HTTPError

from pipeline.errors import Overloaded, Rejected, Setup, Unavailable
from storage import limits
from storage.target import Target

_CODE: Final = re.compile(r"[Cc]ode:? (\d+)")
# Codes: ClickHouse's src/Common/ErrorCodes.cpp.
_MEMORY: Final = 241
_ROWS: Final = 158
_OF_ALL: Final = re.compile(r"\((?:total|for user)\)|[Uu]ser memory limit")
"""Marks of a memory limit that is not the query's own."""
_LIMITS: Final = {
    _ROWS: limits.ROWS,
    159: limits.TIME,
    160: limits.TIME_AHEAD,
    167: limits.CONDITIONS,
    168: limits.CONDITIONS,
    _MEMORY: limits.MEMORY,
    307: limits.BYTES,
    396: limits.ANSWER,
}
"""What a question broke."""
_NO_ROOM: Final = {202, _MEMORY, 243, 252}
_NEVER: Final = {6, 7, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349}
_NOT_LET_IN: Final = {192, 193, 194, 516}
_NOT_ALLOWED: Final = 497
_NO_DATABASE: Final = 81
_AWAY: Final = {60, 218}
"""A table is not there, as while `storage/writes.py` loads it anew."""
_NOT_NOW: Final = {209, 210, 236, 242, 394, _NO_DATABASE, _NOT_ALLOWED} | _NOT_LET_IN | _AWAY
"""The network, a server that stops, a killed query, and what an operator of the server amends."""


@contextmanager
def writing() -> Iterator[None]:
    """Translate the driver's errors while something is written: what is unknown is Unavailable."""
    try:
        yield
    except ClickHouseError as error:
        code = _code(error)
        text = _brief(error)
        if isinstance(error, DataError) or code in _NEVER:
            raise Rejected(text) from error
        if code in _NO_ROOM:
            raise Overloaded(text) from error
        raise Unavailable(text) from error
    except pa.ArrowInvalid as error:
        raise Rejected(f"columns do not fit the table: {error}") from error
    except (OSError, HTTPError, Setup) as error:
        raise Unavailable(f"store: {_first_line(error)}") from error


@contextmanager
def asking(most: Mapping[str, float]) -> Iterator[None]:
    """
    Translate the driver's errors of a query: a broken limit says which and how to narrow.

    `most` has the settings of `storage` that bound a query, by name.
    """
    try:
        yield
    except ClickHouseError as error:
        code = _code(error)
        # When memory runs out as the answer is written, chdb may only say what came of it.
        out_of_memory = "Arrow schema is not initialized" in str(error)
        limit = _LIMITS.get(_MEMORY if out_of_memory else code or 0)
        if code == _MEMORY and _OF_ALL.search(str(error)):
            raise Overloaded("the store has no memory left for this question now") from error
        if code == _ROWS and "GROUP BY" in str(error):
            limit = limits.GROUPS
        if limit is not None:
            raise limit.broken(most, "service") from error
        if isinstance(error, OperationalError) or code is None or code in _NO_ROOM | _NOT_NOW:
            raise Unavailable(_brief(error)) from error
        raise
    except (OSError, HTTPError, Setup, pa.ArrowInvalid) as error:
        raise Unavailable(f"store: {_first_line(error)}") from error


@contextmanager
def opening(target: Target) -> Iterator[None]:
    """Translate the driver's errors at the start: one line that names the setting."""
    try:
        yield
    except (ClickHouseError, OSError, HTTPError) as error:
        reason = _why_closed(error, target)
        raise Setup(f"storage.url: cannot open {target.label}: {reason}") from error


def lacks_database(error: ClickHouseError) -> bool:
    """Tell whether the database of a connection is not there."""
    return _code(error) == _NO_DATABASE


def _why_closed(error: Exception, target: Target) -> str:
    code = _code(error) if isinstance(error, ClickHouseError) else None
    if code in _NOT_LET_IN and target.server:
        return f"wrong password, or no user {target.server.user!r}"
    if code == _NOT_ALLOWED:
        return f"user {target.server.user if target.server else ''!r} may not: {_first_line(error)}"
    if code is not None or target.server is None:
        return _first_line(error)
    for cause in _causes(error):
        reason = _of_network(cause, target.server.greeting_s)
        if reason:
            return reason
    return _first_line(error)


def _of_network(cause: BaseException, greeting_s: int) -> str:
    match cause:
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not trusted ({cause.verify_message}): "
                "name its authority with ?ca_cert=FILE"
            )
        case ssl.SSLError():
            return f"no TLS connection ({cause.reason}): is it a port without TLS?"
        case socket.gaierror():
            return "no such host"
        case ConnectionRefusedError():
            return "nobody listens there"
        case TimeoutError() | urllib3.TimeoutError():
            return f"no answer within {greeting_s} s"
        case HTTPException() | ConnectionResetError():
            return "it does not speak HTTP here: is it a TLS port (clickhouses://)?"
        case _:
            return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors that led to this one, the first of all first; at most 16."""
    found: list[BaseException] = []
    todo = [error]
    while todo and len(found) < 16:
        one = todo.pop()
        if one not in found:
            found.append(one)
            near = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
            todo += [cause for cause in near if isinstance(cause, BaseException)]
    yield from reversed(found)


def _code(error: ClickHouseError) -> int | None:
    found = _CODE.search(str(error))
    return int(found[1]) if found else None


def _brief(error: ClickHouseError) -> str:
    return f"store: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:500]
