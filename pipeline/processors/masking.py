"""Masking texts: what patterns (RE2, as in Go) find is replaced by a text or by a hash of it."""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.processors.arrays import Arrow, Mask, from_arrow, to_arrow

Replace: TypeAlias = Callable[[str], str]
"""From what was found to what stands for it."""

HASHES: Final[dict[str, Callable[[bytes], str]]] = {
    "md5": lambda raw: hashlib.md5(raw, usedforsecurity=False).hexdigest(),
    "sha1": lambda raw: hashlib.sha1(raw, usedforsecurity=False).hexdigest(),
    "sha3": lambda raw: hashlib.sha3_256(raw).hexdigest(),
}
KEYED: Final = {"hmac-sha256": "sha256", "hmac-sha512": "sha512"}


def hashed(name: str, key: str) -> Replace:
    """Return the hash function of a name; `key` is for those that take one."""
    if name in KEYED:
        return lambda found: hmac.new(key.encode(), found.encode(), KEYED[name]).hexdigest()
    return lambda found: HASHES[name](found.encode())


@dataclass(frozen=True, slots=True)
class Masking:
    """What is masked, and by what."""

    blocked: Sequence[str]
    allowed: Sequence[str]
    literal: str
    """What stands for what was found, where there is no hash."""
    hash: Replace | None = None

    def whole(self, text: str) -> str:
        """Mask all of a text."""
        return self.literal if self.hash is None else self.hash(text)

    def allows(self, texts: Arrow) -> Mask:
        """Return which texts an allowed pattern matches."""
        allowed: Mask = np.zeros(len(texts), dtype=bool)
        for pattern in self.allowed:
            allowed |= _found(texts, pattern)
        return allowed

    def parts(self, texts: Arrow) -> Arrow:
        """Return the texts with what the blocked patterns find masked, one pattern by another."""
        for pattern in self.blocked:
            found = _found(texts, pattern)
            if found.any():
                chosen = to_arrow(found)
                masked = self._replace(texts.filter(chosen), pattern)
                texts = pc.replace_with_mask(texts, chosen, masked)
        return texts

    def _replace(self, texts: Arrow, pattern: str) -> Arrow:
        if self.hash is None:
            literal = self.literal.replace("\\", r"\\")
            return pc.replace_substring_regex(texts, pattern, literal)
        # What was found is put between marks and read from there: Arrow tells no places. A mark
        # has no end that is its beginning, so that none can arise where it meets its neighbours.
        mark = "\0\1"
        while from_arrow(pc.match_substring(texts, mark)).any():
            mark += "\1"
        between = pc.replace_substring_regex(texts, pattern, rf"{mark}\0{mark}")
        masked = []
        for text in between.to_pylist():
            pieces = text.split(mark)
            pieces[1::2] = map(self.hash, pieces[1::2])
            masked.append("".join(pieces))
        return pa.array(masked, pa.utf8())


def _found(texts: Arrow, pattern: str) -> Mask:
    found: Mask = from_arrow(pc.match_substring_regex(texts, pattern))
    return found
