"""Plain JSON on a real socket, in front of a real memory bus."""

import asyncio
import gzip
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web

from otlp.door import Door
from otlp.receivers import plain
from otlp.receivers.intake import JSON, PROTOBUF
from pipeline.bus.memory import MemoryBus
from pipeline.errors import Overloaded
from pipeline.ports import Message
from pipeline.signal import Signal
from tests.support.otlp_requests import REQUESTS, door, ingestor, memory_bus, spans, stored, until

LIMIT = 256 * 1024
HELLO = b'{"service_name":"test-svc","level":"INFO","message":"hello"}'


class Listener:
    """The routes on a server as `aura/serve.py` makes it."""

    def __init__(self, stands: Door, **settings: Any) -> None:
        app = web.Application()
        app.add_routes(plain.routes(stands, ingestor(**settings)))
        self._runner = web.AppRunner(app, auto_decompress=False, handler_cancellation=True)

    async def __aenter__(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return "http://{}:{}".format(*self._runner.addresses[0][:2])

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


@dataclass
class Client:
    session: ClientSession
    base: str
    bus: MemoryBus
    door: Door

    async def send(
        self, path: str, body: Any, media_type: str = "text/plain", **headers: str
    ) -> tuple[int, Any, Any]:
        sent = {"Content-Type": media_type} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        async with self.session.post(self.base + path, data=body, headers=sent) as response:
            assert response.headers["Content-Type"] == JSON
            return response.status, await response.json(), response.headers


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    bus = memory_bus()
    async with (
        door(bus.publish, ingestor(request_bytes_max=LIMIT)) as stands,
        Listener(stands, request_bytes_max=LIMIT) as base,
        ClientSession() as session,
    ):
        yield Client(session, base, bus, stands)
        await until(lambda: not stands.in_flight_bytes)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
async def test_curl_as_in_the_readme(client: Client):
    command = ["curl", "-s", "-H", "Authorization: Bearer some-key", "-X", "POST"]
    command += [f"{client.base}/v1/logs", "-d", HELLO.decode()]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    assert json.loads(done.stdout) == {"accepted": 1, "refused": 0, "errors": []}
    (message,) = await stored(client.bus, Signal.LOGS)
    assert (message.accepted, message.refused) == (1, 0)


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/logs/"])
@pytest.mark.parametrize("media_type", [JSON, "application/x-www-form-urlencoded", "text/plain"])
async def test_any_media_type_is_json(client: Client, path: str, media_type: str):
    status, told, _ = await client.send(path, HELLO, media_type)
    assert (status, told["accepted"]) == (200, 1)


@pytest.mark.parametrize("signal", Signal)
async def test_protobuf_is_taken_by_its_media_type(client: Client, signal: Signal):
    payload = REQUESTS[signal](3)
    status, told, _ = await client.send(f"/v1/{signal}", payload, PROTOBUF)
    assert (status, told["accepted"]) == (200, 3)
    assert [message.payload for message in await stored(client.bus, signal)] == [payload]


async def test_refused_records_are_told_and_counted(client: Client):
    status, told, _ = await client.send("/v1/logs", HELLO + b"\n{broken\n" + HELLO)
    assert (status, told["accepted"], told["refused"]) == (200, 2, 1)
    assert told["errors"][0]["line"] == 2
    status, told, _ = await client.send("/v1/logs", b'{"time":"x"}')
    assert (status, told["accepted"], told["refused"]) == (400, 0, 1)
    assert told["errors"][0] | {"message": ""} == {
        "message": "", "index": 0, "line": 1, "key": "time",
    }  # fmt: skip
    messages = await stored(client.bus, Signal.LOGS)
    assert [(message.accepted, message.refused) for message in messages] == [(2, 1), (0, 1)]


async def test_what_the_rules_refuse_is_told_too(client: Client):
    status, told, _ = await client.send("/v1/traces", spans(1, zero_ids=2), PROTOBUF)
    assert (status, told["accepted"], told["refused"]) == (200, 1, 2)
    assert "2 spans refused" in told["errors"][0]["message"]


async def test_many_errors_are_summed_up(client: Client):
    status, told, _ = await client.send("/v1/logs", json.dumps([1] * 150).encode())
    assert (status, told["refused"], len(told["errors"])) == (400, 150, 101)
    assert told["errors"][-1] == {"message": "and 50 more"}


async def test_what_is_no_json_names_its_place(client: Client):
    status, told, _ = await client.send("/v1/logs", b"level=INFO")
    assert status == 400
    assert told["errors"][0]["message"].startswith("line 1, column 1: not valid JSON")


async def test_gzip_within_the_limits(client: Client):
    status, told, _ = await client.send(
        "/v1/logs", gzip.compress(HELLO, mtime=0), Content_Encoding="gzip"
    )
    assert (status, told["accepted"]) == (200, 1)
    bomb = gzip.compress(b" " * (LIMIT + 1))
    assert (await client.send("/v1/logs", bomb, Content_Encoding="gzip"))[0] == 413
    assert (await client.send("/v1/logs", b" " * (LIMIT + 1)))[0] == 413
    assert (await client.send("/v1/logs", b"plain", Content_Encoding="gzip"))[0] == 400
    assert (await client.send("/v1/logs", HELLO, Content_Encoding="br"))[0] == 400


async def test_another_method_or_path_is_not_served(client: Client):
    async with client.session.get(client.base + "/v1/logs") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
    async with client.session.post(client.base + "/v1/profiles", data=b"{}") as response:
        assert response.status == 404


async def test_a_full_bus_says_when_to_come_back():
    async def full(signal: Signal, message: Message) -> None:
        raise Overloaded("full", retry_s=2)

    async with door(full) as stands, Listener(stands) as base, ClientSession() as session:
        client = Client(session, base, memory_bus(), stands)
        status, told, headers = await client.send("/v1/logs", HELLO)
    assert (status, headers["Retry-After"], told["accepted"]) == (503, "2", 0)


async def test_a_bug_is_a_500_that_says_nothing():
    async def broken(signal: Signal, message: Message) -> None:
        raise ZeroDivisionError("secret")

    async with door(broken) as stands, Listener(stands) as base, ClientSession() as session:
        status, told, _ = await Client(session, base, memory_bus(), stands).send("/v1/logs", HELLO)
    assert (status, told["errors"]) == (500, [{"message": "internal error"}])


async def test_curl_is_told_to_go_on_only_when_there_is_room(client: Client):
    host, port = client.base.removeprefix("http://").split(":")
    for size, answer in [(len(HELLO), b" 100 "), (LIMIT + 1, b" 413 ")]:
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n"
        writer.write(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert answer in await reader.readline()
        if answer == b" 100 ":
            assert await reader.readline() == b"\r\n"
            writer.write(HELLO)
            assert b" 200 " in await reader.readline()
        writer.close()
