"""OTLP over HTTP: protobuf and JSON, compressed or not (port 4318)."""

from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Final, Self

from aiohttp import web
from grpc import StatusCode

from otlp.codec.json import from_json
from otlp.config import IngestorConfig
from otlp.door import Door, Outcome, Sent, as_json
from otlp.receivers import intake, listen, status, success
from otlp.receivers.cors import Cors
from otlp.receivers.intake import JSON, PROTOBUF, refusal
from otlp.receivers.status import Answer, Refusal
from pipeline import guard
from pipeline.address import host_and_port, joined
from pipeline.letter import Form
from pipeline.listener import Server
from pipeline.rpc.status import printable
from pipeline.signal import Signal
from pipeline.tls import Tls

SIGNALS: Final = {f"/v1/{signal}": signal for signal in Signal}
PATHS: Final = ", ".join(SIGNALS)
LINGER_S: Final = 2.0
"""How long a refused body is read and thrown away, so that its sender comes to read the answer."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request's head says: the signal, whose records, their form and compression."""

    signal: Signal
    tenant: str
    as_json: bool
    compression: str


class HttpReceiver:
    """
    An HTTP listener in front of a door; an async context manager.

    Entering listens, or raises Setup when the address is taken. Leaving stops accepting, lets the
    requests that are under way be answered for at most `stop_timeout_s`, and closes.

    A body is counted against the door's budget as it arrives, compressed and decompressed alike, so
    slow senders hold only what they sent; nothing is published before a body is complete. A sender
    that goes away is forgotten.
    """

    def __init__(self, config: IngestorConfig, door: Door, *, tls: Tls | None = None) -> None:
        self._config = config
        self._tls = tls
        self._cors = Cors(config.cors)
        self._door = door
        self._runner: web.ServerRunner | None = None
        self.address = self.url = ""
        """The address that is listened on, with the port that was given out, and its URL."""

    async def __aenter__(self) -> Self:
        # The low-level server: no routes, no middleware, and none of their answers in HTML.
        # Decompression is ours, so that the limits hold before and after it.
        server = Server(
            self._serve,
            _malformed,
            auto_decompress=False,
            read_bufsize=2**16,
            lingering_time=LINGER_S,
        )
        patience_s = listen.patience_s(self._config.stop_timeout_s)
        runner = web.ServerRunner(server, shutdown_timeout=patience_s)
        await runner.setup()
        host, port = host_and_port(self._config.http)
        try:
            context = self._tls.context if self._tls else None
            site = web.TCPSite(runner, host or None, port, backlog=1024, ssl_context=context)
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise listen.taken("http", self._config.http, error) from error
        self._runner = runner
        self.address = joined(*runner.addresses[0][:2])
        self.url = listen.url(self._tls, *runner.addresses[0][:2])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        started = perf_counter()
        signal = SIGNALS.get(request.path.rstrip("/"))
        media_type = intake.media_type(request)
        # A preflight carries no key, so it is answered before anything else is asked for.
        if (preflight := self._cors.preflight(request)) is not None:
            return preflight
        try:
            ask = _ask(request, signal, media_type, self._door)
            outcome = await self._take(request, ask)
        except ConnectionError:
            raise  # the sender is gone: nobody is there to be answered
        except Exception as error:  # noqa: BLE001 - every failure has an answer, and none is HTML
            response = _failure(error, media_type)
        else:
            response = _success(ask, outcome)
        self._cors.mark(request, response)
        seconds = perf_counter() - started
        self._door.metrics.answered("http", signal, str(response.status), seconds)
        return response

    async def _take(self, request: web.BaseRequest, ask: Ask) -> Outcome:
        with self._door.room(ask.tenant) as room:
            body = await intake.body(request, ask.compression, self._config, room)
            if ask.as_json:
                payload = await self._door.read(
                    ask.signal, ask.tenant, Form.JSON, body, from_json, ask.signal, body
                )
                sent = as_json(body)
                del body
                room.resize(len(payload))
            else:
                sent, payload = Sent(), body
            return await self._door.admit(ask.signal, ask.tenant, payload, room, sent)


def _ask(request: web.BaseRequest, signal: Signal | None, media_type: str, door: Door) -> Ask:
    """Read what a request asks for; raises a verdict on what is not served, or not to all."""
    if signal is None:
        text = f"nothing is at {request.path}; OTLP/HTTP is sent to {PATHS}"
        raise refusal(StatusCode.UNIMPLEMENTED, 404, text)
    if request.method != "POST":
        text = f"{request.method} is not served here; OTLP/HTTP is sent with POST"
        raise refusal(StatusCode.INVALID_ARGUMENT, 405, text, {"Allow": "POST"})
    tenant = door.tenant(guard.headers(request))
    if media_type not in {PROTOBUF, JSON}:
        text = f'Content-Type "{media_type}" is not taken; send {PROTOBUF} or {JSON}'
        raise refusal(StatusCode.INVALID_ARGUMENT, 415, text)
    return Ask(signal, tenant, media_type == JSON, intake.compression(request))


def _success(ask: Ask, outcome: Outcome) -> web.Response:
    # A header of ours, not `content_type=`: a Collector reads the body only when the type is bare.
    if ask.as_json:
        return web.Response(body=success.json(ask.signal, outcome), headers={"Content-Type": JSON})
    body = success.protobuf(ask.signal, outcome)
    return web.Response(body=body, headers={"Content-Type": PROTOBUF})


def _failure(error: Exception, media_type: str) -> web.Response:
    told = status.answer(error)
    as_json = media_type != PROTOBUF
    headers = {"Content-Type": JSON if as_json else PROTOBUF} | status.headers(told)
    if isinstance(error, Refusal):
        headers |= error.headers
    return web.Response(status=told.http, body=status.body(told, as_json=as_json), headers=headers)


def _malformed(code: int, message: str) -> web.Response:
    told = Answer(StatusCode.INVALID_ARGUMENT, code, printable(message))
    body = status.body(told, as_json=True)
    return web.Response(status=code, body=body, headers={"Content-Type": JSON})
