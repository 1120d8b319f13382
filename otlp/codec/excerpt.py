"""One record of an OTLP/JSON request with what is around it, as it was sent."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, Final

from otlp.codec.pieces import PATHS
from otlp.codec.request import REQUESTS
from pipeline.signal import Signal

_DATA: Final = "data"


class _Odd(Exception):  # noqa: N818 - never leaves this module
    """A message whose records stand under two keys."""


def excerpts(
    signal: Signal, body: bytes, places: Sequence[int | None], bytes_max: int
) -> Sequence[bytes | None]:
    """
    Return for each place the request with the record of this place only; None for no place.

    It is None too once the texts have reached `bytes_max`: each repeats what is around its record.

    `body` is what `from_json` took. Values, keys without a meaning and the order of keys are the
    sender's. None for a body that spells one key in two ways or sets two kinds of a metric's data:
    its records are not counted as they stand.
    """
    steps = _steps(signal)
    try:
        content = json.loads(body)
        found = dict(_walk(content, steps, count(), frozenset(places)))
    except (_Odd, RecursionError):
        return [None] * len(places)
    texts: list[bytes | None] = []
    for place in places:
        text = None
        if place in found and bytes_max > 0:
            with suppress(RecursionError):
                text = dumped(found[place])
                bytes_max -= len(text)
        texts.append(text)
    return texts


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


def _walk(
    message: Mapping[str, Any],
    steps: Sequence[Collection[str]],
    numbers: Iterator[int],
    wanted: Collection[int | None],
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the wanted records by their place, each alone in the messages around it."""
    keys = [key for key in message if key in steps[0] and message[key] is not None]
    if not keys:
        return
    if len(keys) > 1:
        raise _Odd
    key, value = keys[0], message[keys[0]]
    if len(steps) == 1:
        for record in value:
            if (place := next(numbers)) in wanted:
                yield place, {**message, key: [record]}
    elif isinstance(value, list):
        for child in value:
            for place, kept in _walk(child or {}, steps[1:], numbers, wanted):
                yield place, {**message, key: [kept]}
    else:
        for place, kept in _walk(value, steps[1:], numbers, wanted):
            yield place, {**message, key: kept}
