"""Plain JSON for curl, OTLP/JSON and OTLP protobuf at /v1/{logs,traces,metrics} of `ingestor.api`.

The content type decides only whether it is protobuf: curl says application/x-www-form-urlencoded of
anything. The answer is JSON: `{"accepted": n, "refused": m, "errors": [{"message", "index"?,
"line"?, "key"?}]}`; 200 when something was accepted or nothing refused, else 400. What was accepted
is on the bus, as OTLP's receivers promise.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from time import perf_counter
from typing import Any, Final

from aiohttp import web

from otlp.codec.plain import Error, Plain, from_plain
from otlp.codec.rules import UNREADABLE
from otlp.config import IngestorConfig
from otlp.door import Door, Outcome, Sent
from otlp.receivers import intake, status
from otlp.receivers.cors import Cors
from otlp.receivers.status import Refusal
from pipeline import guard
from pipeline.letter import Form
from pipeline.rpc.status import printable
from pipeline.signal import Signal

PATH: Final = "/v1/{signal:" + "|".join(Signal) + "}{slash:/?}"


def routes(
    door: Door, config: IngestorConfig, clock_ns: Callable[[], int] = time.time_ns
) -> list[web.RouteDef]:
    """Return the routes, for a server that does not decompress by itself."""
    cors = Cors(config.cors)

    async def take(request: web.Request) -> web.Response:
        started = perf_counter()
        signal = Signal(request.match_info["signal"])
        try:
            response = await _take(request, signal)
        except ConnectionError:
            raise  # the sender is gone: nobody is there to be answered
        except Exception as error:  # noqa: BLE001 - every failure has an answer in this form
            response = _failure(error)
        door.metrics.answered("api", signal, str(response.status), perf_counter() - started)
        return response

    async def _take(request: web.Request, signal: Signal) -> web.Response:
        cors.demand(request)
        tenant = door.tenant(guard.headers(request))
        compressed = intake.compression(request)
        with door.room(tenant) as room:
            body = await intake.body(request, compressed, config, room)
            if intake.media_type(request) == intake.PROTOBUF:
                read = Plain(body, 0, ())
            else:
                now_ns, allowance = clock_ns(), door.allowance
                read = await door.read(
                    signal, tenant, Form.PLAIN, body, from_plain, signal, body, now_ns, allowance
                )
            del body
            room.resize(len(read.payload))
            refused = {UNREADABLE: read.refused} if read.refused else {}
            sent = Sent(refused, read.cuts)
            outcome = await door.admit(signal, tenant, read.payload, room, sent)
        return _answer(outcome, read)

    return [web.post(PATH, take, expect_handler=later)]


async def later(_: web.Request) -> None:
    """Leave "100 Continue" to the intake, which says it once there is room."""


def _answer(outcome: Outcome, read: Plain) -> web.Response:
    errors = list(read.errors)
    if len(errors) < read.refused:
        errors.append(Error(f"and {read.refused - len(errors)} more"))
    if outcome.message:
        errors.append(Error(outcome.message))
    code = 200 if outcome.accepted or not outcome.refused else 400
    return _told(code, outcome.accepted, outcome.refused, errors)


def _failure(error: Exception) -> web.Response:
    told = status.answer(error)
    headers = status.headers(told) | (error.headers if isinstance(error, Refusal) else {})
    return _told(told.http, 0, 0, [Error(told.message)], headers)


def _told(
    code: int,
    accepted: int,
    refused: int,
    errors: list[Error],
    headers: dict[str, str] | None = None,
) -> web.Response:
    content = {"accepted": accepted, "refused": refused, "errors": list(map(_fields, errors))}
    return respond(content, code, headers)


def respond(content: Any, code: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return an answer in JSON, with a line's end: it is read in terminals."""
    body = json.dumps(content, ensure_ascii=False).encode(errors="replace") + b"\n"
    headers = {"Content-Type": intake.JSON} | (headers or {})
    return web.Response(status=code, body=body, headers=headers)


def _fields(error: Error) -> dict[str, Any]:
    given = {name: value for name, value in asdict(error).items() if value is not None}
    return given | {"message": printable(error.message)}
