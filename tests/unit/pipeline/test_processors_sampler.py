"""The `probabilistic_sampler` processor against the Collector's answers, by hand, and its laws."""

import itertools
import json
import random
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.processors import build, randomness
from pipeline.processors.threshold import NEVER, from_probability, from_text, to_text
from pipeline.processors.tracestate import TraceState
from pipeline.signal import Signal
from pipeline.value import DOUBLE, encode
from tests.golden.processors.rows import attributes, batch, lists, trace_ids, trace_states

GOLDEN = Path(__file__).parents[2] / "golden" / "processors" / "sampler.json"
CASES = json.loads(GOLDEN.read_text())
MODES = ("hash_seed", "equalizing", "proportional")


def sampler(signal=Signal.TRACES, **options):
    (process,) = build([{"probabilistic_sampler": options}], signal)
    return process


def spans(ids, states=None, records=None):
    columns = {"trace_id": trace_ids(ids)}
    if states is not None:
        columns["trace_state"] = trace_states(states)
    if records is not None:
        columns["attributes"] = attributes(records)
    return batch(Signal.TRACES, len(ids), **columns)


def logs(ids, records):
    columns = {"trace_id": trace_ids(ids), "attributes": attributes(records)}
    return batch(Signal.LOGS, len(ids), **columns)


def numbers(kept):
    return kept.rows["sequence"].to_pylist()


def some_ids(count, seed=1):
    source = random.Random(seed)
    return [source.randbytes(16) for _ in range(count)]


def typed(record):
    return [
        (key, *encode(float(text))) if kind == DOUBLE else (key, kind, text)
        for key, kind, text in record
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one['signal']} {one['config']}")
def test_the_collector_gives_the_same(case):
    records = case["records"]
    made = batch(
        Signal(case["signal"]),
        len(records),
        trace_id=trace_ids([bytes.fromhex(one["trace_id"]) for one in records]),
        attributes=attributes([typed(one["attributes"]) for one in records]),
        **(
            {"trace_state": trace_states([one["trace_state"] for one in records])}
            if case["signal"] == "traces"
            else {}
        ),
    )

    kept = sampler(Signal(case["signal"]), **case["config"])(made)

    assert numbers(kept) == [one["number"] for one in case["expected"]]
    wanted = [typed(one["attributes"]) for one in case["expected"]]
    if case["signal"] == "traces":
        states = [one["trace_state"] for one in case["expected"]]
        if not case["config"]["sampling_percentage"]:
            # At 0 % the Collector rewrites a broken trace state that a priority keeps, and loses
            # it; at any other percentage it leaves it as it is. Aura always does.
            sent = [records[number]["trace_state"] for number in numbers(kept)]
            pairs = zip(sent, states, strict=True)
            states = [was if TraceState.parse(was) is None else now for was, now in pairs]
        assert kept.rows["trace_state"].to_pylist() == states
        assert lists(kept.rows["attributes"]) == wanted
    else:
        assert [sorted(one) for one in lists(kept.rows["attributes"])] == [
            sorted(one) for one in wanted
        ]


def plain_hash(raw, seed):
    """FNV-1a as its authors write it."""
    state = 0x811C9DC5
    for byte in seed.to_bytes(4, "little") + raw:
        state = ((state ^ byte) * 0x01000193) % 2**32
    return state


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=5), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_trace_ids_hash_as_plain_fnv_does(ids, seed):
    matrix = randomness.ids(trace_ids(ids))
    assert randomness.hash_ids(matrix, seed).tolist() == [plain_hash(one, seed) for one in ids]


