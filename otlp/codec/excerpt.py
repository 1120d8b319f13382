"""Some records of an OTLP/JSON request with what is around them, as they were sent."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final

from otlp.codec.pieces import PATHS
from otlp.codec.request import REQUESTS
from pipeline.signal import Signal

_DATA: Final = "data"


class _Odd(Exception):  # noqa: N818 - never leaves this module
    """A message whose records stand under two keys."""


def excerpts(
    signal: Signal, body: bytes, choices: Sequence[Collection[int]]
) -> Sequence[bytes | None]:
    """
    Return for each choice the request with the records of these places only.

    `body` is what `from_json` took. Values, keys without a meaning and the order of keys are the
    sender's. None for a body that spells one key in two ways or sets two kinds of a metric's data:
    its records are not counted as they stand.
    """
    steps = _steps(signal)
    try:
        content = json.loads(body)
        return [dumped(_kept(content, steps, frozenset(one), count()) or {}) for one in choices]
    except (_Odd, RecursionError):
        return [None] * len(choices)


def dumped(content: Any) -> bytes:
    """Return JSON on one line, readable where UTF-8 has a form for its texts."""
    try:
        return json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return json.dumps(content).encode()


def _steps(signal: Signal) -> Sequence[Collection[str]]:
    """Return the keys that lead to the records, each with all its spellings."""
    steps: list[Collection[str]] = []
    descriptor: Any = REQUESTS[signal].DESCRIPTOR
    for name in PATHS[signal]:
        if name == _DATA:
            fields = descriptor.oneofs_by_name[name].fields
        else:
            fields = [descriptor.fields_by_name[name]]
        steps.append({spelling for field in fields for spelling in (field.name, field.json_name)})
        descriptor = fields[0].message_type
    return steps


def _kept(
    message: Mapping[str, Any],
    steps: Sequence[Collection[str]],
    wanted: frozenset[int],
    numbers: Iterator[int],
) -> dict[str, Any] | None:
    """Return the message with its wanted records, or None when it has none."""
    keys = [key for key in message if key in steps[0] and message[key] is not None]
    if not keys:
        return None
    if len(keys) > 1:
        raise _Odd
    value = message[keys[0]]
    kept: Any
    if len(steps) == 1:
        kept = [record for record in value if next(numbers) in wanted]
    elif isinstance(value, list):
        inner = (_kept(child or {}, steps[1:], wanted, numbers) for child in value)
        kept = [child for child in inner if child is not None]
    else:
        kept = _kept(value, steps[1:], wanted, numbers)
    return {**message, keys[0]: kept} if kept else None
