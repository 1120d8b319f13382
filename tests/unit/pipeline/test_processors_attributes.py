"""The `attributes` processor against the Collector's answers, a plain oracle, and its laws."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.processors import build
from pipeline.processors.arrays import Arrow
from pipeline.processors.conversion import CONVERSIONS, digest
from pipeline.signal import Signal
from pipeline.value import DOUBLE, INT, STRING, encode
from tests.golden.processors.rows import ATTRIBUTE_LISTS, RECORDS, VALUES, attributes, batch, lists
from tests.support.laws import examples

GOLDEN = Path(__file__).parents[2] / "golden" / "processors" / "attributes.json"
CASES = json.loads(GOLDEN.read_text())

ACTIONS: list[dict[str, Any]] = [
    {"key": "a", "action": "insert", "value": 7},
    {"key": "new", "action": "insert", "value": ["x", 1, {"y": True}]},
    {"key": "copy", "action": "insert", "from_attribute": "a"},
    {"key": "a", "action": "update", "value": "changed"},
    {"key": "b", "action": "update", "from_attribute": "a"},
    {"key": "a", "action": "upsert", "value": 1.5},
    {"key": "c", "action": "upsert", "from_attribute": "b", "default_value": "none"},
    {"key": "a", "action": "delete"},
    {"pattern": "^k", "action": "delete"},
    {"key": "a", "pattern": "b|c", "action": "delete"},
    {"key": "a", "action": "hash"},
    {"key": "a", "pattern": "[ab]", "action": "hash"},
    {"key": "a", "action": "convert", "converted_type": "int"},
    {"key": "b", "action": "convert", "converted_type": "double"},
    {"key": "clé", "action": "convert", "converted_type": "string"},
    {"key": "a", "action": "extract", "pattern": "(?P<left>[^:]*):(?P<b>.*)"},
]
SOME_ACTIONS = st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=5)


def run(actions, records, signal=Signal.LOGS):
    (process,) = build([{"attributes": {"actions": actions}}], signal)
    column = attributes(records)
    return lists(process(batch(signal, len(records), attributes=column)).rows["attributes"])


def oracle(actions, records):
    """Do what the processor does to lists."""
    out = []
    for record in records:
        done = None if record is None else list(record)
        for action in actions:
            done = oracle_step(action, done or [], was=done)
        out.append(None if record is None and not done else done)
    return out


def oracle_step(action, record, was):  # noqa: C901 - one case per action, side by side
    key, pattern = action.get("key"), action.get("pattern")

    def last(name):
        found = [(kind, text) for one, kind, text in record if one == name]
        return found[-1] if found else None

    def upsert(record, name, value):
        if any(one == name for one, _, _ in record):
            return [(one, *(value if one == name else rest)) for one, *rest in record]
        return [*record, (name, *value)]

    def chosen(name):
        return name == key or (pattern is not None and re.search(pattern, name) is not None)

    match action["action"]:
        case "insert" | "update" | "upsert" as verb:
            value = encode(revive(action["value"])) if "value" in action else None
            value = value or last(action.get("from_attribute"))
            if value is None and "default_value" in action:
                value = encode(action["default_value"])
            there = last(key) is not None
            if value is None or (verb == "insert" and there) or (verb == "update" and not there):
                return was
            return upsert(record, key, value)
        case "delete":
            return was and [one for one in record if not chosen(one[0])]
        case "hash":
            return was and [(k, *(digest(t, v) if chosen(k) else (t, v))) for k, t, v in record]
        case "convert":
            change = CONVERSIONS[action["converted_type"]]
            return was and [(k, *(change(t, v) if k == key else (t, v))) for k, t, v in record]
        case "extract":
            value = last(key)
            match = value and value[0] == STRING and re.search(pattern, value[1])
            for name, text in match.groupdict().items() if match else ():
                record = was = upsert(record, name, (STRING, text or ""))
            return was
    raise AssertionError(action)


def revive(value):
    from pipeline.processors.attributes import _value

    return _value(value)


def same(one):
    """Return an attribute so that doubles compare as numbers (Go writes them otherwise)."""
    key, kind, text = one
    return (key, kind, repr(float(text)) if kind == DOUBLE else text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case["actions"])[:70])
def test_the_collector_gives_the_same(case):
    records = [
        [(key, *encode(float(text))) if kind == DOUBLE else (key, kind, text)
         for key, kind, text in record]
        for record in case["records"]
    ]  # fmt: skip

    found = run(case["actions"], records)

    # The Collector moves the last attribute into a deleted one's place; Aura keeps the order.
    wanted = [sorted(same(one) for one in record) for record in case["expected"]]
    assert [sorted(same(one) for one in record) for record in found] == wanted


@given(SOME_ACTIONS, RECORDS)
@settings(max_examples=examples(100), deadline=None)
def test_lists_give_the_same(actions, records):
    assert run(actions, records) == oracle(actions, records)


@given(SOME_ACTIONS, RECORDS, st.integers(0, 8), st.integers(0, 8))
@settings(max_examples=examples(50), deadline=None)
def test_a_slice_gives_the_same_as_a_copy(actions, records, start, size):
    (process,) = build([{"attributes": {"actions": actions}}], Signal.TRACES)
    whole = batch(Signal.TRACES, len(records), attributes=attributes(records))
    part = whole.with_rows(whole.rows.slice(start, size))

    sliced = process(part).rows

    copied = oracle(actions, records[start : start + size])
    assert lists(sliced["attributes"]) == copied
    sliced.validate(full=True)


@given(ATTRIBUTE_LISTS, VALUES)
@settings(max_examples=50, deadline=None)
def test_inserting_then_deleting_leaves_the_others_in_their_order(record, value):
    steps = [{"key": "new", "action": "insert", "value": value[1]}]

    deleted = run([*steps, {"key": "new", "action": "delete"}], [record])

    assert deleted == [record]


@given(RECORDS)
@settings(max_examples=50, deadline=None)
def test_inserting_twice_is_inserting_once(records):
    step = {"key": "a", "action": "insert", "value": "first"}
    assert run([step, {**step, "value": "second"}], records) == run([step], records)


@given(RECORDS)
@settings(max_examples=50, deadline=None)
def test_updating_and_hashing_keep_every_key_in_its_place(records):
    steps = [{"key": "a", "action": "update", "value": 1}, {"pattern": ".", "action": "hash"}]

    found = run(steps, records)

    keys = [record and [one[0] for one in record] for record in records]
    assert [record and [one[0] for one in record] for record in found] == keys


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("text", (1, "text")),
        (True, (2, "true")),
        (2245, (3, "2245")),
        (1.0, (4, "1.0")),
        (["a", 1, None], (5, '["a",1,null]')),
        ({"b": 1, "a": [2.0]}, (6, '{"b":1,"a":[2.0]}')),
        (b"hi", (7, "aGk=")),
    ],
)
def test_a_value_keeps_its_type(value, encoded):
    step = {"key": "k", "action": "upsert", "value": value}
    assert run([step], [[], [("k", 1, "")]]) == [[("k", *encoded)], [("k", *encoded)]]


def test_reads_take_the_last_of_repeated_keys_and_changes_meet_all():
    record = [("a", 1, "first"), ("b", 1, "-"), ("a", 3, "2")]
    copy = {"key": "c", "action": "insert", "from_attribute": "a"}
    update = {"key": "a", "action": "update", "from_attribute": "b"}
    delete = {"key": "a", "action": "delete"}

    assert run([copy], [record]) == [[*record, ("c", 3, "2")]]
    assert run([update], [record]) == [[("a", 1, "-"), ("b", 1, "-"), ("a", 1, "-")]]
    assert run([delete], [record]) == [[("b", 1, "-")]]


def test_a_list_that_is_null_stays_null_until_something_is_put_there():
    there = {"key": "a", "action": "update", "value": 1}
    new = {"key": "a", "action": "upsert", "value": 1}

    assert run([there], [None, [("a", 1, "")]]) == [None, [("a", 3, "1")]]
    assert run([new], [None, []]) == [[("a", 3, "1")], [("a", 3, "1")]]


def test_what_hides_under_a_null_list_stays_hidden():
    column: Arrow = attributes([[("a", 1, "1")], [("a", 1, "2")], [("a", 1, "3")]])
    masked = pa.ListArray.from_arrays(
        column.offsets, column.values, type=column.type, mask=pa.array([False, True, False])
    )
    (process,) = build(
        [{"attributes": {"actions": [{"key": "b", "action": "insert", "from_attribute": "a"}]}}],
        Signal.LOGS,
    )

    found = process(batch(Signal.LOGS, 3, attributes=masked)).rows["attributes"]

    assert lists(found) == [[("a", 1, "1"), ("b", 1, "1")], None, [("a", 1, "3"), ("b", 1, "3")]]


def test_a_batch_that_nothing_matches_is_returned_as_it_is():
    (process,) = build(
        [{"attributes": {"actions": [{"key": "none", "action": "delete"}]}}], Signal.LOGS
    )
    given_batch = batch(Signal.LOGS, 1, attributes=attributes([[("a", 1, "1")]]))
    assert process(given_batch) is given_batch


@pytest.mark.parametrize("signal", Signal)
def test_no_other_column_changes(signal):
    (process,) = build([{"attributes": {"actions": ACTIONS}}], signal)
    before = batch(signal, 2, attributes=attributes([[("a", 1, "x:y")], []])).rows

    after = process(batch(signal, 2, attributes=before["attributes"])).rows

    assert after.drop_columns(["attributes"]).equals(before.drop_columns(["attributes"]))
    assert after.schema == before.schema


def test_digests_are_of_the_bytes_that_the_collector_hashes():
    assert digest(STRING, "é") == (STRING, hashlib.sha256("é".encode()).hexdigest())
    assert digest(INT, "-1") == (STRING, hashlib.sha256(b"\xff" * 8).hexdigest())
    assert digest(5, "[1]") == (STRING, "")


def test_deleting_and_then_offering_values_that_nothing_takes_leaves_the_rest():
    actions = [
        {"key": "a", "action": "update", "value": "changed"},
        {"pattern": "^k", "action": "delete"},
        {"key": "a", "action": "extract", "pattern": "(?P<left>[^:]*):(?P<b>.*)"},
    ]
    assert run(actions, [[("key", 7, "aGk="), ("b", 1, "")]]) == [[("b", 1, "")]]
