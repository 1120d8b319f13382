"""JSON texts of whole columns, by Arrow's own kernels: no object per value."""

import json
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import value
from query.api.render import SAFE_INTEGER
from query.jaeger.arrays import Column, Numbers, numbers

_SAFE_DIGITS: Final = 15
_CONTROL: Final = r"[\x00-\x1f]"
_PLAIN: Final = r'^[^"\\\x00-\x1f]*$'


def quoted(texts: Column) -> Column:
    """Return texts as JSON strings."""
    plain: Any = pc.match_substring_regex(texts, _PLAIN)
    if not pc.all(plain, min_count=0).as_py():
        texts = _escaped(texts)
    return join('"', texts, '"')


def hexadecimal(ids: Column) -> Column:
    """Return IDs as hexadecimal digits."""
    width = ids.type.byte_width
    data = ids.buffers()[1]
    if data is None or not len(ids):
        return pa.array([], pa.utf8())
    digits = memoryview(data)[ids.offset * width : (ids.offset + len(ids)) * width].hex().encode()
    ends = np.arange(len(ids) + 1, dtype=np.int32) * (2 * width)
    return pa.StringArray.from_buffers(len(ids), pa.py_buffer(ends.tobytes()), pa.py_buffer(digits))


def values(types: Numbers, texts: Column) -> Column:
    """Return attributes' values as JSON: large integers, and what is no number, as strings."""
    bare = np.isin(types, (value.BOOL, value.INT, value.DOUBLE))
    if not bare.any():
        return quoted(texts)
    doubles = types == value.DOUBLE
    if doubles.any():
        named: Any = pc.match_substring_regex(texts, "[Ny]$")
        bare &= ~(doubles & numbers(named))
    lengths = numbers(pc.binary_length(texts))
    long = np.flatnonzero((types == value.INT) & (lengths > _SAFE_DIGITS))
    if len(long):
        large = [abs(int(str(one))) > SAFE_INTEGER for one in texts.take(pa.array(long))]
        bare[long[large]] = False
    found: Any = pc.if_else(pa.array(bare), texts, quoted(texts))
    return found


def join(*parts: Column | str) -> Column:
    """Return texts put together row by row."""
    some: list[Any] = list(parts)
    return pc.binary_join_element_wise(*some, "")


def array(lists: Column) -> Column:
    """Return lists of JSON texts as JSON arrays."""
    inner: Any = pc.binary_join(lists, ",")
    return join("[", inner, "]")


def _escaped(texts: Column) -> Column:
    backslash: Any = pc.replace_substring(texts, "\\", "\\\\")
    found: Any = pc.replace_substring(backslash, '"', '\\"')
    rest = np.flatnonzero(numbers(pc.match_substring_regex(texts, _CONTROL)))
    if not len(rest):
        return found
    at = pa.array(rest)
    whole = [json.dumps(one, ensure_ascii=False)[1:-1] for one in texts.take(at).to_pylist()]
    mask = np.zeros(len(texts), bool)
    mask[rest] = True
    return pc.replace_with_mask(found, pa.array(mask), pa.array(whole, pa.utf8()))
