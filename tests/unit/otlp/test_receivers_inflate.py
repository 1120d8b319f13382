"""gzip, undone in pieces."""

import gzip
import random

import pytest

from otlp.receivers.inflate import PIECE_BYTES, Gunzip
from pipeline.errors import Rejected

TEXT = random.Random(4).randbytes(100_000) + bytes(3 * PIECE_BYTES)


def inflate(data: bytes, step: int) -> bytes:
    gunzip = Gunzip()
    pieces = [
        piece
        for start in range(0, len(data), step)
        for piece in gunzip.feed(data[start : start + step])
    ]
    gunzip.finish()
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)
    return b"".join(pieces)


@pytest.mark.parametrize("step", [1, 7, 1000, 10**6])
def test_case_4_chunks_of_any_size_give_the_same_bytes(step):
    assert inflate(gzip.compress(TEXT), step) == TEXT


@pytest.mark.parametrize("step", [1, 10**6])
def test_members_in_a_row_are_one_body(step):
    assert inflate(gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two"), step) == (
        b"one two"
    )


def test_nothing_compressed_is_nothing():
    assert inflate(gzip.compress(b""), 5) == b""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain text that is no gzip",
        gzip.compress(TEXT)[:-1],
        gzip.compress(TEXT)[:50_000] + b"xxxx" + gzip.compress(TEXT)[50_004:],
        gzip.compress(b"text") + b"garbage after it",
        gzip.compress(b"text") + b"\x1f",
    ],
)
def test_case_5_what_is_no_whole_gzip_is_rejected(data):
    with pytest.raises(Rejected, match="gzip"):
        inflate(data, 10_000)
