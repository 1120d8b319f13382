"""A dead letter as JSON."""

import base64
import codecs
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from otlp.codec.json import to_json
from otlp.codec.request import parse
from pipeline.errors import Rejected
from pipeline.letter import Form, Letter, Refused
from pipeline.signal import Signal

LISTED_BYTES_MAX: Final = 64 * 2**10
"""A list shows payloads up to this; what is longer is shown alone."""

DECODED_BYTES_MAX: Final = 2**20
"""A longer payload is shown as base64: as OTLP/JSON it would be several times as long."""


def listed(letter: Letter) -> dict[str, Any]:
    """Return a letter as one of many: a long payload is left out, `size` tells how long it is."""
    if len(letter.content.payload) > LISTED_BYTES_MAX:
        return _head(letter)
    return full(letter)


def full(letter: Letter) -> dict[str, Any]:
    """
    Return a letter with its payload.

    `otlp` is an Export…ServiceRequest as OTLP/JSON, `text` JSON that is not that, as it was sent,
    `base64` any other bytes.
    """
    return _head(letter) | _payload(letter.signal, letter.content)


def _head(letter: Letter) -> dict[str, Any]:
    content = letter.content
    shown: dict[str, Any] = {
        "id": letter.id,
        "kind": letter.kind,
        "signal": letter.signal,
        "tenant": content.tenant,
        "reason": content.reason,
        "arrived": _time(content.arrived_ns),
        "records": content.records,
        "form": content.form,
        "size": content.size,
        "complete": content.is_whole,
    }
    if letter.position is not None:
        shown["position"] = {
            "partition": letter.partition,
            "epoch": letter.position.epoch,
            "sequence": letter.position.sequence,
        }
    return shown


def _payload(signal: Signal, content: Refused) -> dict[str, Any]:
    payload = content.payload
    if len(payload) <= DECODED_BYTES_MAX and content.is_whole:
        try:
            if content.form is Form.PROTOBUF and content.records is not None:
                return {"otlp": to_json(parse(signal, payload))}
            if content.form is Form.JSON:
                return {"otlp": json.loads(payload)}
        except (Rejected, ValueError, RecursionError):
            pass
    if content.form is not Form.PROTOBUF:
        try:
            decoder = codecs.getincrementaldecoder("utf-8")()
            return {"text": decoder.decode(payload, final=content.is_whole)}
        except UnicodeDecodeError:
            pass
    return {"base64": base64.b64encode(payload).decode()}


def _time(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, 10**9)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
