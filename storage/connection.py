"""One connection to ClickHouse or chdb, used by one thread of its own."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DataError, OperationalError
from clickhouse_connect.driver.httpclient import HttpClient
from urllib3 import Timeout

from pipeline.errors import Overloaded, Rejected, Setup, Unavailable

Result = TypeVar("Result")

_CODE: Final = re.compile(r"[Cc]ode:? (\d+)")
# Codes: ClickHouse's src/Common/ErrorCodes.cpp.
_MEMORY: Final = 241
_LIMITS: Final = {
    158: "it would read too many rows",
    159: "it took too long",
    160: "it would take too long",
    167: "it has too many conditions",
    168: "it has too many conditions",
    _MEMORY: "it takes too much memory",
    307: "it would read too many bytes",
    396: "its answer is too large",
}
_NO_ROOM: Final = {202, _MEMORY, 243, 252}
_NEVER: Final = {6, 7, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349}
_NETWORK: Final = {209, 210}

_GREETING_S: Final = 10
"""How long a server may take to let us in: one that hangs is told apart from one that works."""

_ANSWER_S: Final = 300

_SETTINGS: Final = {
    # Fifty conditions on attributes are more than ClickHouse takes by itself.
    "max_query_size": str(4 * 2**20),
    "max_ast_elements": "1000000",
    "max_expanded_ast_elements": "1000000",
    "output_format_arrow_string_as_string": "1",
    "output_format_arrow_fixed_string_as_fixed_byte_array": "1",
    "output_format_arrow_low_cardinality_as_dictionary": "0",
    "output_format_arrow_compression_method": "none",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What to connect to: a server by its DSN, or chdb by its folder."""

    dsn: str | None = None
    path: Path | None = None
    database: str | None = None

    @staticmethod
    def parse(url: str) -> "Target":
        """Read `clickhouse://…` or `chdb:///path`, which may end in `?database=name`."""
        if not url.startswith("chdb:"):
            return Target(dsn=url)
        # Only what stands behind the last "?" is no path: folders may have any name.
        path, _, query = url.removeprefix("chdb://").partition("?")
        database = parse_qs(query).get("database", [None])[0]
        return Target(path=Path(unquote(path)), database=database)

    @property
    def label(self) -> str:
        """Name the target in a message: without its password."""
        if self.path is not None:
            return str(self.path)
        parts = urlsplit(self.dsn or "")
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"

    def connect(self) -> Client:
        """Return a new client; raises the driver's errors."""
        if self.path is not None:
            self.path.mkdir(parents=True, exist_ok=True)
            # A folder's own name, so that nothing in it is read as part of a URL.
            path = str(self.path)
            return clickhouse_connect.get_client(
                interface="chdb", path=path, database=self.database
            )
        # A session would lock out a second request.
        client = clickhouse_connect.get_client(
            dsn=self.dsn, autogenerate_session_id=False, send_receive_timeout=_GREETING_S
        )
        if isinstance(client, HttpClient):
            client.timeout = Timeout(connect=_GREETING_S, read=_ANSWER_S)
        return client


class Connection:
    """
    A client and the thread that it is used from, one operation at a time, in order.

    What was started runs to its end even when its waiter is cancelled, and whatever is asked next
    waits for it: so a look-up after a cancelled commit sees all that the commit did.
    """

    def __init__(self, target: Target, name: str) -> None:
        self._target = target
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._client: Client | None = None

    async def run(self, work: Callable[[Client], Result]) -> Result:
        """Run `work` with the client in the connection's thread; errors are the caller's."""
        return await asyncio.wrap_future(self.start(work))

    def start(self, work: Callable[[Client], Result]) -> Future[Result]:
        """Start `work` behind what was started before."""
        return self._thread.submit(self._run, work)

    def _run(self, work: Callable[[Client], Result]) -> Result:
        if self._client is None:
            self._client = self._target.connect()
        try:
            return work(self._client)
        except (OperationalError, OSError):
            # The next operation connects anew: this client may hold a broken socket.
            self._disconnect()
            raise

    def close(self) -> None:
        """Wait for what runs, then close; nothing may be started afterwards."""
        self._thread.submit(self._disconnect).result()
        self._thread.shutdown()

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(ClickHouseError, OSError):
                client.close()


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
    except OSError as error:
        raise Unavailable(f"store: {error}") from error


@contextmanager
def asking() -> Iterator[None]:
    """Translate the driver's errors of a query: a broken limit says which and how to narrow."""
    try:
        yield
    except ClickHouseError as error:
        code = _code(error)
        # When memory runs out as the answer is written, chdb may only say what came of it.
        out_of_memory = "Arrow schema is not initialized" in str(error)
        limit = _LIMITS.get(_MEMORY if out_of_memory else code or 0)
        if limit is not None:
            raise Rejected(
                f"the question breaks a limit, {limit}: narrow the time range or name a service"
            ) from error
        if isinstance(error, OperationalError) or code is None or code in _NO_ROOM | _NETWORK:
            raise Unavailable(_brief(error)) from error
        raise
    except OSError as error:
        raise Unavailable(f"store: {error}") from error


@contextmanager
def opening(target: Target) -> Iterator[None]:
    """Translate the driver's errors at the start: they name the setting."""
    try:
        yield
    except (ClickHouseError, OSError) as error:
        raise Setup(f"storage.url: cannot open {target.label}: {_first_line(error)}") from error


def fetch(client: Client, sql: str, parameters: Mapping[str, Any], **settings: str) -> pa.Table:
    """Run a query; return its rows with plain strings."""
    table: pa.Table = client.query_arrow(
        sql, parameters=dict(parameters), settings=_SETTINGS | settings, use_strings=True
    )
    return table


def kill(client: Client, comment: str) -> None:
    """End the query that runs with this `log_comment`, if it still does."""
    client.command(
        "KILL QUERY WHERE Settings['log_comment'] = {comment:String} ASYNC",
        parameters={"comment": comment},
    )


def _code(error: ClickHouseError) -> int | None:
    found = _CODE.search(str(error))
    return int(found[1]) if found else None


def _brief(error: ClickHouseError) -> str:
    return f"store: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:500]
