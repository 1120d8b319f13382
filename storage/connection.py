"""One connection to ClickHouse or chdb, used by one thread of its own."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from urllib3.exceptions import HTTPError

from pipeline.ports import Cost
from storage.meter import metered
from storage.target import Target

Result = TypeVar("Result")

READING: Final = {
    # Fifty conditions on attributes are more than ClickHouse takes by itself.
    "max_query_size": str(4 * 2**20),
    "max_ast_elements": "1000000",
    "max_expanded_ast_elements": "1000000",
    "output_format_arrow_string_as_string": "1",
    "output_format_arrow_fixed_string_as_fixed_byte_array": "1",
    "output_format_arrow_low_cardinality_as_dictionary": "0",
    "output_format_arrow_compression_method": "none",
}
"""Settings of a connection that fetches: chdb would set and restore them with every query."""


class Connection:
    """
    A client and the thread that it is used from, one operation at a time, in order.

    What was started runs to its end even when its waiter is cancelled, and whatever is asked next
    waits for it: so a look-up after a cancelled commit sees all that the commit did. `settings`
    and `answer_s` are those of `Target.connect`.
    """

    def __init__(
        self,
        target: Target,
        name: str,
        settings: Mapping[str, str] | None = None,
        answer_s: float | None = None,
    ) -> None:
        self._target = target
        self._settings = settings
        self._answer_s = answer_s
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
            self._client = self._target.connect(self._settings, self._answer_s)
        try:
            return work(self._client)
        except (ClickHouseError, OSError, HTTPError):
            # The next operation connects anew: this client may hold a broken socket, and chdb puts
            # what a killed query left in front of the next one's answer.
            self._disconnect()
            raise

    def close(self) -> None:
        """Wait for what runs, then close; nothing may be started afterwards."""
        self._thread.submit(self._disconnect).result()
        self._thread.shutdown()

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(ClickHouseError, OSError, HTTPError):
                client.close()


def rows(
    client: Client, sql: str, parameters: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """
    Return the whole result of a look-up; an answer that broke off is an OperationalError.

    The driver's own `query` takes an answer whose connection broke in its headers for an empty one.
    """
    whole = client.raw_query(
        f"{sql}\nSETTINGS output_format_arrow_string_as_string = 1",
        parameters=dict(parameters or {}),
        fmt="Arrow",
    )
    try:
        table = pa.ipc.open_file(whole).read_all()
    except pa.ArrowInvalid as error:
        raise OperationalError(f"the answer broke off: {error}") from error
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def fetch(
    client: Client, sql: str, parameters: Mapping[str, Any], comment: str, threads: int = 0
) -> tuple[pa.Table, Cost]:
    """
    Run a query that `kill` knows by its comment; return its rows and what it took.

    It has so many threads, or with 0 those that the engine gives it.
    """
    settings = f"log_comment = '{comment}'" + (f", max_threads = {threads}" if threads else "")
    with metered(client) as cost:
        whole = client.raw_query(
            f"{sql}\nSETTINGS {settings}", parameters=dict(parameters), fmt="Arrow"
        )
    table: pa.Table = pa.ipc.open_file(whole).read_all()
    return table, cost


def kill(client: Client, comment: str, how: str = "ASYNC") -> None:
    """End the statements that run in this database with this `log_comment`, if any do."""
    client.command(f"KILL QUERY WHERE {_ours(comment)} {how}")


def running(comment: str) -> str:
    """Return the question how many statements run in this database with this `log_comment`."""
    return f"SELECT count() FROM system.processes WHERE {_ours(comment)}"  # noqa: S608 - our text


def _ours(comment: str) -> str:
    return f"current_database = currentDatabase() AND Settings['log_comment'] = '{comment}'"
