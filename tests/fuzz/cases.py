"""One case by its seed: which door, what is asked, and how it is sent."""

from random import Random

from pipeline.signal import Signal
from tests.fuzz import chance as odd
from tests.fuzz import jaeger, jsons, mutate, questions, telemetry, wire
from tests.fuzz.surface import (
    DOORS,
    ENCODINGS,
    JSON,
    MEDIA_TYPES,
    METHODS,
    NOWHERE,
    PROTOBUF,
    ROUTES,
    Route,
)
from tests.fuzz.wire import Case, Request

HEADERS = (
    ("Authorization", "Bearer aura-write-key-secret-123"),
    ("Authorization", "Basic \x80:"),
    ("Accept", "text/html"),
    ("Accept-Encoding", "gzip, br;q=x"),
    ("Origin", "https://example.org"),
    ("Access-Control-Request-Method", "POST"),
    ("Cookie", "a=" + "b" * 3000),
    ("Range", "bytes=0-"),
    ("If-None-Match", "*"),
    ("X-Forwarded-For", "::1"),
    ("traceparent", "00-zz-zz-zz"),
    ("Content-Type", "text/html"),
    ("Content-Encoding", "gzip"),
    ("Connection", "close"),
    ("Expect", "100-continue"),
)


def draw(seed: int, number: int) -> Case:
    """Return the case of this number; the same at every call."""
    chance = Random(f"{seed}:{number}")
    route = chance.choice(ROUTES)
    request = _request(chance, route)
    shape = chance.random()
    if shape < 0.6:
        return wire.whole(route.door, request)
    if shape < 0.67:
        return wire.chunked(chance, route.door, request)
    if shape < 0.72:
        return wire.slow(chance, route.door, request)
    if shape < 0.77:
        return wire.cut(chance, route.door, request)
    if shape < 0.8:
        return wire.half_closed(route.door, request)
    if shape < 0.85:
        return wire.wrong_length(chance, route.door, request)
    if shape < 0.91:
        return wire.torn_head(chance, route.door, request)
    if shape < 0.97:
        same = [one for one in ROUTES if one.door is route.door]
        count = chance.randint(2, 12)
        more = [_request(chance, chance.choice(same)) for _ in range(count)]
        return wire.pipelined(chance, route.door, more)
    return wire.noise(chance, chance.choice(DOORS))


def _request(chance: Random, route: Route) -> Request:
    method = chance.choice(METHODS) if chance.random() < 0.05 else route.method
    headers, body = [], b""
    if route.takes in {"otlp", "plain", "transform"}:
        media_type, body = _body(chance, route)
        encoding = chance.choice(ENCODINGS) if chance.random() < 0.4 else ""
        body = wire.compressed(chance, body, encoding)
        headers = [("Content-Type", media_type), ("Content-Encoding", encoding)]
        headers = [pair for pair in headers if pair[1] or chance.random() < 0.1]
    while chance.random() < 0.15:
        headers.append(chance.choice(HEADERS))
    # A request that asks first, or announces an upgrade, is answered all the same.
    return Request(method, _target(chance, route), tuple(headers), body)


def _target(chance: Random, route: Route) -> bytes:
    path = route.path.replace("{id}", questions.letter(chance))
    path = path.replace("{trace}", jaeger.trace(chance))
    path = path.replace("{service}", jaeger.service(chance))
    whole = path
    if route.takes == "trace":
        path += questions.trace(chance)
    if chance.random() < 0.04:
        path = chance.choice((*NOWHERE, path + "/", path.upper(), "http://x" + path, path + "%00"))
    if route.takes == "question":
        path += questions.string(chance, path.rpartition("/")[2]) if path == whole else ""
    elif route.takes == "page":
        path += questions.page(chance)
    elif route.takes == "tail":
        path += questions.tail(chance)
    elif route.takes in jaeger.PARAMETERS:
        path += jaeger.string(chance, route.takes)
    elif chance.random() < 0.05:
        path += questions.string(chance, questions.signal(chance))
    return path.encode()


def _body(chance: Random, route: Route) -> tuple[str, bytes]:
    """Return a media type and a body, which mostly fit."""
    transform = route.takes == "transform"
    signal = Signal.TRACES if transform else Signal(route.path.rpartition("/")[2])
    draw = 0.5 if transform else chance.random()
    if draw < 0.35:
        media_type, body = PROTOBUF, _protobuf(chance, signal)
    elif draw < 0.7 or route.takes == "otlp":
        whole = telemetry.as_json(telemetry.request(chance, signal, chance.choice((0.0, 0.1))))
        change = chance.random()
        if change < 0.4:
            whole = mutate.restructured(chance, whole)
        elif change < 0.6:
            whole = mutate.damaged(chance, whole)
        elif change < 0.7:
            whole = jsons.body(chance)
        media_type, body = JSON, whole
    else:
        media_type, body = JSON, jsons.body(chance)
    if chance.random() < 0.1:
        media_type = chance.choice(MEDIA_TYPES)
    return media_type, body


def _protobuf(chance: Random, signal: Signal) -> bytes:
    whole = telemetry.request(chance, signal, chance.choice((0.0, 0.1, 0.5))).SerializeToString()
    change = chance.random()
    if change < 0.5:
        return whole
    if change < 0.8:
        return mutate.damaged(chance, whole)
    if change < 0.9:
        return whole * chance.choice((2, 40, 400))
    return odd.noise(chance, 400)
