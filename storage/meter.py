"""What a query read: both drivers are told, and pass it on to nobody."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.httpclient import HttpClient

from pipeline.ports import Cost

_SUMMARY = "X-ClickHouse-Summary"


@contextmanager
def metered(client: Client) -> Iterator[Cost]:
    """Yield what the queries of this client read while the block runs."""
    cost = Cost()
    if isinstance(client, HttpClient):
        pool = client.http
        client.http = _Http(pool, cost)  # type: ignore[assignment]
        try:
            yield cost
        finally:
            client.http = pool
        return
    handle = client._backend._handle  # type: ignore[attr-defined]  # noqa: SLF001 - no way in front
    connection = handle.conn
    handle.conn = _Embedded(connection, cost)
    try:
        yield cost
    finally:
        handle.conn = connection


class _Http:
    """A pool of connections to a server, which says in a header what it read."""

    def __init__(self, pool: Any, cost: Cost) -> None:
        self._pool = pool
        self._cost = cost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def request(self, *arguments: Any, **options: Any) -> Any:
        response = self._pool.request(*arguments, **options)
        try:
            told = json.loads(response.headers.get(_SUMMARY, "{}"))
            self._cost.rows += int(told.get("read_rows", 0))
            self._cost.bytes += int(told.get("read_bytes", 0))
            self._cost.engine_ns += int(told.get("elapsed_ns", 0))
        except (ValueError, TypeError, AttributeError):
            return response  # a broken header costs its figures alone
        return response


class _Embedded:
    """A connection to chdb, whose results say what was read."""

    def __init__(self, connection: Any, cost: Cost) -> None:
        self._connection = connection
        self._cost = cost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def query(self, *arguments: Any, **options: Any) -> Any:
        result = self._connection.query(*arguments, **options)
        self._cost.rows += result.storage_rows_read()
        self._cost.bytes += result.storage_bytes_read()
        self._cost.engine_ns += int(result.elapsed() * 1e9)
        return result
