"""CORS of OTLP/HTTP and of plain JSON on real sockets. Numbers: contracts/otlp.md, 7."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, web

from otlp.config import CorsConfig
from otlp.receivers import cors, plain
from otlp.receivers.cors import Cors
from otlp.receivers.http import HttpReceiver
from otlp.receivers.intake import JSON
from pipeline.errors import Overloaded
from pipeline.ports import Message
from pipeline.signal import Signal
from query.api import answers
from tests.support.otlp_requests import door, ingestor, memory_bus, stored

PAGE = "https://app.example.com"
FOREIGN = "https://evil.example.org"
ALLOWED = {"allowed_origins": ["https://*.example.com"], "max_age": "2h"}
HELLO = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"hello"}}]}]}]}'


@asynccontextmanager
async def listeners(publish: Any = None, **settings: Any) -> AsyncIterator[tuple[str, str, Any]]:
    """The URLs of an OTLP listener and of one with plain JSON, as `aura/serve.py` makes them."""
    bus = memory_bus()
    config = ingestor(cors=CorsConfig.model_validate(settings))
    app = web.Application(middlewares=[cors.middleware(Cors(config.cors)), answers.errors])
    runner = web.AppRunner(app, auto_decompress=False)
    async with door(publish or bus.publish, config) as stands, HttpReceiver(config, stands) as http:
        app.add_routes(plain.routes(stands, config))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield http.url, "http://{}:{}".format(*runner.addresses[0][:2]), bus
        finally:
            await runner.cleanup()


async def ask(url: str, method: str = "POST", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers that concern CORS, and the body."""
    sent = {"Content-Type": JSON} if method == "POST" else {}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        ClientSession() as session,
        session.request(
            method, url, data=HELLO if method == "POST" else None, headers=sent
        ) as response,
    ):
        body = await response.read()
        told = {
            name: value
            for name, value in response.headers.items()
            if name == "Vary" or name.startswith("Access-Control-")
        }
        return response.status, told, body


def preflight(origin: str, wanted: str = "content-type", method: str = "POST") -> dict[str, str]:
    return {
        "Origin": origin,
        "Access_Control_Request_Method": method,
        "Access_Control_Request_Headers": wanted,
    }


ASKED = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
PERMITTED = {
    "Access-Control-Allow-Origin": PAGE,
    "Access-Control-Allow-Credentials": "true",
}


async def test_case_43_a_preflight_is_answered_with_permission_or_without():
    async with listeners(**ALLOWED) as (http, api, _):
        for url in (f"{http}/v1/logs", f"{api}/v1/logs", f"{api}/v1/logs/"):
            status, told, body = await ask(url, "OPTIONS", **preflight(PAGE))
            assert (status, body) == (204, b"")
            assert told == PERMITTED | {
                "Access-Control-Allow-Methods": "POST",
                "Access-Control-Allow-Headers": "content-type",
                "Access-Control-Max-Age": "7200",
                "Vary": ASKED,
            }
            for refused in (
                preflight(FOREIGN),
                preflight("null"),
                preflight(PAGE, "authorization"),
                preflight(PAGE, method="PUT"),
            ):
                answer = await ask(url, "OPTIONS", **refused)
                assert answer == (204, {"Vary": ASKED}, b"")


async def test_case_43_an_answer_can_be_read_by_the_page_whatever_it_says():
    readable = PERMITTED | {"Access-Control-Expose-Headers": "Retry-After", "Vary": "Origin"}
    async with listeners(**ALLOWED) as (http, api, bus):
        cases = [
            (f"{http}/v1/logs", {}, 200),
            (f"{http}/v1/nothing", {}, 404),
            (f"{http}/v1/logs", {"Content_Type": "text/plain"}, 415),
            (f"{http}/v1/logs", {"Content_Encoding": "br"}, 400),
            (f"{api}/v1/logs", {}, 200),
            (f"{api}/v1/nothing", {}, 404),
            (f"{api}/v1/logs", {"Content_Encoding": "br"}, 400),
        ]
        for url, headers, status in cases:
            assert (await ask(url, Origin=PAGE, **headers))[:2] == (status, readable), url
            without = await ask(url, **headers)
            assert without[:2] == (status, {"Vary": "Origin"})
        assert sum(message.accepted for message in await stored(bus, Signal.LOGS)) == 4

    async def full(signal: Signal, message: Message) -> None:
        raise Overloaded("full")

    async with listeners(full, **ALLOWED) as (http, api, _):
        for url in (http, api):
            assert (await ask(f"{url}/v1/logs", Origin=PAGE))[:2] == (503, readable)


async def test_case_43_every_origin_is_a_star():
    async with listeners(allowed_origins=["*"]) as urls:
        for url in urls[:2]:
            for headers, method in [(preflight("null"), "OPTIONS"), ({"Origin": "null"}, "POST")]:
                status, told, _ = await ask(f"{url}/v1/logs", method, **headers)
                assert status in (200, 204)
                assert told["Access-Control-Allow-Origin"] == "*"


async def test_case_44_without_origins_nothing_speaks_of_cors():
    async with listeners() as (http, api, bus):
        for url in (http, api):
            status, told, _ = await ask(f"{url}/v1/logs", "OPTIONS", **preflight(PAGE))
            assert (status, told) == (405, {})
        assert (await ask(f"{http}/v1/logs", Origin=PAGE))[:2] == (200, {})
        assert (await ask(f"{api}/v1/logs"))[:2] == (200, {})
        assert sum(message.accepted for message in await stored(bus, Signal.LOGS)) == 2


@pytest.mark.parametrize("settings", [{}, ALLOWED], ids=["off", "on"])
async def test_a_foreign_page_cannot_post_plain_json_without_a_preflight(settings):
    async with listeners(**settings) as (_, api, bus):
        url = f"{api}/v1/logs"
        for headers in (
            {"Origin": FOREIGN},
            {"Origin": "null"},
            {"Origin": "http://rebound.example.org", "Host": "rebound.example.org"},
        ):
            status, told, body = await ask(url, Content_Type="text/plain", **headers)
            assert status == 403
            assert "Access-Control-Allow-Origin" not in told
            assert b"ingestor.cors.allowed_origins" in body
        assert not await stored(bus, Signal.LOGS)
        assert (await ask(url, Origin=api))[0] == 200


async def test_what_the_listener_tells_of_itself_is_not_for_pages():
    async with listeners(**ALLOWED) as (_, api, _):
        status, told, _ = await ask(f"{api}/v1/logs", "GET", Origin=PAGE)
        assert (status, told) == (405, {})
