"""Lists of attributes, exemplars, quantiles and numbers as PostgreSQL's arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc

from storage.timescale import binary, text
from storage.timescale.binary import Fields

BYTES: Final = 17
INT8: Final = 20
INT2: Final = 21
INT4: Final = 23
TEXT: Final = 25
DOUBLE: Final = 701
"""Numbers of PostgreSQL's own types (pg_type.dat)."""


@dataclass(frozen=True, slots=True)
class Oids:
    """The numbers that the schema's own types have in this database."""

    attribute: int
    attributes: int
    exemplar: int
    quantile: int


def numbers(lists: Any, oid: int) -> Fields:
    """Return lists of numbers as arrays of a type."""
    offsets, flat = _flat(lists)
    return binary.array(offsets, binary.fixed(flat), oid)


def attributes(lists: Any, oids: Oids) -> Fields:
    """Return lists of attributes as `attribute[]`."""
    offsets, flat = _flat(lists)
    parts = [
        (TEXT, binary.sized(text.column(flat.field("key")))),
        (INT2, binary.fixed(flat.field("type"))),
        (TEXT, binary.sized(text.column(flat.field("value")))),
    ]
    return binary.array(offsets, binary.composite(parts), oids.attribute)


def checksum(key: str, value: str) -> int:
    """
    Return the number by which equal attributes are found, of their texts as they are stored.

    It has 32 bits, so that others may have it too.
    """
    return crc32(f"{len(key)} {key}{value}".encode()) - 2**31


def checksums(lists: Any) -> Fields:
    """Return the checksums of lists of attributes as `int4[]`."""
    offsets, flat = _flat(lists)
    key, value = (text.column(flat.field(name)).to_pylist() for name in ("key", "value"))
    pairs = zip(key, value, strict=True)
    sums = pa.array([checksum(key, value) for key, value in pairs], pa.int32())
    return binary.array(offsets, binary.fixed(sums), INT4)


def quantiles(lists: Any, oids: Oids) -> Fields:
    """Return lists of quantiles as `quantile[]`."""
    offsets, flat = _flat(lists)
    parts = [(DOUBLE, binary.fixed(flat.field(name))) for name in ("quantile", "value")]
    return binary.array(offsets, binary.composite(parts), oids.quantile)


def exemplars(lists: Any, oids: Oids) -> Fields:
    """Return lists of exemplars as `exemplar[]`, null where there are none: most points."""
    offsets, flat = _flat(lists)
    if not len(flat):
        return binary.nulls(len(lists))
    parts = [
        (INT8, binary.fixed(flat.field("time_unix_nano"))),
        (DOUBLE, binary.nullable(flat.field("value_double"))),
        (INT8, binary.nullable(flat.field("value_int"))),
        (BYTES, binary.sized(flat.field("span_id"))),
        (BYTES, binary.sized(flat.field("trace_id"))),
        (oids.attributes, attributes(flat.field("filtered_attributes"), oids)),
    ]
    whole = binary.array(offsets, binary.composite(parts), oids.exemplar)
    some = pc.greater(pc.list_value_length(lists), pa.scalar(0, pa.int32()))
    return pc.if_else(some, whole, binary.NULL)


def _flat(lists: Any) -> tuple[Any, Any]:
    """Return the elements that a (perhaps sliced) array of lists has, and its offsets into them."""
    return pc.subtract(lists.offsets, lists.offsets[0]), lists.flatten()
