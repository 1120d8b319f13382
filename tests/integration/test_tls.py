"""TLS and mTLS of both OTLP listeners on real sockets, with the exporters of the Python SDK."""

import asyncio
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcPoints
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpPoints
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from structlog.testing import capture_logs

from otlp.receivers.grpc import SIGNALS, GrpcReceiver
from otlp.receivers.http import HttpReceiver
from pipeline.bus.memory import MemoryBus
from pipeline.signal import Signal
from pipeline.tls import Tls, TlsConfig
from tests.support import otlp_sdk
from tests.support.certificates import Authority, Pair, needs_openssl
from tests.support.otlp_requests import door, ingestor, memory_bus, spans, stored, until

pytestmark = needs_openssl

EXPORT = next(iter(SIGNALS))


@pytest.fixture(autouse=True)
def no_other_bundle(monkeypatch):
    """With these the exporter over HTTP trusts whom they name, whatever it is told."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates")).make()


@pytest.fixture(scope="module")
def server(authority: Authority) -> Pair:
    return authority.sign("server")


@pytest.fixture(scope="module")
def shown(authority: Authority) -> Pair:
    """What a client shows."""
    return authority.sign("client")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("strangers"), "stranger").make()


@dataclass
class Listeners:
    http: HttpReceiver
    grpc: GrpcReceiver
    bus: MemoryBus

    @property
    def ports(self) -> list[int]:
        return [int(one.address.rpartition(":")[2]) for one in (self.http, self.grpc)]

    async def accepted(self) -> int:
        messages = [await stored(self.bus, signal) for signal in Signal]
        return sum(message.accepted for found in messages for message in found)


@asynccontextmanager
async def listeners(pair: Pair | None, **settings: Any) -> AsyncIterator[Listeners]:
    config, bus = ingestor(), memory_bus()
    if pair is None:
        async with (
            door(bus.publish, config) as stands,
            HttpReceiver(config, stands) as http,
            GrpcReceiver(config, stands) as over_grpc,
        ):
            yield Listeners(http, over_grpc, bus)
        return
    texts = {"cert_file": str(pair.cert), "key_file": str(pair.key), **settings}
    async with (
        Tls(TlsConfig.model_validate(texts), "ingestor.tls") as tls,
        door(bus.publish, config) as stands,
        HttpReceiver(config, stands, tls=tls) as http,
        GrpcReceiver(config, stands, tls=tls) as over_grpc,
    ):
        yield Listeners(http, over_grpc, bus)


def over_http(listens: Listeners, trusted: Path, shown: Pair | None) -> list[Any]:
    base = f"https://localhost:{listens.ports[0]}/v1"
    settings: dict[str, Any] = {"certificate_file": str(trusted), "timeout": 3}
    if shown:
        settings |= {"client_certificate_file": str(shown.cert), "client_key_file": str(shown.key)}
    kinds = {"traces": HttpSpans, "logs": HttpLogs, "metrics": HttpPoints}
    return [kind(f"{base}/{path}", **settings) for path, kind in kinds.items()]


def over_grpc(listens: Listeners, trusted: Path, shown: Pair | None) -> list[Any]:
    pair = (shown.key.read_bytes(), shown.cert.read_bytes()) if shown else (None, None)
    credentials = grpc.ssl_channel_credentials(trusted.read_bytes(), *pair)
    endpoint = f"https://localhost:{listens.ports[1]}"
    kinds = (GrpcSpans, GrpcLogs, GrpcPoints)
    return [kind(endpoint=endpoint, credentials=credentials, timeout=3) for kind in kinds]


TRANSPORTS = [pytest.param(over_http, id="http"), pytest.param(over_grpc, id="grpc")]


def hello(
    port: int, trusted: Path, shown: Pair | None = None, *, version: str = "", alpn: str = "h2"
) -> str:
    """Shake hands; return the name on the server's certificate. A refusal raises OSError."""
    context = ssl.create_default_context(cafile=str(trusted))
    context.set_alpn_protocols([alpn])
    if version:
        context.maximum_version = ssl.TLSVersion[version]
    if shown:
        context.load_cert_chain(shown.cert, shown.key)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        if shown or alpn != "h2":  # in TLS 1.3 a client's certificate is refused after its hello
            secure.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            if not secure.recv(1):
                raise ConnectionResetError("closed, which asyncio does without an alert")
        certificate: Any = secure.getpeercert()
        return str(certificate["subject"][0][0][1])


