"""A PostgreSQL server and how to speak to it, as its URL says; the pools of connections to it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

import asyncpg

from pipeline.errors import Overloaded, Unavailable

Connection: TypeAlias = Any
"""A connection of a pool: asyncpg's proxy of one."""

GREETING_S: Final = 10.0
"""How long a server may take to let us in."""

SPARE_S: Final = 10.0
"""How much longer than a statement may run its answer may take to arrive."""

_SCHEMA: Final = "aura"
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_OPTIONS: Final = frozenset(
    f"ssl{name}"
    for name in ("mode", "rootcert", "cert", "key", "password", "crl", "_min_protocol_version")
) | {"target_session_attrs", "host", "port", "passfile", "krbsrvname"}
_IDLE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Server:
    """A database of a server, and the schema in it that is Aura's."""

    url: str = field(repr=False)
    schema: str = _SCHEMA
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @staticmethod
    def parse(url: str, user: str = "", password: str = "") -> "Server":
        """
        Read `postgresql://user:password@host:port/database?schema=aura&sslmode=verify-full`.

        `user` and `password` are those that the URL does not have. Raises ValueError, without any
        secret in it.
        """
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        _check(parts, options)
        if (parts.username and user) or (parts.password and password):
            raise ValueError(
                "user or password stand here and in a setting of their own: say it once"
            )
        schema = options.pop("schema", _SCHEMA)
        if not _NAME.fullmatch(schema) or schema.startswith("pg_"):
            raise ValueError("schema is a name of small letters, digits and _")
        whole = parts._replace(scheme="postgresql", query=urlencode(options)).geturl()
        return Server(whole, schema, user or None, password or None)

    @property
    def label(self) -> str:
        """Name the server in a message: without user and password."""
        parts = urlsplit(self.url)
        place = parts.netloc.rpartition("@")[2] or "local socket"
        return f"postgresql://{place}{unquote(parts.path)} (schema {self.schema})"

    async def connect(self) -> Connection:
        """Return a connection of its own; raises the driver's errors."""
        return await asyncpg.connect(self.url, **self._login(), timeout=GREETING_S)

    def pool(self, name: str, size: int, answer_s: float) -> "asyncpg.Pool[Any]":
        """
        Return a pool that is not open yet: connections are made when they are needed.

        A connection on which no answer comes within `answer_s` is given up. In PostgreSQL's views
        they are known by the name of the pool.
        """
        return asyncpg.create_pool(
            self.url,
            min_size=0,
            max_size=size,
            command_timeout=answer_s,
            max_inactive_connection_lifetime=_IDLE_S,
            timeout=GREETING_S,
            **self._login(f"aura {name}"),
        )

    def _login(self, name: str = "aura") -> dict[str, Any]:
        given = {"user": self.user, "password": self.password}
        settings = {"application_name": name}
        return {"server_settings": settings, **{name: one for name, one in given.items() if one}}


class Pool:
    """
    At most `size` connections, each statement in it bound to `seconds`.

    Who finds none free within `wait_s` is told so. A connection that broke is replaced by the next
    who needs one; so is one whose server is frozen, or lost to the network: it does not say that
    time is over, and is given up a while after it should have.
    """

    def __init__(self, server: Server, name: str, size: int, seconds: float, wait_s: float) -> None:
        self._server = server
        self._name = name
        self._size = size
        self._seconds = seconds
        self._wait_s = wait_s
        self._pool: asyncpg.Pool[Any] | None = None
        bound = int(seconds * 1000)
        settings = {
            # Names are looked up in our schema, whatever a pooler between us resets.
            "search_path": f"{server.schema}, public",
            "statement_timeout": bound,  # what waits for a lock counts as well
            # A transaction of an Aura that froze keeps its log's lock no longer than this.
            "idle_in_transaction_session_timeout": bound,
            "synchronous_commit": "on",
            "jit": "off",
        }
        self._begin = "; ".join(f"SET LOCAL {name} = {value}" for name, value in settings.items())

    async def open(self) -> None:
        """Open the pool; connections are made when they are needed."""
        self._pool = await self._server.pool(self._name, self._size, self._seconds + SPARE_S)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; raises Overloaded and the driver's errors."""
        if self._pool is None:
            raise Unavailable("store: not open")
        try:
            connection = await self._pool.acquire(timeout=self._wait_s)
        except TimeoutError:
            raise Overloaded(
                f"store: no connection to PostgreSQL within {self._wait_s:g} s "
                f"({self._size} at most)"
            ) from None
        try:
            yield connection
        finally:
            await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self, *, readonly: bool = False) -> AsyncIterator[Connection]:
        """Lend a connection in a transaction; raises as `connection` does."""
        async with self.connection() as connection, connection.transaction(readonly=readonly):
            await connection.execute(self._begin)
            yield connection

    async def call(self, statement: str) -> None:
        """Run a statement that makes transactions of its own; raises as `connection` does."""
        async with self.connection() as connection:
            await connection.execute(statement, timeout=self._seconds)

    async def close(self) -> None:
        """Wait for what runs, then close every connection."""
        if self._pool is None:
            return
        try:
            await asyncio.wait_for(self._pool.close(), GREETING_S)
        except TimeoutError:
            self._pool.terminate()


def _check(parts: SplitResult, options: dict[str, str]) -> None:
    try:
        parts.port  # noqa: B018 - a property that raises
    except ValueError:
        raise ValueError("the port is a number up to 65535") from None
    if not parts.path.strip("/"):
        raise ValueError("postgresql://host:port/database, and the database is missing")
    for name in options:
        if name != "schema" and name not in _OPTIONS:
            known = ", ".join(sorted((*_OPTIONS, "schema")))
            raise ValueError(f"{name[:60]}: no such option; known are {known}")
