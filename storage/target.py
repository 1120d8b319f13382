"""What to connect to: a ClickHouse server by its URL, or chdb by its folder."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import OperationalError
from clickhouse_connect.driver.httpclient import HttpClient
from urllib3 import Timeout

from pipeline.errors import Setup
from storage.embedded import Embedded
from storage.writes import Writes

GREETING_S: Final = 10.0
"""How long a server may take to let us in: one that hangs is told apart from one that works."""

_ANSWER_S: Final = 300.0
_ENGINE: Final = Path(__file__).with_name("chdb.xml")
_WRITES: Final = Writes()
"""chdb is one for all of a process, and so it counts."""
_TLS_PORTS: Final = {443, 8443}
_COMPRESSIONS: Final = {"lz4": "lz4", "zstd": "zstd", "none": False}
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_TEXTS: Final = ("ca_cert", "client_cert", "client_cert_key", "server_host_name")
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_OURS: Final = re.compile(
    # What Aura sets itself, and what belongs to the protocol, not to a query.
    r"async_insert|wait_for_async_insert|insert_dedup.*|log_comment|readonly|max_execution_time"
    r"|max_memory_usage|max_result_bytes|max_partitions_per_insert_block|output_format_arrow_.*"
    r"|param_.*|query|query_id|session_.*|user|password|default_format|wait_end_of_query|role"
    r"|priority|max_rows_to_read|max_bytes_to_read|buffer_size|quota_key|stacktrace|compress"
    r"|decompress|client_protocol_version"
)
_OLDEST: Final = (23, 3)
"""The version that brought the newest of the settings that every query of ours names."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server and how to speak to it, as its URL says."""

    host: str
    port: int
    secure: bool
    user: str
    password: str = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the driver: TLS files, compression, timeouts."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of ClickHouse, for every query."""
    connect_s: float = GREETING_S
    answer_s: float = _ANSWER_S

    @property
    def greeting_s(self) -> int:
        """How long the first answers may take, in whole seconds as the driver has it."""
        return ceil(min(GREETING_S, self.answer_s))


@dataclass(frozen=True, slots=True)
class Target:
    """A server or a folder, and the database there; a server's default is `default`."""

    path: Path | None = None
    database: str | None = None
    server: Server | None = None
    writes: Writes = field(default=_WRITES, compare=False, repr=False)

    @staticmethod
    def parse(url: str, user: str = "", password: str = "") -> "Target":
        """
        Read `clickhouse://user:password@host:port/database?option=value` or `chdb:///path`.

        `clickhouses` is the same with TLS; `http` and `https` are other names of the two. `user`
        and `password` are those that the URL does not have. Raises ValueError, without any secret
        in it.
        """
        if url.startswith("chdb:"):
            # Only what stands behind the last "?" is no path: folders may have any name.
            path, _, query = url.removeprefix("chdb://").partition("?")
            return Target(Path(unquote(path)), dict(parse_qsl(query)).get("database"))
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        database = unquote(parts.path.strip("/")) or options.pop("database", "") or "default"
        if "/" in database:
            raise ValueError("one database stands behind the host")
        return Target(None, database, _server(parts, options, user, password))

    @property
    def label(self) -> str:
        """Name the target in a message: without user and password."""
        if self.server is None:
            return str(self.path)
        scheme = "clickhouses" if self.server.secure else "clickhouse"
        return f"{scheme}://{self.server.host}:{self.server.port}/{self.database}"

    def connect(
        self, settings: Mapping[str, str] | None = None, answer_s: float | None = None
    ) -> Client:
        """
        Return a new client; `settings` hold for all that it does.

        Raises the driver's errors, Setup for what the server cannot do. `answer_s` is how long an
        answer may take, at most what the URL says.
        """
        if self.server is None:
            return self._embedded(dict(settings or {}))
        server = self.server
        try:
            client = self._greet(server, {**server.settings, **(settings or {})})
        except (ValueError, IndexError) as error:
            raise OperationalError(f"its greeting broke off: {error}") from error
        if isinstance(client, HttpClient):
            answer_s = min(answer_s or server.answer_s, server.answer_s)
            client.timeout = Timeout(connect=server.connect_s, read=answer_s)
            # urllib3 repeats a request over TLS whose connection broke, even an insert.
            client.http_retries = 0
        _check(client, server)
        return client

    def _greet(self, server: Server, settings: dict[str, str]) -> Client:
        return clickhouse_connect.get_client(
            interface="https" if server.secure else "http",
            host=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            database=self.database,
            settings=settings,
            connect_timeout=server.connect_s,
            send_receive_timeout=server.greeting_s,
            autogenerate_session_id=False,  # a session would lock out a second request
            dedicated_pool=True,
            **server.options,
        )

    def _embedded(self, settings: dict[str, str]) -> Client:
        path = self.path or Path()
        path.mkdir(parents=True, exist_ok=True)
        # A folder's own name, so that nothing in it is read as part of a URL.
        client = clickhouse_connect.get_client(
            interface="chdb",
            path=str(path),
            database=self.database,
            settings=settings,
            chdb_options={"config-file": str(_ENGINE)},
        )
        return cast("Client", Embedded(client, path, self.writes))


