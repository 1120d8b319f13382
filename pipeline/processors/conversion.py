"""What the Collector makes of one value: its string, its bytes, its digest, another type.

Each function takes and returns a value as in `pipeline/value.py`: a type and a text. They run once
per distinct value of a batch (about a microsecond), never once per record.
"""

import base64
import hashlib
import math
import re
import struct
from collections.abc import Callable
from typing import Final, TypeAlias

from pipeline.value import BOOL, BYTES, DOUBLE, INT, STRING, double_text

Typed: TypeAlias = tuple[int, str]

_INT: Final = re.compile(r"[+-]?[0-9]+")
_INT_MIN: Final = -(1 << 63)
_INT_MAX: Final = (1 << 63) - 1
# Go's strconv.ParseFloat: an underscore may stand between digits.
_DIGITS: Final = r"[0-9]+(?:_[0-9]+)*"
_HEX_DIGITS: Final = r"[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*"
_EXPONENT: Final = rf"[+-]?{_DIGITS}"
_DECIMAL: Final = re.compile(
    rf"[+-]?(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE]{_EXPONENT})?"
)
_HEXADECIMAL: Final = re.compile(
    rf"[+-]?0[xX]_?(?:{_HEX_DIGITS}\.?(?:{_HEX_DIGITS})?|\.{_HEX_DIGITS})[pP]{_EXPONENT}"
)
_SPECIAL: Final = re.compile(r"[+-]?inf(inity)?|nan", re.IGNORECASE)


def as_string(kind: int, text: str) -> str:
    """Return what the Collector's `Value.AsString` does; an array or a map is our own JSON."""
    return _shortest(float(text)) if kind == DOUBLE else text


def as_bytes(kind: int, text: str) -> bytes:
    """Return the bytes that the Collector's sampler hashes."""
    return base64.b64decode(text) if kind == BYTES else as_string(kind, text).encode()


def digest(kind: int, text: str) -> Typed:
    """
    Return the SHA-256 of a value in hexadecimal.

    As in the Collector: of a string its UTF-8, of a bool one byte, of an int and a double their
    eight bytes, the lowest first; whatever else becomes the empty string.
    """
    if kind == STRING:
        raw = text.encode()
    elif kind == BOOL:
        raw = b"\x01" if text == "true" else b"\x00"
    elif kind == INT:
        raw = struct.pack("<q", int(text))
    elif kind == DOUBLE:
        raw = struct.pack("<d", float(text))
    else:
        return STRING, ""
    return STRING, hashlib.sha256(raw).hexdigest()


def to_string(kind: int, text: str) -> Typed:
    """Return a value as a string."""
    return STRING, as_string(kind, text)


def to_int(kind: int, text: str) -> Typed:
    """Return a value as an int, or as it is where there is none (Go's conversion is undefined)."""
    number: int | None = None
    if kind == BOOL:
        number = int(text == "true")
    elif kind == DOUBLE and math.isfinite(value := float(text)):
        number = int(value)
    elif kind == STRING and len(text) <= _DIGITS_MAX and _INT.fullmatch(text):
        number = int(text)
    if number is None or not _INT_MIN <= number <= _INT_MAX:
        return kind, text
    return INT, str(number)


def to_double(kind: int, text: str) -> Typed:
    """Return a value as a double, or as it is where there is none."""
    if kind == BOOL:
        return DOUBLE, "1.0" if text == "true" else "0.0"
    if kind == INT:
        return DOUBLE, double_text(float(int(text)))
    if kind == STRING and (number := parse_double(text)) is not None:
        return DOUBLE, double_text(number)
    return kind, text


CONVERSIONS: Final[dict[str, Callable[[int, str], Typed]]] = {
    "int": to_int,
    "double": to_double,
    "string": to_string,
}

_DIGITS_MAX: Final = 1000
"""Longer numbers are left as they are: Python's own conversion is quadratic in them."""


def parse_double(text: str) -> float | None:
    """Read a double as Go's strconv.ParseFloat does; None when it is none."""
    if len(text) > _DIGITS_MAX:
        return None
    if _SPECIAL.fullmatch(text):
        return float(text)
    if _DECIMAL.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else None  # Go: out of range
    if _HEXADECIMAL.fullmatch(text):
        try:
            return float.fromhex(text.replace("_", ""))
        except OverflowError:
            return None
    return None


def _shortest(number: float) -> str:
    """Write a double as ES6 does: an exponent below 1e-6 and from 1e21 only."""
    if not math.isfinite(number):
        return double_text(number)
    size = abs(number)
    if size and (size < 1e-6 or size >= 1e21):
        mantissa, exponent = f"{number!r}".split("e")
        power = int(exponent)
        return f"{mantissa}e{'+' if power > 0 else '-'}{abs(power)}"
    text = repr(number)
    if "e" in text:  # Python's own exponent starts at 1e16 and below 1e-4
        digits, exponent = text.lstrip("-").split("e")
        whole, _, part = digits.partition(".")
        power = int(exponent)
        if power > 0:
            text = (whole + part).ljust(len(whole) + power, "0")
        else:
            text = "0." + "0" * (-power - 1) + whole + part
        text = f"-{text}" if number < 0 else text
    return text.removesuffix(".0")
