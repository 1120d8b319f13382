"""One connection to ClickHouse or chdb, used by one thread of its own."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DataError, OperationalError

from pipeline.errors import Overloaded, Rejected, Setup, Unavailable

Result = TypeVar("Result")

_CODE: Final = re.compile(r"[Cc]ode:? (\d+)")
# ClickHouse's src/Common/ErrorCodes.cpp.
_LIMITS: Final = {
    158: "it would read too many rows",
    159: "it took too long",
    160: "it would take too long",
    241: "it takes too much memory",
    307: "it would read too many bytes",
    396: "its answer is too large",
}
_NO_ROOM: Final = {202, 241, 243, 252}
_NEVER: Final = {6, 7, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349}

_SETTINGS: Final = {
    "output_format_arrow_string_as_string": "1",
    "output_format_arrow_fixed_string_as_fixed_byte_array": "1",
    "output_format_arrow_low_cardinality_as_dictionary": "0",
    "output_format_arrow_compression_method": "none",
}


class Connection:
    """
    A client and the thread that it is used from, one operation at a time, in order.

    What was started runs to its end even when its waiter is cancelled, and whatever is asked next
    waits for it: so a look-up after a cancelled commit sees all that the commit did.
    """

    def __init__(self, dsn: str, name: str) -> None:
        self._dsn = dsn
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._client: Client | None = None

    async def run(self, work: Callable[[Client], Result]) -> Result:
        """Run `work` with the client in the connection's thread; errors are the caller's."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    def _run(self, work: Callable[[Client], Result]) -> Result:
        if self._client is None:
            # A session would lock out a second request; chdb has none.
            options = {} if self._dsn.startswith("chdb:") else {"autogenerate_session_id": False}
            self._client = clickhouse_connect.get_client(dsn=self._dsn, **options)
        return work(self._client)

    def close(self) -> None:
        """Wait for what runs, then close; nothing may be started afterwards."""
        self._thread.submit(self._close).result()
        self._thread.shutdown()

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


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
    except (OSError, pa.ArrowInvalid) as error:
        if isinstance(error, pa.ArrowInvalid):
            raise Rejected(f"columns do not fit the table: {error}") from error
        raise Unavailable(f"store: {error}") from error


@contextmanager
def asking() -> Iterator[None]:
    """Translate the driver's errors of a query: a broken limit says which and how to narrow."""
    try:
        yield
    except ClickHouseError as error:
        limit = _LIMITS.get(_code(error) or 0)
        if limit is not None:
            raise Rejected(
                f"the question breaks a limit, {limit}: narrow the time range or name a service"
            ) from error
        if isinstance(error, OperationalError):
            raise Unavailable(_brief(error)) from error
        raise
    except OSError as error:
        raise Unavailable(f"store: {error}") from error


@contextmanager
def opening(url: str) -> Iterator[None]:
    """Translate the driver's errors at the start: they name the setting."""
    try:
        yield
    except (ClickHouseError, OSError) as error:
        raise Setup(f"storage.url: cannot open {url or 'the embedded store'}: {error}") from error


def fetch(client: Client, sql: str, parameters: Mapping[str, Any], **settings: str) -> pa.Table:
    """Run a query; return its rows with plain strings."""
    table: pa.Table = client.query_arrow(
        sql, parameters=dict(parameters), settings=_SETTINGS | settings, use_strings=True
    )
    return table


def _code(error: ClickHouseError) -> int | None:
    found = _CODE.search(str(error))
    return int(found[1]) if found else None


def _brief(error: ClickHouseError) -> str:
    return f"store: {str(error).splitlines()[0][:500]}"
