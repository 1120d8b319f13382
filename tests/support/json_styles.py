"""
The same JSON as senders write it differently, and JSON that is broken or odd in some place.

All of it is made of a `Random`, so that a failing case is repeated by its seed.
"""

import base64
import json
import re
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from otlp.codec.grammar import IDS
from otlp.codec.json import to_json

TOKENS = (
    b"null", b"true", b"false", b"NaN", b'"NaN"', b'"Infinity"', b"{", b"}", b"[", b"]", b",", b":",
    b'"', b"\\", b"\\u", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b"\\u0000", b"\\x", b"\xff",
    b"\xed\xa0\x80", b"\xc3\xa9", b"\x00", b"\x1f", b" ", b"\n", b"\t", b"\x0c", b"0", b"-", b"-0",
    b"1.0", b"1e3", b"1.5", b"1e400", b"1e-400", b"-1e300", b".5", b"01", b"9" * 450, b"9" * 19,
    b'"9223372036854775808"', b'"18446744073709551615"', b'"18446744073709551616"', b'"-0"', b'""',
    b'"-9223372036854775808"', b'"2147483648"', b'"00012"', b'"1_0"', b'" 1"', b'"a="', b'"ab"',
    b'"a?"', b'"abc="', b'"SPAN_KIND_SERVER"', b"{}", b"[]", b"[null]", b'{"a":1,"a":2}', b'"x":1,',
    b'"key":"k",', b'"name":null,', b'"stringValue":"s",', b'"intValue":1,', b'"resourceLogs":[],',
    b'"traceId":"",', b'"trace_id":"00",', b'"startTimeUnixNano":1.7e18,', b"[" * 120, b"9" * 21,
)  # fmt: skip
"""What is put in: each is a border of some rule of JSON's, Python's or OTLP's."""


class Style:
    """One way to write OTLP/JSON."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def body(self, message: Message) -> bytes:
        """Return a request as JSON; the order of keys, their spelling, nulls and types vary."""
        return self.dumped(self.restyled(message.DESCRIPTOR, to_json(message)))

    def dumped(self, content: Any) -> bytes:
        escaped = self.one_in(2)
        indent = self.random.choice((None, None, 1))
        separators = self.random.choice(((",", ":"), (", ", ": "))) if indent is None else None
        text = json.dumps(content, ensure_ascii=escaped, indent=indent, separators=separators)
        return text.encode(errors="surrogatepass")

    def one_in(self, times: int) -> bool:
        return self.random.randrange(times) == 0

    def restyled(self, descriptor: Any, content: dict[str, Any]) -> dict[str, Any]:
        fields = {field.json_name: field for field in descriptor.fields}
        styled: list[tuple[str, Any]] = []
        for name, value in content.items():
            field = fields[name]
            key = field.name if self.one_in(3) else name
            if isinstance(value, list):
                styled.append((key, [self.value(field, item) for item in value]))
            else:
                styled.append((key, self.value(field, value)))
        if self.one_in(4) and not descriptor.name.startswith("Export"):
            styled.append((self.random.choice(("x", "é", "a\nb")), [{"traceId": 1}, "\\ \u2028"]))
        absent = [field for field in descriptor.fields if field.json_name not in content]
        if self.one_in(4) and absent:
            styled.append((self.random.choice(absent).json_name, None))
        if self.one_in(3):
            self.random.shuffle(styled)
        return dict(styled)

    def value(self, field: Any, value: Any) -> Any:
        if isinstance(value, dict):
            return self.restyled(field.message_type, value)
        if field.enum_type is not None:
            named = {item.number: item.name for item in field.enum_type.values}
            return self.random.choice((value, str(value), named.get(value, value)))
        if field.type == FieldDescriptor.TYPE_DOUBLE:
            return self.random.choice((value, str(value))) if value != "NaN" else value
        if field.name in IDS:
            return self.random.choice((value, value.upper()))
        if field.type == FieldDescriptor.TYPE_BYTES:
            return self.binary(value)
        if isinstance(value, bool) or field.type == FieldDescriptor.TYPE_STRING:
            return value
        number = int(value)
        whole = float(number) if abs(number) < 2**53 else number
        return self.random.choice((number, str(number), whole))

    def binary(self, value: str) -> str:
        if self.one_in(2):
            return value
        return base64.urlsafe_b64encode(base64.b64decode(value)).decode().rstrip("=")


def mutated(body: bytes, random: Random) -> bytes:
    """Return the text with something put in, taken out, doubled or replaced."""
    at = random.randrange(len(body) + 1)
    if random.random() < 0.5:  # next to a border of tokens
        borders = [match.start() for match in re.finditer(rb'[,:{}\[\]"]', body)]
        at = random.choice(borders) + random.randrange(2) if borders else at
    end = min(len(body), at + random.choice((0, 0, 0, 1, 2, 5)))
    way = random.randrange(3)
    if way == 0:
        return body[:at] + random.choice(TOKENS) + body[end:]
    if way == 1:
        value = re.compile(rb'"[^"]*"|-?[0-9][0-9.e]*|true|false|null').search(body, at)
        if value is None:
            return body[:at]
        return body[: value.start()] + random.choice(TOKENS) + body[value.end() :]
    member = re.compile(rb'"[^"]*": ?("[^"]*"|[0-9]+|true),?').search(body, at)
    if member is None:
        return body[:at] + body[end:]
    return body[: member.end()] + b"," * random.randrange(2) + member[0] + body[member.end() :]