def _check(client: Client, server: Server) -> None:
    if not client.server_settings:
        raise OperationalError("its greeting broke off")
    version = str(client.server_version)
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise Setup(f"storage.url: ClickHouse {version} is too old, Aura needs {oldest}")
    for name in server.settings:
        if name not in client.server_settings:
            raise Setup(f"storage.url: {name}: ClickHouse {version} has no such setting")


def _server(parts: SplitResult, options: dict[str, str], user: str, password: str) -> Server:
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port is a number up to 65535") from None
    if not parts.hostname:
        raise ValueError("clickhouse://host:port/database, and the host is missing")
    given_user, given_password = unquote(parts.username or ""), unquote(parts.password or "")
    if (given_user and user) or (given_password and password):
        raise ValueError("user or password stand here and in a setting of their own: say it once")
    secure = _boolean("secure", options.pop("secure", "false"))
    secure = secure or parts.scheme in {"clickhouses", "https"} or port in _TLS_PORTS
    connect_s = _seconds("connect_timeout", options.pop("connect_timeout", str(GREETING_S)))
    answer_s = _seconds("send_receive_timeout", options.pop("send_receive_timeout", str(_ANSWER_S)))
    of_driver = _driver(options, secure=secure)
    for name in options:
        if not _NAME.fullmatch(name) or _OURS.fullmatch(name):
            raise ValueError(f"{name[:60]}: no option, and no setting that may stand here")
    return Server(
        parts.hostname,
        port or (8443 if secure else 8123),
        secure,
        given_user or user or "default",
        given_password or password,
        of_driver,
        options,
        connect_s,
        answer_s,
    )


def _driver(options: dict[str, str], *, secure: bool) -> dict[str, Any]:
    """Take the driver's options out of all."""
    found: dict[str, Any] = {name: options.pop(name) for name in _TEXTS if name in options}
    if "verify" in options:
        found["verify"] = _boolean("verify", options.pop("verify"))
    if found and not secure:
        raise ValueError(f"{next(iter(found))} needs TLS: clickhouses://")
    compression = options.pop("compression", "lz4")
    if compression not in _COMPRESSIONS:
        raise ValueError(f"compression is one of {', '.join(_COMPRESSIONS)}")
    found["compress"] = _COMPRESSIONS[compression]
    for name in ("ca_cert", "client_cert", "client_cert_key"):
        if name in found and found[name] != "certifi" and not Path(found[name]).is_file():
            raise ValueError(f"{name}: no such file: {found[name]}")
    if "client_cert_key" in found and "client_cert" not in found:
        raise ValueError("client_cert_key without client_cert")
    return found


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ValueError(f"{name} is true or false")
    return _BOOLEANS[text.lower()]


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise ValueError(f"{name} is a number of seconds, above 0 and at most 3600")
    return seconds
