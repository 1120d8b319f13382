"""ClickHouse's HTTP interface over chdb, in a process of its own: what our driver asks of a server.

Run with one argument, its settings as JSON; it prints a line when it listens, obeys lines of JSON
on its standard input (faults), and ends when that is closed. Behaviour is that of
`src/Server/HTTPHandler.cpp`: settings and `param_x` in the URL, the statement there or at the start
of the body, errors with their code in a header.
"""

import asyncio
import base64
import gzip
import json
import queue
import re
import ssl
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import chdb
import lz4.frame
import zstandard
from aiohttp import web

THREADS = 24
NO_SETTINGS = {
    *("query", "database", "user", "password", "query_id", "default_format", "session_id"),
    *("wait_end_of_query", "client_protocol_version", "enable_http_compression", "quota_key"),
    *("send_progress_in_http_headers", "http_headers_progress_interval_ms", "role", "compress"),
    *("buffer_size", "cancel_http_readonly_queries_on_client_close"),
}
STATUS = {516: 403, 497: 403, 194: 401, 81: 404, 60: 404}
AUTH_FAILED = "Code: 516. DB::Exception: {}: Authentication failed. (AUTHENTICATION_FAILED)"
DENIED = "Code: 497. DB::Exception: {}: Not enough privileges. (ACCESS_DENIED)"
UNPACK: dict[str, Any] = {
    "gzip": gzip.decompress,
    "lz4": lz4.frame.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}
PACK: dict[str, Any] = {
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip": gzip.compress,
}


class Refused(Exception):  # noqa: N818 - a verdict
    """An answer with ClickHouse's error code."""


@dataclass
class Fault:
    """What goes wrong with a statement of this kind; `skip` of them pass, then `times` do not."""

    how: str
    kind: str = "INSERT"
    table: str = ""
    skip: int = 0
    times: int = 1
    code: int = 0

    def hits(self, statement: str) -> bool:
        words = statement.split(None, 3)
        if not self.times or words[0].upper() != self.kind:
            return False
        if self.table and self.table not in (words[2], words[2].rpartition(".")[2].strip("`")):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Asked:
    """A request as the engine takes it."""

    statement: str
    data: bytes
    database: str
    settings: dict[str, str]
    parameters: dict[str, str]
    format: str = "TabSeparated"

    @property
    def kind(self) -> str:
        return self.statement.split(None, 1)[0].upper()


