"""Stored values to JSON values: what the lists of all signals share.

For reading, not for keeping: the last of a repeated key wins, and bytes are base64 text without a
mark. What must be lossless is asked for as OTLP. Integers beyond 2^53 - 1 are strings, since many
JSON readers make floats of them; times in nanoseconds always are, as in OTLP/JSON.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from pipeline import value
from pipeline.envelope import Resource, Scope
from pipeline.value import Attribute, Value, double_text
from query.api import times

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer that a double holds with all its neighbours (JavaScript's name for it)."""


def integer(number: int) -> int | str:
    """Return the number, or its text where a double would not hold it."""
    return number if -SAFE_INTEGER <= number <= SAFE_INTEGER else str(number)


def double(number: float) -> float | str:
    """Return the number, or `NaN`, `Infinity` or `-Infinity` as OTLP/JSON spells them."""
    text = double_text(number)
    return text if text[-1] in "Ny" else number


def plain(item: Value) -> Json:
    """Return an attribute's value or a body as the JSON value that is nearest to it."""
    match item:
        case bool() | str() | None:
            return item
        case int():
            return integer(item)
        case float():
            return double(item)
        case bytes():
            return base64.b64encode(item).decode()
        case value.Map():
            return {key: plain(inner) for key, inner in item}
        case list():
            return [plain(inner) for inner in item]


def attributes(stored: Iterable[Attribute]) -> dict[str, Json]:
    """Return attributes as an object."""
    return {key: plain(value.decode(kind, text)) for key, kind, text in stored}


def column(stored: Sequence[Mapping[str, Any]]) -> dict[str, Json]:
    """Return one row's element of an attributes column as an object."""
    return attributes((item["key"], item["type"], item["value"]) for item in stored)


def time(name: str, time_ns: int) -> dict[str, Json]:
    """Return a sent time as `name`, RFC 3339, and `name`_unix_nano; nothing when none was sent."""
    return {name: times.text(time_ns), f"{name}_unix_nano": str(time_ns)} if time_ns else {}


def identifiers(row: Mapping[str, Any], *names: str) -> dict[str, Json]:
    """Return the IDs in hexadecimal digits, those that are absent (all zero) left out."""
    return {name: row[name].hex() for name in names if any(row[name] or ())}


class Sources:
    """What records come from; an answer's rows share few, so each text is read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], dict[str, Json]] = {}

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Json]:
        """
        Return `resource`, an object of its attributes, and `scope` {name, version, attributes}.

        The same object for the same texts: nothing may change it.
        """
        texts = row["resource"], row["scope"]
        if texts not in self._known:
            scope = Scope.parse(texts[1])
            self._known[texts] = {
                "resource": attributes(Resource.parse(texts[0]).attributes),
                "scope": {
                    "name": scope.name,
                    "version": scope.version,
                    "attributes": attributes(scope.attributes),
                },
            }
        return self._known[texts]
