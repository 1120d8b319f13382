"""The battery that every processor passes: pure, the same columns out, counted by the chain."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura.conditions import condition
from pipeline.chain import run
from pipeline.ports import Counts
from pipeline.processors import PROCESSORS, build
from pipeline.schema import SCHEMAS
from pipeline.signal import Signal
from tests.golden.processors.rows import (
    RECORDS,
    attributes,
    batch,
    resources,
    trace_ids,
    trace_states,
)
from tests.support.laws import examples

# At least one configuration for every processor; a test fails when a new one has none.
CONFIGS: dict[str, list[dict[str, Any]]] = {
    "attributes": [
        {"actions": [{"key": "a", "action": "delete"}]},
        {"actions": [{"key": "new", "action": "upsert", "from_attribute": "a"}]},
        {"actions": [{"pattern": ".", "action": "hash"}]},
    ],
    "resource": [
        {"attributes": [{"key": "a", "action": "delete"}]},
        {"attributes": [{"key": "new", "action": "upsert", "from_attribute": "a"}]},
        {"attributes": [{"pattern": ".", "action": "hash"}]},
    ],
    "filter": [
        {"conditions": ["a=x"]},
        {"conditions": ["NOT resource.a!=0", 'service="" AND attributes.b>0']},
        {"conditions": ['a="" OR NOT a=""']},
    ],
    "redaction": [
        {"allow_all_keys": True, "blocked_values": ["[0-9]", "x"], "redact_all_types": True},
        {"allowed_keys": ["a", "b"], "blocked_key_patterns": ["^b$"], "hash_function": "sha3"},
        {},
    ],
    "probabilistic_sampler": [
        {"sampling_percentage": 50},
        {"sampling_percentage": 50, "fail_closed": False},
        {"sampling_percentage": 50, "mode": "equalizing"},
        {"sampling_percentage": 50, "mode": "proportional", "fail_closed": False},
        {"sampling_percentage": 0},
    ],
}
CASES = [
    pytest.param({name: config}, signal, id=f"{name}-{number}-{signal}")
    for name, options in PROCESSORS.items()
    for number, config in enumerate(CONFIGS[name])
    for signal in Signal
    if signal in options.signals
]
STATES = st.sampled_from([None, "", "ot=th:8", "ot=rv:ffffffffffffff;th:c", "a=b", "broken"])
BATCHES = st.tuples(RECORDS, st.lists(st.binary(min_size=16, max_size=16)), STATES)


def make(signal, drawn):
    records, ids, state = drawn
    size = len(records)
    columns = {
        "attributes": attributes(records),
        "resource": resources([record or () for record in reversed(records)]),
    }
    if signal is not Signal.METRICS:
        columns["trace_id"] = trace_ids((ids + [bytes(16)] * size)[:size])
    if signal is Signal.TRACES:
        columns["trace_state"] = trace_states([state] * size)
    return batch(signal, size, **columns)


def only(config, signal):
    (process,) = build([config], signal, condition)
    return process


def test_every_processor_is_in_the_battery():
    assert CONFIGS.keys() == PROCESSORS.keys()


@pytest.mark.parametrize(("config", "signal"), CASES)
@given(drawn=BATCHES)
@settings(max_examples=examples(12), deadline=None)
def test_pure_with_the_same_columns_and_never_more_rows(config, signal, drawn):
    made, copy = make(signal, drawn), make(signal, drawn)
    process = only(config, signal)

    once, twice = process(made), process(made)

    assert once.rows.equals(twice.rows)
    assert made.rows.equals(copy.rows), "the input was changed"
    assert once.rows.schema == SCHEMAS[signal]
    assert (once.signal, once.tenant) == (signal, made.tenant)
    assert len(once) <= len(made)
    once.rows.validate(full=True)
    sequences = once.rows["sequence"].to_pylist()
    assert sequences == sorted(set(sequences)), "records keep their order"


@pytest.mark.parametrize(("config", "signal"), CASES)
@given(drawn=BATCHES, at=st.integers(0, 8))
@settings(max_examples=examples(12), deadline=None)
def test_two_slices_give_what_the_whole_gives(config, signal, drawn, at):
    made = make(signal, drawn)
    process = only(config, signal)

    parts = [made.rows.slice(0, at), made.rows.slice(at)]
    apart = [row for part in parts for row in process(made.with_rows(part)).rows.to_pylist()]

    assert repr(apart) == repr(process(made).rows.to_pylist())  # repr: NaN equals itself there


@pytest.mark.parametrize(("config", "signal"), CASES)
def test_empty_stays_empty(config, signal):
    empty = make(signal, ([], [], None))
    after = only(config, signal)(empty)
    assert len(after) == 0
    assert after.rows.schema == SCHEMAS[signal]


@pytest.mark.parametrize(("config", "signal"), CASES)
def test_the_chain_counts_what_is_gone(config, signal):
    made = make(signal, ([[]] * 64, [bytes([one]) * 16 for one in range(64)], ""))
    process = only(config, signal)
    counts = Counts(received=len(made))

    left = run([process], made, counts)

    assert counts.received == len(left) + getattr(counts, process.drops)
    assert counts.filtered + counts.sampled == getattr(counts, process.drops)