@pytest.mark.parametrize("exporters", TRANSPORTS)
async def test_the_python_sdk_over_tls(authority, server, exporters):
    async with listeners(server) as listens:
        await asyncio.to_thread(otlp_sdk.send_all, *exporters(listens, authority.cert, None))
        assert listens.http.url.startswith("https://127.0.0.1:")
        assert await listens.accepted() == 3


@pytest.mark.parametrize("exporters", TRANSPORTS)
async def test_the_python_sdk_over_mtls(authority, server, shown, exporters):
    async with listeners(server, client_ca_file=str(authority.cert)) as listens:
        await asyncio.to_thread(otlp_sdk.send_all, *exporters(listens, authority.cert, shown))
        assert await listens.accepted() == 3


async def export(port: int, *pems: bytes) -> bytes:
    async with aio.secure_channel(
        f"localhost:{port}", grpc.ssl_channel_credentials(*pems)
    ) as channel:
        answer: bytes = await channel.unary_unary(EXPORT)(spans(), timeout=5)  # type: ignore[type-var,misc]
        return answer


async def test_mtls_refuses_who_shows_nothing_or_anothers_certificate(authority, server, stranger):
    trusted = authority.cert.read_bytes()
    foreign = stranger.sign("client")
    with capture_logs() as lines:
        async with listeners(server, client_ca_file=str(authority.cert)) as listens:
            http_port, grpc_port = listens.ports
            for pair in (None, foreign):
                ask = partial(hello, http_port, authority.cert, pair, alpn="http/1.1")
                with pytest.raises(OSError, match=r"(?i)alert|closed|reset|EOF"):
                    await asyncio.to_thread(ask)
                pems = (pair.key.read_bytes(), pair.cert.read_bytes()) if pair else ()
                with pytest.raises(aio.AioRpcError) as caught:
                    await export(grpc_port, trusted, *pems)
                assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
            assert await listens.accepted() == 0
    assert lines == []


async def test_a_client_that_trusts_another_authority_goes_away(server, stranger):
    with capture_logs() as lines:
        async with listeners(server) as listens:
            for port in listens.ports:
                with pytest.raises(ssl.SSLCertVerificationError):
                    await asyncio.to_thread(hello, port, stranger.cert)
    assert lines == []


async def test_an_old_version_is_refused(authority, server):
    async with listeners(server, min_version="1.3") as listens:
        http_port, grpc_port = listens.ports
        with pytest.raises(ssl.SSLError):
            await asyncio.to_thread(hello, http_port, authority.cert, version="TLSv1_2")
        assert await asyncio.to_thread(hello, http_port, authority.cert, version="TLSv1_3")
        assert await export(grpc_port, authority.cert.read_bytes()) == b""
        assert await listens.accepted() == 1
        # gRPC's library shakes hands over 1.2: the call is refused. No client of ours can be made
        # to speak 1.2, so a call is written by hand.
        said = await asyncio.to_thread(call_over_1_2, grpc_port, authority.cert)
        assert b"min_version is 1.3" in said
        assert await listens.accepted() == 1
    async with listeners(server) as listens:
        for port in listens.ports:
            assert await asyncio.to_thread(hello, port, authority.cert, version="TLSv1_2")


async def shut_out(port: int, authority: Authority, pair: Pair) -> None:
    """Ask until it is refused."""
    async with asyncio.timeout(10):
        while True:
            await asyncio.to_thread(hello, port, authority.cert, pair)


