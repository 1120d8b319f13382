"""A ClickHouse server for tests as a process: HTTP in front of chdb.

Run with one argument, its settings as JSON; it prints its port when it listens, obeys lines of JSON
on its standard input (faults), and ends when that is closed.
"""

import asyncio
import json
import os
import ssl
import sys
from typing import Any

from aiohttp import web

from tests.support.clickhouse.engine import Engine
from tests.support.clickhouse.interface import URI_MAX, Interface


def tls(settings: dict[str, Any]) -> ssl.SSLContext | None:
    if not settings.get("certificate"):
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.get("authority"))
    context.load_cert_chain(settings["certificate"], settings["key"])
    context.verify_mode = ssl.CERT_OPTIONAL if settings.get("authority") else ssl.CERT_NONE
    return context


async def serve(settings: dict[str, Any]) -> None:
    interface = Interface(settings, Engine(settings["folder"]))
    app = web.Application(client_max_size=1 << 30)
    app.router.add_get("/ping", interface.ping)
    app.router.add_post("/", interface.handle)
    runner = web.AppRunner(app, auto_decompress=False, access_log=None, max_line_size=URI_MAX)
    await runner.setup()
    port = settings.get("port", 0)
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls(settings))
    await site.start()
    print(json.dumps(runner.addresses[0][1]), flush=True)
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while order := await lines.readline():
        print(json.dumps(interface.obey(json.loads(order))), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
    os._exit(0)  # whatever still runs in the engine: its parent is gone
