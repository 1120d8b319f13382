"""The chain runs in order, counts what each processor took out, and stops early."""

from pipeline.chain import run
from pipeline.ports import Counts
from pipeline.processors import build
from pipeline.signal import Signal
from tests.golden.processors.rows import attributes, batch, trace_ids


class Keep:
    """Keep so many records; note what came."""

    def __init__(self, size, drops="filtered"):
        self.size = size
        self.drops = drops
        self.seen = []

    def __call__(self, given):
        self.seen.append(len(given))
        return given.with_rows(given.rows.slice(0, self.size))


def test_no_processors_change_nothing():
    given, counts = batch(Signal.LOGS, 3), Counts()
    assert run((), given, counts) is given
    assert counts == Counts()


def test_what_each_takes_out_is_counted_by_its_kind():
    steps = (Keep(7), Keep(6, "sampled"), Keep(4, "sampled"), Keep(3))
    counts = Counts(received=10, filtered=5)

    left = run(steps, batch(Signal.LOGS, 10), counts)

    assert len(left) == 3
    assert counts == Counts(received=10, filtered=5 + 3 + 1, sampled=1 + 2)


def test_an_empty_batch_goes_no_further():
    steps = (Keep(0), Keep(0))
    counts = Counts()

    left = run(steps, batch(Signal.METRICS, 2), counts)

    assert len(left) == 0
    assert (steps[0].seen, steps[1].seen) == ([2], [])
    assert counts == Counts(filtered=2)


def test_real_processors_in_a_chain():
    step = {"key": "sampling.priority", "action": "upsert", "value": 1}
    chain = build(
        [
            {"attributes": {"actions": [step]}},
            {"probabilistic_sampler": {"sampling_percentage": 0}},
        ],
        Signal.TRACES,
    )
    counts = Counts()
    ids = trace_ids([b"1" * 16, b"2" * 16])

    left = run(
        chain, batch(Signal.TRACES, 2, trace_id=ids, attributes=attributes([[], []])), counts
    )
    gone = run(chain[1:], batch(Signal.TRACES, 2, trace_id=ids), counts)

    assert (len(left), len(gone)) == (2, 0)
    assert counts == Counts(sampled=2)
