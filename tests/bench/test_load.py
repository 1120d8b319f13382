"""The load is what it says: so many good records in each request, none like another."""

import pytest

from otlp.codec import Decoder, validate
from pipeline.signal import Signal
from pipeline.window import TimeWindow
from tests.bench.load import Load

END_NS = 1_800_000_000 * 10**9
SIZES = pytest.mark.parametrize("size", [1, 10, 512])
SIGNALS = pytest.mark.parametrize("signal", Signal)


@SIGNALS
@SIZES
def test_every_request_holds_as_many_good_records_as_it_should(signal, size):
    load = Load(signal, 2 * size + 1, END_NS, size=size)

    checked = [validate(signal, body, 2**30) for body in load]

    assert [(one.accepted, one.refused) for one in checked] == [(size, 0)] * 3
    assert load.records == 3 * size


@SIGNALS
def test_records_differ(signal):
    load, decoder = Load(signal, 2048, END_NS), Decoder(signal, TimeWindow())
    for sequence, body in enumerate(load, 1):
        decoder.append(body, sequence, END_NS, load.size)
    rows = decoder.finish()

    identity = {"traces": ["trace_id", "span_id"], "logs": ["body", "span_id"]}.get(signal)
    names = identity or ["metric_name", "resource", "attributes", "time"]
    assert len({str(row) for row in rows.select(names).to_pylist()}) == load.records