def call_over_1_2(port: int, trusted: Path) -> bytes:
    """Make a gRPC call in frames of HTTP/2 by hand; return what came back."""
    context = ssl.create_default_context(cafile=str(trusted))
    context.set_alpn_protocols(["h2"])
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    head = {
        ":method": "POST", ":scheme": "https", ":path": EXPORT, ":authority": "localhost",
        "te": "trailers", "content-type": "application/grpc",
    }  # fmt: skip
    block = b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in head.items()
    )
    message = spans()
    data = b"\0" + len(message).to_bytes(4, "big") + message
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        assert secure.version() == "TLSv1.2"
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        secure.sendall(preface + frame(4, 0, 0) + frame(1, 4, 1, block) + frame(0, 1, 1, data))
        said = b""
        while b"grpc-message" not in said and (more := secure.recv(4096)):
            said += more
        return said


def frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    head = len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + content


def talk_plain(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        plain.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        try:
            return plain.recv(100)
        except ConnectionError:
            return b""


async def test_plain_text_at_a_tls_port_is_closed_and_nothing_else(authority, server, caplog):
    before = len(asyncio.all_tasks())
    with capture_logs() as lines:
        async with listeners(server) as listens:
            for port in listens.ports:
                assert b"HTTP/1.1" not in await asyncio.to_thread(talk_plain, port)
            async with aio.insecure_channel(f"localhost:{listens.ports[1]}") as channel:
                with pytest.raises(aio.AioRpcError) as caught:
                    await channel.unary_unary(EXPORT)(b"", timeout=5)  # type: ignore[misc]
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
            assert await export(listens.ports[1], authority.cert.read_bytes()) == b""
    await until(lambda: len(asyncio.all_tasks()) <= before)
    assert (lines, caplog.records) == ([], [])


async def test_tls_at_a_plain_port_is_closed_and_nothing_else(authority, caplog):
    with capture_logs() as lines:
        async with listeners(None) as listens:
            for port in listens.ports:
                with pytest.raises(OSError, match=r"(?i)ssl|reset"):
                    await asyncio.to_thread(hello, port, authority.cert)
            with pytest.raises(aio.AioRpcError) as caught:
                await export(listens.ports[1], authority.cert.read_bytes())
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert (lines, caplog.records) == ([], [])


async def test_a_renewed_certificate_needs_no_restart(authority, server, stranger, shown, tmp_path):
    live = Pair(tmp_path / "live.pem", tmp_path / "live.key")
    clients = tmp_path / "clients.pem"

    def install(pair: Pair) -> None:
        shutil.copy(pair.cert, live.cert)
        shutil.copy(pair.key, live.key)

    async def named(name: str, pair: Pair | None = None) -> None:
        for port in listens.ports:
            found = ""
            async with asyncio.timeout(10):
                while found != name:
                    try:
                        found = await asyncio.to_thread(hello, port, authority.cert, pair)
                    except OSError:
                        assert pair is not shown  # who was let in stays let in

    install(server)
    renewed = authority.sign("renewed")
    async with listeners(live, reload_interval=0.01) as listens:
        await named("server")
        with capture_logs() as lines:
            shutil.copy(renewed.cert, live.cert)  # half of it: the old one stays
            await until(lambda: lines)
            assert lines[0]["log_level"] == "warning"
            assert "is not the key of" in lines[0]["reason"]
            await named("server")
            install(renewed)
            await named("renewed")

    shutil.copy(stranger.cert, clients)
    foreign = stranger.sign("client")
    settings: dict[str, Any] = {"client_ca_file": str(clients), "reload_interval": 0.01}
    async with listeners(live, **settings) as listens:
        await named("renewed", foreign)
        shutil.copy(authority.cert, clients)
        for port in listens.ports:
            with pytest.raises(OSError, match=r"(?i)alert|closed|reset|EOF"):
                await shut_out(port, authority, foreign)
        await named("renewed", shown)
