"""Cursors: where the answer to a question goes on, as a text that means nothing to whoever has it.

A cursor holds the question's time range and its "now", so that every page is a page of the same
answer, and a digest of the query, so that it is no page of another. It holds nothing that its owner
may not know: the tenant is that of the key that comes with it.
"""

import base64
import binascii
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import pyarrow as pa

from pipeline.plan import Head, Place, TracePlace
from pipeline.signal import Signal
from query.language.moment import TIME_NS_MAX
from query.wrong import Wrong

LENGTH_MAX: Final = 8192
"""Characters of a cursor: with a head for each of 256 partitions it has about 5,000."""
HEADS_MAX: Final = 256
"""Logs of a signal: as many as there may be partitions."""

_SIGNALS: Final = tuple(Signal)
_FRONT: Final = struct.Struct(">BB8sQQQ")  # version, signal, digest, now, start, end
_RECORD: Final = struct.Struct(">QIHQI")
_TRACE: Final = struct.Struct(">Q16s")
_HEAD: Final = struct.Struct(">HIQ")
_CHECK: Final = struct.Struct(">I")
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where an answer of a signal goes on; `heads` are those of a list of traces."""

    signal: Signal
    digest: bytes
    now_ns: int
    start_ns: int
    end_ns: int
    place: Place | TracePlace
    heads: tuple[Head, ...] = ()

    @staticmethod
    def read(text: str, signal: Signal, query: str) -> "Cursor":
        """Return the cursor; raises Wrong unless an answer to this very question gave it."""
        found = _unpacked(text)
        if found is None:
            raise Wrong("cursor is none that an answer gave", "cursor")
        if found.signal is not signal or found.digest != digest(query):
            raise Wrong("cursor belongs to another question: ask with the same q", "cursor")
        return found

    def text(self) -> str:
        """Return the cursor as `read` reads it."""
        front = _FRONT.pack(
            _VERSION,
            _SIGNALS.index(self.signal),
            self.digest,
            self.now_ns,
            self.start_ns,
            self.end_ns,
        )
        if isinstance(self.place, TracePlace):
            whole = front + _TRACE.pack(self.place.matched_ns, self.place.trace_id)
            for one in self.heads:
                whole += _HEAD.pack(one.partition, one.epoch, one.sequence)
        else:
            one_place = self.place
            whole = front + _RECORD.pack(
                one_place.time_ns,
                one_place.epoch,
                one_place.partition,
                one_place.sequence,
                one_place.ordinal,
            )
        return base64.urlsafe_b64encode(whole + _CHECK.pack(zlib.crc32(whole))).decode().rstrip("=")


def digest(query: str) -> bytes:
    """Return what tells the text of a query from others."""
    return blake2b(query.encode(errors="surrogatepass"), digest_size=8).digest()


def last_record(rows: pa.Table) -> Place:
    """Return the place of the last of the records of an answer."""
    names = ["time", "epoch", "partition", "sequence", "ordinal"]
    row: Mapping[str, Any] = rows.select(names).slice(rows.num_rows - 1).to_pylist()[0]
    return Place(*(row[name] for name in names))


def last_trace(rows: pa.Table) -> TracePlace:
    """Return the place of the trace that comes last by place: rows stand in another order."""
    found = rows.select(["matched_ns", "trace_id"]).to_pylist()
    return min(TracePlace(row["matched_ns"], row["trace_id"]) for row in found)


def _unpacked(text: str) -> Cursor | None:
    if len(text) > LENGTH_MAX or not text.isascii():
        return None
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    whole, seal = sealed[: -_CHECK.size], sealed[-_CHECK.size :]
    if len(whole) < _FRONT.size or seal != _CHECK.pack(zlib.crc32(whole)):
        return None
    version, at, of_query, now_ns, start_ns, end_ns = _FRONT.unpack_from(whole)
    if version != _VERSION or at >= len(_SIGNALS) or max(now_ns, end_ns) > TIME_NS_MAX:
        return None
    found = _place(_SIGNALS[at], whole[_FRONT.size :])
    if found is None or start_ns >= end_ns:
        return None
    return Cursor(_SIGNALS[at], of_query, now_ns, start_ns, end_ns, *found)


def _place(signal: Signal, rest: bytes) -> tuple[Place | TracePlace, tuple[Head, ...]] | None:
    if signal is not Signal.TRACES:
        return (Place(*_RECORD.unpack(rest)), ()) if len(rest) == _RECORD.size else None
    heads = rest[_TRACE.size :]
    if len(rest) < _TRACE.size or len(heads) % _HEAD.size or len(heads) > HEADS_MAX * _HEAD.size:
        return None
    place = TracePlace(*_TRACE.unpack_from(rest))
    return place, tuple(Head(*one) for one in _HEAD.iter_unpack(heads))
