"""56 bits of randomness per record: from trace IDs, or hashed as the Collector hashes."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.processors.arrays import Arrow, Bits, Mask, spans
from pipeline.processors.threshold import DIGITS, RANDOMNESS_MAX

_ID_BYTES: Final = 16
_FNV_OFFSET: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193
_UINT32: Final = 0xFFFFFFFF
_FEW: Final = 64
"""So many texts or fewer are hashed one by one: a pass over an array costs as much as that."""

Hashes = npt.NDArray[np.uint32]


def ids(column: Arrow) -> npt.NDArray[np.uint8]:
    """Return trace IDs as rows of 16 bytes; a null is an absent one, all zero."""
    if column.null_count:
        column = column.fill_null(bytes(_ID_BYTES))
    data = column.buffers()[1] or b""
    flat = np.frombuffer(data, dtype=np.uint8)[column.offset * _ID_BYTES :]
    return flat[: len(column) * _ID_BYTES].reshape(-1, _ID_BYTES)


def absent(matrix: npt.NDArray[np.uint8]) -> Mask:
    """Return which trace IDs are all zero."""
    halves = np.ascontiguousarray(matrix).view(np.uint64)
    none: Mask = (halves[:, 0] | halves[:, 1]) == 0
    return none


def from_ids(matrix: npt.NDArray[np.uint8]) -> Bits:
    """Return the last 56 bits of each trace ID, which are random by W3C Trace Context 2."""
    low = np.ascontiguousarray(matrix).view(">u8")[:, 1].astype(np.uint64)
    bits: Bits = low & np.uint64(RANDOMNESS_MAX)
    return bits


def hash_ids(matrix: npt.NDArray[np.uint8], seed: int) -> Hashes:
    """Return FNV-1a of the seed's four bytes and each trace ID, all IDs at once byte by byte."""
    hashes = np.full(len(matrix), _seeded(seed), dtype=np.uint32)
    for at in range(_ID_BYTES):
        hashes ^= matrix[:, at]
        hashes *= np.uint32(_FNV_PRIME)  # unsigned arrays wrap, as FNV wants
    return hashes


def hash_texts(texts: Arrow, seed: int) -> Hashes:
    """Return FNV-1a of the seed's four bytes and the bytes of each text."""
    ends, data = spans(texts)
    starts, ends = ends[:-1].astype(np.int64), ends[1:].astype(np.int64)
    hashes = np.full(len(texts), _seeded(seed), dtype=np.uint32)
    going = np.flatnonzero(ends > starts)
    at = 0
    while len(going) > _FEW:
        hashes[going] = (hashes[going] ^ data[starts[going] + at]) * np.uint32(_FNV_PRIME)
        at += 1
        going = going[ends[going] - starts[going] > at]
    for one in going.tolist():
        rest = data[starts[one] + at : ends[one]].tobytes()
        hashes[one] = _hash(int(hashes[one]), rest)
    return hashes


def hash_bytes(raw: bytes, seed: int) -> int:
    """Return FNV-1a of the seed's four bytes and of `raw`."""
    return _hash(_seeded(seed), raw)


def spread(hashes: Hashes) -> Bits:
    """
    Return 56 bits that decide as the Collector's 14 hash buckets do.

    The first 14 bits fall as the bucket rises, so that "bucket < rate" becomes "randomness >=
    threshold"; the others hold what is left of the hash, mixed as the Collector mixes it.
    """
    wide = hashes.astype(np.uint64)
    bucket = wide & np.uint64(0x3FFF)
    unused = wide >> np.uint64(18)
    mixed = unused ^ (unused << np.uint64(10))
    bits: Bits = (np.uint64(0x3FFF) - bucket) << np.uint64(42) | mixed << np.uint64(14) | bucket
    return bits


def texts(bits: Bits) -> Arrow:
    """Return 56 bits each as 14 hexadecimal digits."""
    shifts = np.arange(4 * (DIGITS - 1), -1, -4, dtype=np.uint64)
    nibbles = (bits[:, None] >> shifts & np.uint64(0xF)).astype(np.uint8)
    digits: npt.NDArray[Any] = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)[nibbles]
    offsets = np.arange(0, DIGITS * (len(bits) + 1), DIGITS, dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(digits.tobytes())]
    return pa.Array.from_buffers(pa.utf8(), len(bits), buffers)


def _seeded(seed: int) -> int:
    return _hash(_FNV_OFFSET, seed.to_bytes(4, "little"))


def _hash(state: int, raw: bytes) -> int:
    for byte in raw:
        state = (state ^ byte) * _FNV_PRIME & _UINT32
    return state
