"""A dead letter as JSON, and as the OTLP protobuf that it would enter with."""

import base64
import codecs
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from otlp.codec.json import from_json, to_json
from otlp.codec.plain import from_plain
from otlp.codec.request import parse
from pipeline.errors import Rejected
from pipeline.letter import Form, Letter

DECODED_BYTES_MAX: Final = 2**20
"""A longer payload is shown as it is only: as OTLP/JSON it would be several times as long."""


def head(letter: Letter) -> dict[str, Any]:
    """Return what is told of a letter in a list: all but its payload."""
    content = letter.content
    shown: dict[str, Any] = {
        "id": letter.id,
        "origin": letter.origin,
        "signal": letter.signal,
        "tenant": content.tenant,
        "reason": content.reason,
        "field": content.field or None,
        "time": _time(content.arrived_ns),
        "records": content.records,
        "form": content.form,
        "bytes": content.size,
        "complete": content.is_whole,
    }
    if letter.position is not None:
        shown["position"] = {
            "partition": letter.partition,
            "epoch": letter.position.epoch,
            "sequence": letter.position.sequence,
        }
    return shown


def full(letter: Letter) -> dict[str, Any]:
    """
    Return a letter with its payload in `base64`.

    Beside it `text` is the same where it was sent as JSON, and `otlp` is OTLP/JSON of what it would
    enter as, where it can be decoded.
    """
    content = letter.content
    shown = head(letter) | {"base64": base64.b64encode(content.payload).decode()}
    if content.form is not Form.PROTOBUF:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        shown["text"] = decoder.decode(content.payload, final=content.is_whole)
    if content.is_whole and content.size <= DECODED_BYTES_MAX:
        with suppress(Rejected):  # the reason says what is wrong with it
            shown["otlp"] = to_json(parse(letter.signal, as_protobuf(letter)))
    return shown


def as_protobuf(letter: Letter) -> bytes:
    """
    Return an Export…ServiceRequest of all that the letter holds; raises Rejected.

    A record of plain JSON without a time has the time at which it first came.
    """
    content = letter.content
    match content.form:
        case Form.PROTOBUF:
            return content.payload
        case Form.JSON:
            return from_json(letter.signal, content.payload)
        case Form.PLAIN:
            read = from_plain(letter.signal, content.payload, content.arrived_ns)
            if read.refused:
                raise Rejected(read.errors[0].message)
            return read.payload


def _time(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, 10**9)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
