"""The `resource` processor: the actions of `attributes` on resources, once per distinct one."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.envelope import EntityRef, Resource
from pipeline.processors import build, check
from pipeline.schema import TEXT
from pipeline.signal import Signal
from pipeline.value import DOUBLE, encode
from tests.golden.processors.rows import ATTRIBUTE_LISTS, attributes, batch, lists, resources
from tests.support.laws import examples

GOLDEN = Path(__file__).parents[2] / "golden" / "processors" / "attributes.json"
CASES = json.loads(GOLDEN.read_text())
ACTIONS = [
    {"key": "a", "action": "insert", "value": 7},
    {"key": "copy", "action": "upsert", "from_attribute": "b"},
    {"key": "a", "action": "delete"},
    {"pattern": "[ab]", "action": "hash"},
    {"key": "b", "action": "convert", "converted_type": "string"},
    {"key": "a", "action": "extract", "pattern": "(?P<left>[^:]*):(?P<b>.*)"},
]


def run(actions, column, signal=Signal.LOGS):
    (process,) = build([{"resource": {"attributes": actions}}], signal)
    return process(batch(signal, len(column), resource=column)).rows["resource"]


def found(column):
    return [Resource.parse(text).attributes for text in column.to_pylist()]


@given(
    st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=4),
    st.lists(ATTRIBUTE_LISTS, max_size=6),
)
@settings(max_examples=examples(60), deadline=None)
def test_resources_become_what_the_processor_attributes_makes_of_records(actions, given_lists):
    (process,) = build([{"attributes": {"actions": actions}}], Signal.LOGS)
    records = batch(Signal.LOGS, len(given_lists), attributes=attributes(given_lists))

    wanted = lists(process(records).rows["attributes"])

    assert [list(one) for one in found(run(actions, resources(given_lists)))] == wanted


@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case["actions"])[:70])
def test_the_collector_gives_the_same(case):
    records = [
        [(key, *encode(float(text))) if kind == DOUBLE else (key, kind, text)
         for key, kind, text in record]
        for record in case["records"]
    ]  # fmt: skip

    changed = found(run(case["actions"], resources(records)))

    def same(record):
        return sorted((k, t, repr(float(v)) if t == DOUBLE else v) for k, t, v in record)

    assert list(map(same, changed)) == list(map(same, case["expected"]))


def test_what_is_no_attribute_stays_and_so_does_an_unchanged_column():
    whole = Resource((("a", 1, "x"),), 3, "https://schema", (EntityRef("", "host", ("a",)),))
    column = pa.array([whole.text()] * 3, pa.utf8()).dictionary_encode()
    update = {"action": "update", "value": "y"}

    changed = run([{"key": "a", **update}], column)
    same = run([{"key": "none", **update}], column)

    assert Resource.parse(changed[0].as_py()) == Resource(
        (("a", 1, "y"),), 3, "https://schema", whole.entity_refs
    )
    assert same.equals(column)


def test_resources_that_become_equal_share_a_value_and_each_is_written_once():
    column = resources([[("pod", 1, str(number % 5))] for number in range(100)])

    changed = run([{"key": "pod", "action": "delete"}], column)

    assert changed.type == TEXT
    assert changed.dictionary.to_pylist() == [Resource().text()]
    assert len(changed) == 100


def test_a_null_stays_null():
    column = pa.array([Resource((("a", 1, ""),)).text(), None]).dictionary_encode()
    assert run([{"key": "a", "action": "delete"}], column).to_pylist() == [Resource().text(), None]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({}, r"metrics\[0\].resource.attributes: Field required"),
        ({"attributes": []}, r"resource.attributes: must hold an action"),
        ({"actions": []}, r"resource.actions: Extra inputs"),
        ({"attributes": [{"action": "delete"}]}, r"resource.attributes\[0\]: needs a key"),
    ],
)
def test_a_fault_is_named_by_its_place(options, fault):
    with pytest.raises(ValueError, match=fault):
        check([{"resource": options}], Signal.METRICS)
