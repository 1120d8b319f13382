"""OTLP/JSON to spans that were never stored."""

from typing import Final

import numpy as np
import pyarrow as pa

from otlp.codec import Decoder, from_json, validate
from pipeline.errors import Rejected
from pipeline.signal import Signal
from pipeline.window import TimeWindow
from query.jaeger import arrays

_WHOLE: Final = 2**31 - 1
"""A request is not to be cut: no part of it is larger."""


def spans(body: bytes, now_ns: int) -> pa.Table:
    """Return the spans of a file, those of each trace together; raises Rejected."""
    checked = validate(Signal.TRACES, from_json(Signal.TRACES, body), _WHOLE)
    if checked.refused:
        raise Rejected(checked.message)
    decoder = Decoder(Signal.TRACES, TimeWindow())
    for part in checked.parts:
        decoder.append(part.payload, 0, now_ns, part.records)
    rows = pa.Table.from_batches([decoder.finish()])
    if not rows.num_rows:
        return rows
    ids = arrays.words(arrays.one(rows["trace_id"]))
    _, first, of = np.unique(ids, axis=0, return_index=True, return_inverse=True)
    return rows.take(arrays.index(np.argsort(first[of.ravel()], kind="stable")))
