"""JSON of every shape, and what only looks like it."""

import json
from random import Random

from tests.fuzz import chance as odd

KEYS = (
    "service_name", "service.name", "attributes", "resource", "message", "body", "msg", "level",
    "severity", "severity_number", "timestamp", "time", "@timestamp", "trace_id", "span_id",
    "parent_span_id", "event_name", "name", "kind", "start_time", "start", "end_time", "end",
    "duration", "duration_ms", "status", "status_message", "value", "unit", "description", "type",
    "temporality", "resourceLogs", "resource_spans", "resourceMetrics",
)  # fmt: skip
USUAL = (
    '"INFO"', '"12.5ms"', '"2026-09-21T10:00:00Z"', '"0af7651916cd43dd8448eb211c80319c"',
    '"counter"',
    '"b7ad6b7169203331"', '"error"', '"delta"', "1790000000", "7", "{}", "[]", '"server"',
)  # fmt: skip
ODD = (
    "NaN", "Infinity", "-Infinity", "1e999", "-0", "1E+2", "01", "1.", ".5", "+1", "0x10", "1_000",
    '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\x41"', "'a'", '"\n"', "tru", "undefined", "",
    "9" * 5000, "-" + "9" * 40, "1" + "0" * 400, "1e-400", "0.1" + "7" * 300, "/*c*/1", "{,}",
    "[,]",
    '{"a"}', '{"a":}', '{1:2}', "[1 2]", '"unterminated', "\x00", "\ufeff{}",
)  # fmt: skip


def literal(chance: Random, depth: int) -> str:
    """Return a JSON value as text, valid but for a few."""
    draw = chance.random()
    if draw < 0.06:
        return chance.choice(ODD)
    if depth and draw < 0.3:
        count = chance.randint(0, 4)
        pairs = (f"{key(chance)}:{literal(chance, depth - 1)}" for _ in range(count))
        return "{" + ",".join(pairs) + "}"
    if depth and draw < 0.4:
        return "[" + ",".join(literal(chance, depth - 1) for _ in range(chance.randint(0, 4))) + "]"
    if draw < 0.55:
        return str(odd.integer(chance))
    if draw < 0.65:
        return json.dumps(odd.text(chance), ensure_ascii=chance.random() < 0.5)
    return chance.choice((*USUAL, "true", "false", "null", "1.5", "-7"))


def key(chance: Random) -> str:
    return json.dumps(chance.choice(KEYS) if chance.random() < 0.8 else odd.text(chance))


def record(chance: Random) -> str:
    """Return an object as plain JSON takes them, mostly."""
    if chance.random() < 0.3:
        return '{"service_name":"test-svc","level":"INFO","message":"hello"}'
    pairs = (f"{key(chance)}:{literal(chance, 3)}" for _ in range(chance.randint(0, 7)))
    return "{" + ",".join(pairs) + "}"


def body(chance: Random) -> bytes:
    """Return a body: one value, many, lines, something deep, or something broken."""
    draw = chance.random()
    if draw < 0.3:
        text = record(chance)
    elif draw < 0.45:
        text = "[" + ",".join(record(chance) for _ in range(chance.randint(0, 20))) + "]"
    elif draw < 0.7:
        text = _lines(chance)
    elif draw < 0.8:
        text = literal(chance, 5)
    elif draw < 0.9:
        text = _deep(chance)
    else:
        text = chance.choice(("", " ", "\n\n", "\ufeff", "null", "[]", "{}", "[[]]", "{}{}", "0"))
    content = text.encode(errors="surrogatepass")
    if chance.random() < 0.1:
        content = chance.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\0")) + content
    return content


def _lines(chance: Random) -> str:
    lines = [record(chance) for _ in range(chance.randint(1, 12))]
    if chance.random() < 0.5:
        at = chance.randrange(len(lines))
        lines[at] = lines[at][: chance.randint(0, len(lines[at]))]
    return chance.choice(("\n", "\r\n", "\n\n", "", " ", "\r", "\u2028")).join(lines)


def _deep(chance: Random) -> str:
    depth = chance.choice((60, 99, 101, 500, 1000, 20_000, 300_000))
    opening, closing = chance.choice((
        ("[", "]"), ('{"a":', "}"), ('{"attributes":', "}"), ('{"body":', "}"),
        ('{"arrayValue":{"values":[', "]}}"), ('{"message":[', "]}"),
    ))  # fmt: skip
    whole = opening * depth + "1" + closing * depth
    return whole if chance.random() < 0.7 else whole[: len(whole) // 2]