class Engine:
    """chdb with a handle for each query that runs."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._keep = chdb.connect(folder)
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.threads = ThreadPoolExecutor(THREADS)

    async def run(self, asked: Asked) -> tuple[bytes, int]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, self._run, asked)

    def _run(self, asked: Asked) -> tuple[bytes, int]:
        try:
            handle = self._free.get_nowait()
        except queue.Empty:
            handle = chdb.connect(self._folder)
        try:
            handle.query(f"USE `{asked.database}`", "TabSeparated")
            found = self._insert(handle, asked) if asked.data else self._query(handle, asked)
            return found.bytes() or b"", found.rows_read()
        except Exception as error:  # noqa: BLE001 - chdb has no error of its own
            message = str(error)
            raise Refused(message[max(0, message.find("Code: ")) :]) from None
        finally:
            self._free.put(handle)

    def _query(self, handle: Any, asked: Asked) -> Any:
        settings = _clause(asked.settings) if asked.kind in {"SELECT", "WITH"} else ""
        sql = asked.statement + settings
        return handle.query(sql, asked.format, params=asked.parameters)

    def _insert(self, handle: Any, asked: Asked) -> Any:
        head, name = re.split(r"\s+FORMAT\s+", asked.statement)
        with tempfile.NamedTemporaryFile() as file:
            file.write(asked.data)
            file.flush()
            sql = f"{head} FROM INFILE '{file.name}'{_clause(asked.settings)} FORMAT {name}"
            return handle.query(sql, asked.format)


def _clause(settings: dict[str, str]) -> str:
    quoted = ("'" + v.replace("\\", "\\\\").replace("'", "\\'") + "'" for v in settings.values())
    both = zip(settings, quoted, strict=True)
    return " SETTINGS " + ", ".join(f"{k} = {v}" for k, v in both) if settings else ""


@dataclass
class Server:
    """The HTTP interface, with its faults."""

    settings: dict[str, Any]
    engine: Engine
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    late: set[asyncio.Task[Any]] = field(default_factory=set)

    async def ping(self, request: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            user = self._user(request)
            fault = self._fault(request.query.get("query", ""))
            if fault and fault.how == "half":
                size = request.content_length or 0
                await self._quietly(await self._asked(request, size // 2))
                return _cut(request)
            asked = await self._asked(request)
            if not request.query.get("query"):
                fault = self._fault(asked.statement)
            if fault:
                return await self._broken(request, asked, fault)
            if asked.kind == "CREATE" and user in self.settings.get("restricted", ()):
                raise Refused(DENIED.format(user))
            return await self._answer(request, asked)
        except Refused as refusal:
            return _refusal(str(refusal))

    def _user(self, request: web.Request) -> str:
        users = self.settings.get("users") or {"default": ""}
        named = request.headers.get("X-ClickHouse-User", "default")
        password = request.headers.get("X-ClickHouse-Key", "")
        if request.headers.get("X-ClickHouse-SSL-Certificate-Auth") == "on":
            shown = request.transport.get_extra_info("peercert") if request.transport else None
            names = dict(part for row in (shown or {}).get("subject", ()) for part in row)
            if names.get("commonName") == named in users:
                return named
            raise Refused(AUTH_FAILED.format(named))
        scheme, _, basic = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            named, _, password = base64.b64decode(basic).decode().partition(":")
        if users.get(named) != password:
            raise Refused(AUTH_FAILED.format(named))
        return named

    def _fault(self, statement: str) -> Fault | None:
        if not statement:
            return None
        words = statement.split(None, 3)
        if words[0].upper() == "INSERT":
            self.seen.append(words[2].rpartition(".")[2].strip("`"))
        return next((fault for fault in self.faults if fault.hits(statement)), None)

    async def _asked(self, request: web.Request, size: int = -1) -> Asked:
        query = dict(request.query)
        if request.content_type == "multipart/form-data":
            query |= {name: str(value) for name, value in (await request.post()).items()}
            body = b""
        else:
            body = await (
                request.content.readexactly(size) if size >= 0 else request.content.read()
            )
            encoding = request.headers.get("Content-Encoding")
            body = UNPACK[encoding](body) if encoding else body
        statement, data = query.get("query", ""), body
        if not statement:
            head, _, rest = body.partition(b"\n")
            inserts = re.match(rb"INSERT .*FORMAT \w+$", head)
            statement, data = (head.decode(), rest) if inserts else (body.decode(), b"")
        return Asked(
            statement.strip(),
            data,
            query.get("database", "default"),
            {k: v for k, v in query.items() if k not in NO_SETTINGS and k[:6] != "param_"},
            {k[6:]: v for k, v in query.items() if k[:6] == "param_"},
        )

    async def _broken(self, request: web.Request, asked: Asked, fault: Fault) -> web.StreamResponse:
        match fault.how:
            case "before":
                return _cut(request)
            case "after":
                await self.engine.run(asked)
                return _cut(request)
            case "late":  # it was on its way when the client gave up
                task = asyncio.create_task(self._late(asked))
                self.late.add(task)
                return _cut(request)
            case "stall":
                await self.released.wait()
                return _cut(request)
            case "torn":  # the answer ends in its middle
                body, _ = await self.engine.run(asked)
                answer = web.StreamResponse(headers={"Content-Length": str(len(body) + 10)})
                await answer.prepare(request)
                await answer.write(body[: len(body) // 2])
                return _cut(request)
            case "busy":
                return web.Response(status=503, text="busy")
        return _refusal(f"Code: {fault.code}. DB::Exception: refused by a test. (TEST)")

    async def _late(self, asked: Asked) -> None:
        await self.released.wait()
        await self._quietly(asked)

    async def _quietly(self, asked: Asked) -> None:
        try:
            await self.engine.run(asked)
        except Refused:
            return

    async def _answer(self, request: web.Request, asked: Asked) -> web.Response:
        body, rows = await self.engine.run(asked)
        version = self.settings.get("version")
        if version and "version()" in asked.statement:
            body = re.sub(rb"^[\d.]+", version.encode(), body)
        headers = {
            "X-ClickHouse-Query-Id": request.query.get("query_id", str(uuid4())),
            "X-ClickHouse-Summary": json.dumps({"read_rows": str(rows)}),
            "X-ClickHouse-Timezone": "UTC",
        }
        wanted = request.headers.get("Accept-Encoding", "").replace(" ", "").split(",")
        if request.query.get("enable_http_compression") == "1":
            encoding = next((one for one in wanted if one in PACK), None)
            if encoding:
                headers["Content-Encoding"], body = encoding, PACK[encoding](body)
        return web.Response(body=body, headers=headers)

    def obey(self, order: dict[str, Any]) -> Any:
        """Do what a line of the test says; return what it is told."""
        if "fault" in order:
            self.faults.append(Fault(**order["fault"]))
        if order.get("clear"):
            self.faults.clear()
            self.seen.clear()
            self.released = asyncio.Event()
        if order.get("release"):
            self.released.set()
        return {"seen": self.seen, "late": sum(not one.done() for one in self.late)}


def _cut(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()


def _refusal(message: str) -> web.Response:
    found = re.search(r"Code: (\d+)", message)
    code = int(found[1]) if found else 1002
    headers = {"X-ClickHouse-Exception-Code": str(code)}
    return web.Response(status=STATUS.get(code, 500), text=message + "\n", headers=headers)


def _tls(settings: dict[str, Any]) -> ssl.SSLContext | None:
    if not settings.get("certificate"):
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.get("authority"))
    context.load_cert_chain(settings["certificate"], settings["key"])
    context.verify_mode = ssl.CERT_OPTIONAL if settings.get("authority") else ssl.CERT_NONE
    return context


async def serve(settings: dict[str, Any]) -> None:
    server = Server(settings, Engine(settings["folder"]))
    app = web.Application(client_max_size=1 << 30)
    app.router.add_get("/ping", server.ping)
    app.router.add_post("/", server.handle)
    runner = web.AppRunner(app, auto_decompress=False, access_log=None)
    await runner.setup()
    port = settings.get("port", 0)
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=_tls(settings))
    await site.start()
    print(json.dumps(runner.addresses[0][1]), flush=True)
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while order := await lines.readline():
        print(json.dumps(server.obey(json.loads(order))), flush=True)


if __name__ == "__main__":
    import os

    asyncio.run(serve(json.loads(sys.argv[1])))
    os._exit(0)  # whatever still runs in the engine: its parent is gone
