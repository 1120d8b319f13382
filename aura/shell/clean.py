"""Text of strangers on a terminal: what would steer it becomes visible instead."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

# C0, DEL and C1 controls, line separators, and what turns the direction of text.
_STEERING: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def clean(text: str) -> str:
    """Return the text on one line, with control characters as pictures of themselves."""
    return _STEERING.sub(_picture, text)


def pairs(attributes: Mapping[str, Any]) -> str:
    """Return attributes as `key=value`, one after the other."""
    return " ".join(f"{clean(key)}={plain(value)}" for key, value in attributes.items())


def plain(value: Any) -> str:
    """Return a JSON value as a person writes it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Mapping():
            return f"{{{pairs(value)}}}"
        case str():
            return clean(value)
        case float():
            return repr(value)
        case Iterable():
            return f"[{', '.join(map(plain, value))}]"
    return str(value)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if found[0] == "\n":
        return "↵"
    if found[0] == "\t":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "�"
