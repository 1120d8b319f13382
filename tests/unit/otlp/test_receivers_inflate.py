"""Compressions, undone in pieces."""

import gzip
import random
import zlib
from typing import Any

import pytest
import zstandard

from otlp.receivers.inflate import INFLATERS, PIECE_BYTES
from pipeline.errors import Rejected

TEXT = random.Random(4).randbytes(100_000) + bytes(3 * PIECE_BYTES)


WAYS: dict[str, Any] = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}


def inflate(data: bytes, step: int, way: str = "gzip") -> bytes:
    gunzip = INFLATERS[way]()
    pieces = [
        piece
        for start in range(0, len(data), step)
        for piece in gunzip.feed(data[start : start + step])
    ]
    gunzip.finish()
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)
    return b"".join(pieces)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("step", [1, 7, 1000, 10**6])
def test_case_4_chunks_of_any_size_give_the_same_bytes(way, step):
    assert inflate(WAYS[way](TEXT), step, way) == TEXT


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("step", [1, 10**6])
def test_members_in_a_row_are_one_body(way, step):
    data = b"".join(WAYS[way](text) for text in (b"one ", b"", b"two"))
    assert inflate(data, step, way) == b"one two"


@pytest.mark.parametrize("way", WAYS)
def test_case_5_what_is_cut_short_or_of_another_kind_is_rejected(way):
    for data in (b"", b"plain text", WAYS[way](TEXT)[:-1]):
        with pytest.raises(Rejected, match=way):
            inflate(data, 10_000, way)


def test_zstd_that_wants_a_huge_window_is_rejected():
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(Rejected, match="zstd"):
        inflate(stream.compress(TEXT) + stream.flush(), 10_000, "zstd")


def test_nothing_compressed_is_nothing():
    assert inflate(gzip.compress(b"", mtime=0), 5) == b""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain text that is no gzip",
        gzip.compress(TEXT, mtime=0)[:-1],
        gzip.compress(TEXT, mtime=0)[:50_000] + b"xxxx" + gzip.compress(TEXT, mtime=0)[50_004:],
        gzip.compress(b"text", mtime=0) + b"garbage after it",
        gzip.compress(b"text", mtime=0) + b"\x1f",
    ],
)
def test_case_5_what_is_no_whole_gzip_is_rejected(data):
    with pytest.raises(Rejected, match="gzip"):
        inflate(data, 10_000)
