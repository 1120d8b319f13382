"""What is valid, damaged: in its bytes, or in the structure of its JSON."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from tests.fuzz import chance as odd
from tests.fuzz.jsons import literal


def damaged(chance: Random, content: bytes) -> bytes:
    """Return the bytes with one to eight changes."""
    for _ in range(chance.randint(1, 8)):
        content = chance.choice(_CHANGES)(chance, content)
    return content[: 2**20]


def _flip(chance: Random, content: bytes) -> bytes:
    if not content:
        return content
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def _cut(chance: Random, content: bytes) -> bytes:
    return content[: chance.randint(0, len(content))]


def _drop(chance: Random, content: bytes) -> bytes:
    start = chance.randint(0, len(content))
    return content[:start] + content[start + chance.randint(1, 16) :]


def _insert(chance: Random, content: bytes) -> bytes:
    at = chance.randint(0, len(content))
    return content[:at] + odd.noise(chance, 16) + content[at:]


def _repeat(chance: Random, content: bytes) -> bytes:
    start = chance.randint(0, len(content))
    piece = content[start : start + chance.randint(1, 200)]
    return content[:start] + piece * chance.choice((2, 3, 100)) + content[start:]


def _varint(chance: Random, content: bytes) -> bytes:
    at = chance.randint(0, len(content))
    return content[:at] + b"\xff" * chance.randint(1, 11) + b"\x7f" + content[at + 1 :]


def _zero(chance: Random, content: bytes) -> bytes:
    start = chance.randint(0, len(content))
    size = min(chance.randint(1, 16), len(content) - start)
    return content[:start] + bytes(size) + content[start + size :]


_CHANGES: tuple[Callable[[Random, bytes], bytes], ...] = (
    _flip, _flip, _cut, _drop, _insert, _repeat, _varint, _zero,
)  # fmt: skip


def restructured(chance: Random, content: bytes) -> bytes:
    """Return valid JSON with other values, other keys and keys given twice."""
    changed = _walk(chance, json.loads(content), 0)
    return changed.encode(errors="surrogatepass")


def _walk(chance: Random, value: Any, depth: int) -> str:
    if chance.random() < 0.04:
        return literal(chance, 3)
    if isinstance(value, dict):
        pairs = [
            f"{json.dumps(_key(chance, key))}:{_walk(chance, child, depth + 1)}"
            for key, child in value.items()
            for _ in range(2 if chance.random() < 0.03 else 1)
        ]
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        times = chance.choice((0, 2, 50)) if chance.random() < 0.03 else 1
        return "[" + ",".join(_walk(chance, one, depth + 1) for one in value * times) + "]"
    return json.dumps(value)


def _key(chance: Random, key: str) -> str:
    return odd.name(chance) if chance.random() < 0.03 else key
