"""ClickHouse's HTTP interface over chdb: what our driver asks of a server, and its faults.

Behaviour is that of `src/Server/HTTPHandler.cpp`: settings and `param_x` in the URL, the statement
there or at the start of the body, errors with their code in a header.
"""

import asyncio
import base64
import gzip
import json
import re
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import lz4.frame
import zstandard
from aiohttp import web

from tests.support.clickhouse.engine import Asked, Engine, Refused
from tests.support.clickhouse.faults import Fault, into

NO_SETTINGS = {
    *("query", "database", "user", "password", "query_id", "default_format", "session_id"),
    *("wait_end_of_query", "client_protocol_version", "enable_http_compression", "quota_key"),
    *("send_progress_in_http_headers", "http_headers_progress_interval_ms", "role", "compress"),
    *("buffer_size", "cancel_http_readonly_queries_on_client_close"),
}
VALUE_MAX = 128 * 1024
"""`http_max_field_value_size`"""
URI_MAX = 1024 * 1024
"""`http_max_uri_size`"""
STATUS = {516: 403, 497: 403, 194: 401, 81: 404, 60: 404}
AUTH_FAILED = "Code: 516. DB::Exception: {}: Authentication failed. (AUTHENTICATION_FAILED)"
DENIED = "Code: 497. DB::Exception: {}: Not enough privileges. (ACCESS_DENIED)"
TOO_LONG = "Code: 1000. Poco::Exception: HTML Form Exception: Field value too long"
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


@dataclass
class Interface:
    """Takes requests; the test puts faults in their way."""

    settings: dict[str, Any]
    engine: Engine
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    late: dict[asyncio.Task[None], str] = field(default_factory=dict)

    async def ping(self, request: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            user = self._user(request)
            fault = self._fault(request.query.get("query", ""))
            if fault and fault.how == "half":
                await request.content.readexactly((request.content_length or 0) // 2)
                return _cut(request)
            asked = await _asked(request)
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
        if table := into(statement):
            self.seen.append(table)
        return next((fault for fault in self.faults if fault.hits(statement)), None)

    async def _broken(self, request: web.Request, asked: Asked, fault: Fault) -> web.StreamResponse:
        match fault.how:
            case "before":
                return _cut(request)
            case "after":
                await self.engine.run(asked)
                return _cut(request)
            case "late":
                self.late[asyncio.create_task(self._late(asked))] = ""
                return _cut(request)
            case "slow":
                self.late[asyncio.create_task(self._quietly(asked, fault.row_s))] = ""
                return _cut(request)
            case "stall":
                await self.released.wait()
                return _cut(request)
            case "headers":
                assert request.transport
                request.transport.write(b"HTTP/1.1 200 OK\r\nDate: now\r\nX-ClickHouse-Pro")
                request.transport.close()
                return web.Response()
            case "torn":
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
        await self._quietly(asked, 0.0)

    async def _quietly(self, asked: Asked, row_s: float) -> None:
        task = asyncio.current_task()
        assert task
        try:
            await self.engine.run(asked, row_s)
            self.late[task] = "stored"
        except Refused as refusal:
            self.late[task] = str(refusal)

    async def _answer(self, request: web.Request, asked: Asked) -> web.Response:
        body, summary = await self.engine.run(asked)
        version = self.settings.get("version")
        if version and "version()" in asked.statement:
            body = re.sub(rb"^[\d.]+", version.encode(), body)
        headers = {
            "X-ClickHouse-Query-Id": request.query.get("query_id", str(uuid4())),
            "X-ClickHouse-Summary": json.dumps(summary),
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
        self.settings |= order.get("settings", {})
        if order.get("clear"):
            self.faults.clear()
            self.seen.clear()
            self.late.clear()
            self.released = asyncio.Event()
        if order.get("release"):
            self.released.set()
        return {"seen": self.seen, "late": list(self.late.values())}


async def _asked(request: web.Request) -> Asked:
    query = dict(request.query)
    if request.content_type == "multipart/form-data":
        query |= {name: str(value) for name, value in (await request.post()).items()}
        body = b""
    else:
        body = await request.content.read()
        encoding = request.headers.get("Content-Encoding")
        body = UNPACK[encoding](body) if encoding else body
    if max(map(len, query.values()), default=0) > VALUE_MAX:
        raise Refused(TOO_LONG)
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


def _cut(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()


def _refusal(message: str) -> web.Response:
    found = re.search(r"Code: (\d+)", message)
    code = int(found[1]) if found else 1002
    headers = {"X-ClickHouse-Exception-Code": str(code)}
    return web.Response(status=STATUS.get(code, 500), text=message + "\n", headers=headers)
