"""From Arrow to numpy and back, for kernels that Arrow's own do not cover."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Arrow: TypeAlias = Any
"""An Arrow array; the stubs know too little of its methods to be worth naming its class."""

Numbers: TypeAlias = npt.NDArray[np.integer[Any]]
Mask: TypeAlias = npt.NDArray[np.bool_]
Bits: TypeAlias = npt.NDArray[np.uint64]
"""56 bits each: randomness, or the threshold that it has to reach."""


def from_arrow(array: Arrow) -> Any:
    """Return the values of an array without nulls; numbers are not copied."""
    return array.to_numpy(zero_copy_only=False)


def to_arrow(array: Any) -> Arrow:
    """Return numbers or truth values as an array; numbers are not copied."""
    return pa.array(array)


def spans(texts: Arrow) -> tuple[Numbers, Any]:
    """Return where each text of an array starts and the last one ends, and the bytes of all."""
    validity, offsets, data = texts.buffers()
    del validity
    ends = np.frombuffer(offsets or bytes(4), dtype=np.int32)
    raw = np.frombuffer(data or b"", dtype=np.uint8)
    return ends[texts.offset : texts.offset + len(texts) + 1], raw
