"""Conditions on rows by kernels: what plain Python says of each row, and nothing else."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.envelope import Resource, Scope, find
from pipeline.errors import Rejected
from pipeline.plan import (
    And,
    AttributeField,
    AttributeKeys,
    Column,
    Compare,
    Exists,
    Find,
    Level,
    Not,
    OneOf,
    Operator,
    Or,
    Search,
)
from pipeline.processors.condition import Rows
from pipeline.schema import SCHEMAS
from pipeline.signal import Signal
from pipeline.value import encode
from storage.evaluate import matches
from storage.fields import PARTS as OF_SPANS
from tests.golden.processors.rows import attributes, batch, lists
from tests.support.laws import examples

INTS = [0, 1, -1, 7, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 0.5, 7.0, -1.5, 2.0**53, 2.0**53 + 2, 2.0**63, 1e300, 5e-324]
STRINGS = ["", "x", "7", "0.5", "true", "é", "\U0001f600", "\uffff", "X"]
KEYS = ["a", "b", "service.name", ""]
STORED = st.one_of(
    st.sampled_from(INTS + STRINGS),
    st.sampled_from([*FLOATS, float("nan"), float("inf"), float("-inf")]),
    st.booleans(),
    st.just(b"hi"),
    st.just([1, "x"]),
    st.none(),
)
LISTS = st.lists(st.tuples(st.sampled_from(KEYS), STORED.map(encode)), max_size=4).map(
    lambda pairs: tuple((key, *typed) for key, typed in pairs)
)
NUMBERS = st.sampled_from([*INTS, *FLOATS])
ANY = st.sampled_from(Operator)
EQUALITY = st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL])
PARTS = st.lists(
    LISTS.map(
        lambda given: {
            "attributes": [dict(zip(("key", "type", "value"), one, strict=True)) for one in given]
        }
    ),
    max_size=3,
)


def fields(signal):
    every = [one for one in Level if signal is Signal.TRACES or one not in OF_SPANS]
    levels = st.sampled_from(every)
    return st.builds(AttributeField, st.sampled_from(KEYS), levels) | st.builds(
        AttributeKeys, st.sampled_from(["*", "a*", "s*.n*e", "*b"]), levels
    )


def compares(columns, how, values):
    return st.builds(Compare, st.sampled_from([Column(name) for name in columns]), how, values)


def finds(fields):
    within = st.sampled_from([Search.CONTAINS, Search.PHRASE])
    texts = st.sampled_from(["x", "É", "7", "0.5", "ru"])
    expressions = st.sampled_from(["^x$", "(?i)É", ".", "[0-9]+", "t.ue"])
    return st.builds(Find, fields, within, texts) | st.builds(
        Find, fields, st.just(Search.MATCH), expressions
    )


def conditions(signal, *leaves):
    named = fields(signal)
    texts = compares(["service_name", "scope_name", "scope_version"], ANY, st.sampled_from(STRINGS))
    values = st.one_of(st.sampled_from(STRINGS), NUMBERS, st.booleans())
    attribute = st.one_of(
        st.builds(Compare, named, ANY, values),
        st.builds(OneOf, named, st.lists(values, max_size=3).map(tuple)),
        st.builds(Exists, named),
    )
    searched = named | st.sampled_from(["service_name", "scope_name"]).map(Column)
    return st.recursive(
        st.one_of(*leaves, texts, attribute, attribute, finds(searched)),
        lambda part: st.one_of(
            st.lists(part, max_size=3).map(lambda parts: And(tuple(parts))),
            st.lists(part, max_size=3).map(lambda parts: Or(tuple(parts))),
            part.map(Not),
        ),
        max_leaves=6,
    )


IDS = st.sampled_from([bytes(16), b"\x01" * 16])
UINTS = st.sampled_from([0, 1, 7, 2**53 + 1, 2**63, 2**64 - 1])
ROWS = {
    Signal.TRACES: st.fixed_dictionaries({
        "name": st.sampled_from(STRINGS), "status_message": st.sampled_from([*STRINGS, None]),
        "kind": st.integers(0, 5), "trace_id": IDS,
        "start_time_unix_nano": UINTS, "end_time_unix_nano": UINTS,
        "events": PARTS, "links": PARTS,
    }),
    Signal.LOGS: st.fixed_dictionaries({
        "body": st.sampled_from(STRINGS), "severity_number": st.integers(0, 24),
        "severity_text": st.sampled_from(STRINGS), "trace_id": IDS,
    }),
    Signal.METRICS: st.fixed_dictionaries({
        "metric_name": st.sampled_from(STRINGS), "is_monotonic": st.booleans(),
        "value_int": st.sampled_from([None, *INTS]),
        "value_double": st.sampled_from([None, float("nan"), *FLOATS]),
    }),
}  # fmt: skip
CONDITIONS = {
    Signal.TRACES: conditions(
        Signal.TRACES,
        compares(["name", "status_message"], ANY, st.sampled_from(STRINGS)),
        finds(st.sampled_from(["name", "status_message"]).map(Column)),
        compares(["start_time_unix_nano"], ANY, NUMBERS),
        compares(["kind", "duration_ns"], ANY, NUMBERS),
        compares(["trace_id"], EQUALITY, IDS),
    ),
    Signal.LOGS: conditions(
        Signal.LOGS,
        compares(["body", "severity_text"], ANY, st.sampled_from(STRINGS)),
        finds(st.sampled_from(["body", "severity_text"]).map(Column)),
        compares(["severity_number"], ANY, NUMBERS),
        compares(["trace_id"], EQUALITY, IDS),
    ),
    Signal.METRICS: conditions(
        Signal.METRICS,
        compares(["metric_name"], ANY, st.sampled_from(STRINGS)),
        compares(["value"], ANY, NUMBERS),
        compares(["is_monotonic"], EQUALITY, st.booleans()),
    ),
}


def make(signal, drawn):
    size = len(drawn)
    kinds = {field.name: field.type for field in SCHEMAS[signal]}
    columns = {
        name: pa.array([own[name] for own, *_ in drawn], kinds[name])
        for name in (drawn[0][0] if drawn else ())
    }
    scopes = [Scope(name, "1", given).text() for _, _, _, given, name in drawn]
    resources = [Resource(given).text() for _, _, given, _, _ in drawn]
    columns["attributes"] = attributes([given for _, given, *_ in drawn])
    columns["resource"] = pa.array(resources, pa.utf8()).dictionary_encode()
    columns["scope"] = pa.array(scopes, pa.utf8()).dictionary_encode()
    return batch(signal, size, **columns).rows


def oracle(condition, rows):
    answers = []
    for row, triples in zip(rows.to_pylist(), lists(rows["attributes"]), strict=True):
        own = [{"key": key, "type": kind, "value": text} for key, kind, text in triples]
        service = find(Resource.parse(row["resource"]).attributes, "service.name") or ""
        answers.append(matches(condition, {**row, "attributes": own, "service_name": service}))
    return answers


@pytest.mark.parametrize("signal", Signal)
@given(data=st.data())
@settings(max_examples=examples(100), deadline=None)
def test_kernels_say_what_plain_python_says(signal, data):
    one = st.tuples(ROWS[signal], LISTS, LISTS, LISTS, st.sampled_from(STRINGS))
    rows = make(signal, data.draw(st.lists(one, max_size=6)))
    condition = data.draw(CONDITIONS[signal])
    start = data.draw(st.integers(0, 6))

    assert Rows(rows).meet(condition).tolist() == oracle(condition, rows)
    part = rows.slice(start)
    assert Rows(part).meet(condition).tolist() == oracle(condition, part)


@pytest.mark.parametrize(
    ("condition", "fault"),
    [
        (Compare(Column("other"), Operator.EQUAL, 1), "no column other"),
        (Compare(Column("body"), Operator.EQUAL, 1), "cannot be compared"),
        (Compare(Column("severity_number"), Operator.EQUAL, "1"), "is no number"),
        (Compare(Column("severity_number"), Operator.EQUAL, float("nan")), "is no number"),
        (Compare(Column("attributes"), Operator.EQUAL, "1"), "cannot be compared"),
        ("a condition of tomorrow", "cannot be told"),
        (Find(Column("severity_number"), Search.CONTAINS, "1"), "cannot be searched"),
        (Find(Column("body"), Search.MATCH, "("), "no regular expression"),
        (Find(Column("other"), Search.PHRASE, "x"), "no column other"),
        (Exists(AttributeField("a", Level.EVENT)), "only spans have events"),
        (Find(AttributeKeys("*", Level.LINK), Search.CONTAINS, "x"), "only spans have links"),
    ],
)
def test_what_cannot_be_told_is_refused_even_of_no_rows(condition, fault):
    with pytest.raises(Rejected, match=fault):
        Rows(make(Signal.LOGS, [])).meet(condition)


def test_comparisons_that_only_python_takes_for_equal_are_told_apart():
    stored = attributes([[("a", *encode(value))] for value in (1, True)])
    rows = Rows(batch(Signal.LOGS, 2, attributes=stored).rows)
    one, true = (
        Compare(AttributeField("a", Level.RECORD), Operator.EQUAL, value) for value in (1, True)
    )

    assert rows.meet(one).tolist() == [True, False]
    assert rows.meet(true).tolist() == [False, True]
