"""OTLP/JSON to spans that were never stored."""

from typing import Final

import numpy as np
import pyarrow as pa

from otlp.codec import Decoder, from_json, validate
from pipeline.envelope import Resource
from pipeline.errors import Rejected
from pipeline.signal import Signal
from pipeline.window import TimeWindow
from query.jaeger import arrays, tidy
from query.jaeger.names import NO_ATTRIBUTES

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
    resources = tidy.mapped(arrays.one(rows["resource"]), _named)
    rows = rows.set_column(rows.schema.get_field_index("resource"), "resource", resources)
    ids = arrays.words(arrays.one(rows["trace_id"]))
    _, first, of = np.unique(ids, axis=0, return_index=True, return_inverse=True)
    return rows.take(arrays.index(np.argsort(first[of.ravel()], kind="stable")))


def _named(resource: str) -> str:
    """Return a resource as Jaeger names it that nobody looked after when it was stored."""
    one = Resource.parse(resource)
    return resource if one.attributes else tidy.with_service(one, NO_ATTRIBUTES).text()
