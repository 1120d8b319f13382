"""A stop waits at most `stop_timeout_s` for who is connected, on all four listeners."""

import asyncio
import http.client
import socket
import ssl
import time
from contextlib import ExitStack

import pytest
from aiohttp import ClientSession

from otlp.receivers.grpc import GrpcReceiver
from otlp.receivers.http import HttpReceiver
from otlp.receivers.intake import PROTOBUF
from tests.support.aura_process import PORTS, Aura
from tests.support.certificates import Authority, needs_openssl
from tests.support.otlp_requests import Gate, door, ingestor, memory_bus, spans, until

STOP_TIMEOUT_S = 1
STOP = {"AURA_INGESTOR_STOP_TIMEOUT_S": f"{STOP_TIMEOUT_S}s"}
HELLO_BEGINS = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""The head of a ClientHello, whose rest does not come."""
GRPC = {"ingestor.grpc", "storage.listen"}
REQUEST_BEGINS = b"POST /v1/logs HTTP/1.1\r\nHost: loc"


def linger(aura: Aura, stack: ExitStack) -> None:
    """Connect to every listener in every way, and leave it at that."""
    for name, port in aura.ports.items():
        for begun in (b"", HELLO_BEGINS, REQUEST_BEGINS):
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            raw.sendall(begun)
        if aura.trusted:
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            aura.trusted.set_alpn_protocols(["h2" if name in GRPC else "http/1.1"])
            stack.enter_context(aura.trusted.wrap_socket(raw, server_hostname="127.0.0.1"))
        if name not in GRPC:
            kept = (
                http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=aura.trusted)
                if aura.trusted
                else http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            )
            stack.callback(kept.close)
            kept.request("GET", "/healthz")
            kept.getresponse().read()


def stops_soon(aura: Aura) -> None:
    # gRPC's library waits for whoever has not said hello; the others do not wait at all.
    with ExitStack() as stack:
        linger(aura, stack)
        began = time.monotonic()
        assert aura.stop() == 0
        took = time.monotonic() - began
    print(f"stopped within {took:.2f} s")
    assert took < STOP_TIMEOUT_S + 5
    log = (aura.folder / "stderr.log").read_text()
    assert "Traceback" not in log
    assert '"error"' not in log


@pytest.mark.parametrize("begun", [b"", HELLO_BEGINS, REQUEST_BEGINS], ids=["none", "tls", "http"])
@pytest.mark.parametrize("receiver", [HttpReceiver, GrpcReceiver])
async def test_a_plain_listener_does_not_wait_for_who_says_little(receiver, begun):
    config = ingestor(stop_timeout_s=0.2)
    async with door(memory_bus().publish, config) as stands:
        listens = await receiver(config, stands).__aenter__()
        host, _, port = listens.address.rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(begun)
        await writer.drain()
        async with asyncio.timeout(5):
            await listens.__aexit__(None, None, None)
        writer.close()


async def test_a_stop_over_http_waits_once_and_not_twice():
    gate = Gate(memory_bus().publish)
    config = ingestor(stop_timeout_s=2)
    async with ClientSession() as session:
        stands = door(gate, config)
        listens = await HttpReceiver(config, stands).__aenter__()
        headers = {"Content-Type": PROTOBUF}
        asked = asyncio.create_task(
            session.post(f"{listens.url}/v1/traces", data=spans(), headers=headers)
        )
        await until(lambda: gate.messages)
        began = time.monotonic()
        await listens.__aexit__(None, None, None)
        assert 1.9 < time.monotonic() - began < 3.5
        assert isinstance((await asyncio.gather(asked, return_exceptions=True))[0], Exception)
        gate.opened.set()
        await stands.close()


@needs_openssl
@pytest.mark.slow
def test_tls_on_every_listener_and_a_stop_amid_handshakes(tmp_path):
    authority = Authority(tmp_path).make()
    pair = authority.sign("server")
    settings = dict(STOP)
    for role in ("INGESTOR", "STORAGE", "QUERY"):
        settings[f"AURA_{role}_TLS_CERT_FILE"] = str(pair.cert)
        settings[f"AURA_{role}_TLS_KEY_FILE"] = str(pair.key)
    aura = Aura(tmp_path, **settings)
    aura.trusted = ssl.create_default_context(cafile=str(authority.cert))
    with aura:
        for name in PORTS:
            plain = plain_text(aura.ports[name])
            assert b"HTTP/1.1" not in plain, name
        stops_soon(aura)


def plain_text(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            return client.recv(1000)
        except ConnectionError:
            return b""
