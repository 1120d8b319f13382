"""The `filter` processor: its laws, and what it refuses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura.conditions import condition
from pipeline.processors import build, check
from pipeline.signal import Signal
from tests.golden.processors.rows import RECORDS, attributes, batch, resources
from tests.support.laws import examples

TEXTS = [
    "a=x", "a!=x", "attributes.a>0", "resource.b=12", "level>=ERROR", 'service="x"',
    "a=x OR b=true", "NOT (a=x AND c!=1.5)", 'body=""', "`clé`<=1e16",
    "a exists", "* contains X", "a in (x, 5)", 'b=~"^[0-9]"', "x OR a!~y",
]  # fmt: skip


def run(texts, records, signal=Signal.LOGS):
    (process,) = build([{"filter": {"conditions": texts}}], signal, condition)
    given_resources = resources([record or () for record in reversed(records)])
    columns = {"attributes": attributes(records), "resource": given_resources}
    return process(batch(signal, len(records), **columns)).rows["sequence"].to_pylist()


@given(RECORDS, st.sampled_from(TEXTS))
@settings(max_examples=examples(80), deadline=None)
def test_a_condition_and_its_opposite_share_all_records_between_them(records, text):
    kept, rest = run([text], records), run([f"NOT ({text})"], records)

    assert sorted(kept + rest) == list(range(len(records)))


@given(RECORDS, st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3))
@settings(max_examples=examples(40), deadline=None)
def test_several_conditions_are_one_joined_by_or_and_several_filters(records, texts):
    joined = run([" OR ".join(f"({text})" for text in texts)], records)
    apart = [set(run([text], records)) for text in texts]

    assert run(texts, records) == joined
    assert set(joined) == set.intersection(*apart)


def test_a_record_that_meets_a_condition_is_taken_out():
    records = [[("a", 1, "x")], [("a", 1, "y")], [], [("b", 3, "5")]]

    assert run(["attributes.a=x"], records) == [1, 2, 3]
    assert run(["attributes.a=x", "attributes.b>4"], records) == [1, 2]
    assert run(["a=x"], records) == [1, 2], "the last record's resource has it"
    assert run(["attributes.a!=x"], records) == [0, 2, 3]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({}, "logs[0].filter.conditions: Field required"),
        ({"conditions": []}, "logs[0].filter.conditions: must hold a condition"),
        ({"conditions": "a=b"}, "logs[0].filter.conditions: "),
        ({"conditions": [1]}, "logs[0].filter.conditions[0]: must be a condition in quotes"),
        ({"conditions": ["a=b", "a="]}, "logs[0].filter.conditions[1]: line 1, column 3: "),
        ({"conditions": ["level=LOUD"]}, "conditions[0]: line 1, column 7: expected one of TRACE"),
        ({"conditions": ["time>now-5m"]}, "column 6: expected a fixed time, found now-5m"),
        ({"conditions": ['a=~"("']}, "column 4: expected a regular expression (RE2)"),
        ({"conditions": [""]}, "conditions[0]: must not be empty"),
        ({"conditions": ["a=b"], "error_mode": "ignore"}, "error_mode: is of the Collector's own"),
        ({"conditions": ["a=b"], "logs": {}}, "logs[0].filter.logs: is of the Collector's own"),
        ({"conditions": ["a=b"], "keep": []}, "logs[0].filter.keep: Extra inputs"),
    ],
)
def test_a_fault_is_named_by_its_place(options, fault):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared below
        check([{"filter": options}], Signal.LOGS, condition)
    assert fault in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_without_a_language_conditions_are_refused():
    with pytest.raises(ValueError, match=r"conditions\[0\]: no query language was given"):
        check([{"filter": {"conditions": ["a=b"]}}], Signal.LOGS)
