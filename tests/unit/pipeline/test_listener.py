"""What is no HTTP is answered in the listener's own form, and makes no noise."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from pipeline.listener import AppRunner, Server


def refuse(status: int, message: str) -> web.Response:
    return web.json_response({"said": message}, status=status)


async def fail(request: web.BaseRequest) -> web.Response:
    raise ZeroDivisionError


def app() -> AppRunner:
    made = web.Application()
    made.router.add_get("/", fail)
    return AppRunner(made, refuse)


@pytest_asyncio.fixture(params=["server", "app"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    runner = app() if request.param == "app" else web.ServerRunner(Server(fail, refuse))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def ask(port: int, content: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(content)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "content",
    [
        b"BREW / HTTP/1.1\r\nAccept: text/html\r\n\r\n",
        b"\x16\x03\x01\x02\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["method", "tls", "length", "line"],
)
async def test_what_is_no_http(port: int, content: bytes, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        head, _, body = (await ask(port, content)).partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert b"application/json" in head
    assert body.startswith(b'{"said": "not a request of HTTP/1.1: ')
    assert not caplog.records


async def test_what_is_expected_of_an_application_in_vain():
    runner = app()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        content = b"GET / HTTP/1.1\r\nHost: x\r\nExpect: coffee\r\nConnection: close\r\n\r\n"
        head, _, body = (await ask(runner.addresses[0][1], content)).partition(b"\r\n\r\n")
    finally:
        await runner.cleanup()
    assert b" 417 " in head
    assert body == b'{"said": "Unknown Expect: coffee"}'


async def test_what_a_handler_does_not_catch_is_no_html(port: int):
    answer = await ask(port, b"GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 500 " in head
    assert body.startswith(b'{"said": ')
