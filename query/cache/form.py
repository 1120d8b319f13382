"""What an answer is kept as, and under which key."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from typing import Final, TypeVar

import pyarrow as pa

from pipeline.plan import And, Condition, Dependencies, Head, Not, OneOf, Or, Records, Table
from pipeline.schema import SCHEMAS

Closable = Records | Table | Dependencies
"""What depends on the records of its time range alone. `Traces` shows spans beyond it."""

_TAG: Final = f"1 {version('aura')} {SCHEMAS!r}"
"""What is kept by a program that asks or stores otherwise is not found."""

_FRAME: Final = struct.Struct(">II")
_HEAD: Final = struct.Struct(">HIQQ")
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression="zstd")

Many = TypeVar("Many", And, Or)


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, and where the logs of its signal stood before it was asked for."""

    heads: tuple[Head, ...]
    batches: Sequence[pa.RecordBatch]


def key(plan: Closable) -> str:
    """Return a key that plans share which surely mean the same."""
    if not isinstance(plan, Dependencies):
        plan = replace(plan, where=plan.where and normal(plan.where))
    return sha256(f"{_TAG}\n{plan!r}".encode(errors="surrogatepass")).hexdigest()


def normal(condition: Condition) -> Condition:
    """Return the condition with what has no order in one order, and nothing twice."""
    match condition:
        case And() | Or():
            return _flat(condition)
        case Not(part):
            return Not(normal(part))
        case OneOf(field, values):
            # By their text: Python takes 1, 1.0 and True for equal.
            each = {repr(one): one for one in sorted(values, key=repr)}
            return OneOf(field, tuple(each.values()))
        case _:
            return condition


def _flat(condition: And | Or) -> Condition:
    kind = type(condition)
    parts: list[Condition] = []
    for part in map(normal, condition.parts):
        parts += part.parts if isinstance(part, kind) else (part,)
    each = {repr(one): one for one in sorted(parts, key=repr)}
    return next(iter(each.values())) if len(each) == 1 else kind(tuple(each.values()))


def write(kept: Kept) -> bytes:
    """Return an answer as bytes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, kept.batches[0].schema, options=_OPTIONS) as writer:
        for batch in kept.batches:
            writer.write_batch(batch)
    heads = b"".join(_HEAD.pack(*astuple(one)) for one in kept.heads)
    body = heads + sink.getvalue().to_pybytes()
    return _FRAME.pack(zlib.crc32(body), len(kept.heads)) + body


def read(value: bytes) -> Kept | None:
    """Return the answer of these bytes; None: they are not whole, or nothing of ours."""
    if len(value) < _FRAME.size:
        return None
    checksum, number = _FRAME.unpack_from(value)
    body = memoryview(value)[_FRAME.size :]
    if zlib.crc32(body) != checksum:
        return None
    end = number * _HEAD.size
    heads = tuple(Head(*one) for one in _HEAD.iter_unpack(body[:end]))
    with pa.ipc.open_stream(pa.py_buffer(body[end:])) as stream:
        return Kept(heads, list(stream))