@given(st.lists(st.text(max_size=9), max_size=9), st.integers(0, 2**32 - 1), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_texts_hash_as_plain_fnv_does(words, seed, start):
    words = words * 20  # so that some hash all at once and the longest one by one
    column = pa.array(words, pa.utf8())[start:]
    wanted = [plain_hash(one.encode(), seed) for one in words[start:]]
    assert randomness.hash_texts(column, seed).tolist() == wanted


def test_the_known_answers_of_fnv():
    assert plain_hash(b"", 0) == 0x4B95F515  # four zero bytes
    assert randomness.hash_bytes(b"a", 0) == plain_hash(b"a", 0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("percentage", [1, 15, 50, 99])
def test_the_share_is_what_was_asked_for(mode, percentage):
    ids = some_ids(100_000)
    kept = sampler(mode=mode, sampling_percentage=percentage)(spans(ids))
    assert len(kept) == pytest.approx(len(ids) * percentage / 100, rel=0.05, abs=80)


@pytest.mark.parametrize("mode", MODES)
def test_a_trace_has_one_fate_in_every_batch_and_signal(mode):
    ids = some_ids(500)
    process = sampler(mode=mode, sampling_percentage=40)

    together = numbers(process(spans(ids)))
    alone = [at for at, one in enumerate(ids) if len(process(spans([one])))]
    as_logs = sampler(Signal.LOGS, mode=mode, sampling_percentage=40)(logs(ids, [[]] * 500))

    assert together == alone == numbers(as_logs)


@pytest.mark.parametrize("mode", MODES)
def test_a_smaller_percentage_keeps_a_part_of_a_larger_one(mode):
    made = spans(some_ids(2_000))
    kept = [
        set(numbers(sampler(mode=mode, sampling_percentage=percentage)(made)))
        for percentage in (1, 10, 40, 41, 90)
    ]
    assert all(less <= more for less, more in itertools.pairwise(kept))


@pytest.mark.parametrize("mode", MODES)
def test_all_and_none(mode):
    made = spans(some_ids(300))
    assert len(sampler(mode=mode, sampling_percentage=100)(made)) == 300
    assert len(sampler(mode=mode, sampling_percentage=1e9)(made)) == 300
    assert len(sampler(mode=mode, sampling_percentage=0)(made)) == 0


@pytest.mark.parametrize("mode", ["equalizing", "proportional"])
def test_the_tiniest_percentage_keeps_the_highest_randomness(mode):
    ids = [b"\xff" * 16, b"\xff" * 15 + b"\xef", b"\x01" * 16]
    tiny = sampler(mode=mode, sampling_percentage=1e-14, sampling_precision=14)
    assert numbers(tiny(spans(ids))) == [0]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("percentage", [0.5, 25, 33.3, 100])
def test_a_written_threshold_reads_back_and_explains_the_decision(mode, percentage):
    kept = sampler(mode=mode, sampling_percentage=percentage)(spans(some_ids(1_000))).rows

    for text, one in zip(kept["trace_state"].to_pylist(), kept["trace_id"], strict=True):
        state = TraceState.parse(text)
        assert state is not None
        limit, random_bits = state.limit(), state.random()
        assert limit is not None
        assert state.text() == text
        assert (random_bits is not None) == (mode == "hash_seed")
        assert limit <= (random_bits or int.from_bytes(one.as_py()[9:]))
        assert 1 - limit / NEVER == pytest.approx(percentage / 100, rel=0.02)


@pytest.mark.parametrize("mode", ["equalizing", "proportional"])
def test_what_was_kept_passes_a_second_equalizing_sampler_unchanged(mode):
    first = sampler(mode=mode, sampling_percentage=20)(spans(some_ids(1_000)))
    again = sampler(mode="equalizing", sampling_percentage=20)(first)
    assert again.rows.equals(first.rows)


@given(st.floats(1e-16, 1), st.integers(1, 14))
def test_thresholds_survive_their_text(probability, precision):
    threshold = from_probability(probability, precision)
    assert threshold is not None
    assert threshold == from_text(to_text(threshold))
    assert threshold < NEVER


@pytest.mark.parametrize(
    ("probability", "precision", "text"),
    [(1, 4, "0"), (0.5, 4, "8"), (0.25, 4, "c"), (0.1, 4, "e666"), (0.01, 4, "fd70a"),
     (0.001, 3, "ffbe7"), (1 / 3, 14, "aaaaaaaaaaaaac"), (2**-56, 1, "ffffffffffffff")],
)  # fmt: skip
def test_thresholds_of_the_specification(probability, precision, text):
    assert to_text(from_probability(probability, precision) or 0) == text


def test_a_probability_below_56_bits_has_no_threshold():
    assert from_probability(2**-57, 4) is None
    assert from_text("123456789abcdef") is None


def test_sampling_again_and_again_ends_in_keeping_nothing():
    ids = [b"\xff" * 16]
    states = ["ot=th:ffffffffffffff"]
    process = sampler(mode="proportional", sampling_percentage=10, sampling_precision=14)
    assert len(process(spans(ids, states))) == 0


def test_slices_and_nulls_read_from_their_own_offset():
    ids = [None, *some_ids(40)]
    states = [None, "", "ot=rv:ffffffffffffff", "a=b"] * 10 + ["ot=th:8"]
    made = spans(ids, states)
    for mode in MODES:
        process = sampler(mode=mode, sampling_percentage=50, fail_closed=False)
        whole = process(made).rows.to_pylist()
        parts = [process(made.with_rows(made.rows.slice(at, 7))) for at in range(0, 41, 7)]
        assert [row for part in parts for row in part.rows.to_pylist()] == whole


def test_a_priority_of_a_log_is_a_percentage_and_its_ends_are_as_documented():
    ids = some_ids(2_000)
    values = [(3, "0"), (4, "0.0"), (3, "100"), (3, "250"), (4, "1e9")]
    process = sampler(Signal.LOGS, mode="equalizing", sampling_percentage=50, sampling_priority="p")
    for kind, text in values:
        kept = process(logs(ids, [[("p", kind, text)]] * len(ids)))
        assert len(kept) == (0 if float(text) == 0 else len(ids))
    some = process(logs(ids, [[("p", 3, "10")]] * len(ids)))
    assert len(some) == pytest.approx(200, rel=0.3)


def test_the_last_of_repeated_priorities_counts():
    records = [[("sampling.priority", 3, "0"), ("sampling.priority", 3, "1")]]
    assert len(sampler(sampling_percentage=0)(spans([b"1" * 16], [""], records))) == 1


def test_broken_logs_that_fail_open_are_left_as_they_are():
    record = [("sampling.threshold", 1, "xyz")]
    process = sampler(Signal.LOGS, sampling_percentage=1, fail_closed=False)
    assert lists(process(logs([b"1" * 16], [record])).rows["attributes"]) == [record]
