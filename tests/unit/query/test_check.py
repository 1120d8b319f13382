"""The meaning of a query, by what it finds among records."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import plan
from pipeline.plan import AttributeField, Level, Operator
from pipeline.signal import Signal
from query.language import literal, tree
from query.language.check import check
from query.language.level import LEVELS, level
from query.language.parse import parse
from query.wrong import WrongQuery
from tests.support.sample_rows import log, matches, point, span


def found(text, *rows, signal=Signal.LOGS):
    condition = check(parse(text), signal).where
    assert condition is not None
    return [number for number, row in enumerate(rows) if matches(condition, row)]


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("number", range(26))
def test_a_level_is_its_range_of_numbers(name, number):
    rows = [log("api", 1, severity_number=number)]

    assert bool(found(f"level={name}", *rows)) == (level(number, "") == name)
    assert bool(found(f"level!={name}", *rows)) == (level(number, "") != name)


@pytest.mark.parametrize("text", ["ERROR", "error", "Error", "ERR", "err"])
def test_a_level_without_a_number_is_its_text(text):
    record = log("api", 1, severity_text=text)

    assert found("level=ERROR", record) == [0]
    assert found("level>=WARN AND level<=FATAL", record) == [0]
    assert found("level>ERROR OR level<ERROR OR level!=ERROR", record) == []


def test_the_number_wins_over_the_text():
    assert found("level=ERROR", log("api", 1, severity_number=9, severity_text="ERROR")) == []


def test_a_record_without_a_level_is_only_in_what_is_not():
    assert found("level!=ERROR", log("api", 1, severity_text="NOTICE")) == [0]
    assert found("level<=FATAL", log("api", 1, severity_text="NOTICE")) == []


def test_levels_in_order():
    rows = [log("api", 1, severity_number=number) for number in (0, 1, 9, 13, 17, 24)]

    assert found("level>=WARN", *rows) == [3, 4, 5]
    assert found("level>WARN", *rows) == [4, 5]
    assert found("level<WARN", *rows) == [1, 2]
    assert found("level<=WARN", *rows) == [1, 2, 3]
    assert found("level>FATAL OR level<TRACE", *rows) == []


def test_text_and_numbers_of_attributes_differ():
    number, text = log("a", 1, attributes={"k": 5}), log("a", 1, attributes={"k": "5"})

    assert found("k=5", number, text) == [0]
    assert found('k="5"', number, text) == [0, 1]
    assert found("k<10", number, text) == [0]
    assert found('k<"10"', number, text) == []
    assert found("k!=6", number, text, log("a", 1)) == [0, 1]


def test_levels_of_attributes():
    rows = [
        log("a", 1, attributes={"k": "v"}),
        log("a", 1, resource={"k": "v"}),
        log("a", 1, scope_attributes={"k": "v"}),
    ]

    assert found("k=v", *rows) == [0, 1, 2]
    assert found("attributes.k=v", *rows) == [0]
    assert found("log.`k`=v", *rows) == [0]
    assert found("resource.k=v", *rows) == [1]
    assert found("scope.k=v", *rows) == [2]


def test_spans():
    rows = [
        span("api", 1, 500_000_000, name="GET /", kind=2, status_code=2, scope_name="lib"),
        span("db", 1, 20_000_000, name="SELECT", kind=3, trace_id=b"\1" * 16),
    ]

    def spans(text):
        return found(text, *rows, signal=Signal.TRACES)

    assert spans("error=true") == spans("status=error") == spans("error!=false") == [0]
    assert spans("error=false") == spans("status!=error") == [1]
    assert spans("duration>=500ms AND kind=server") == [0]
    assert spans(f"trace_id={'01' * 16}") == [1]
    assert spans("service=db OR scope.name=lib") == [0, 1]


def test_points():
    rows = [
        point("api", 1, "up", metric_type=5, value_int=1),
        point("api", 1, "load", metric_type=5, value_double=0.5),
        point("api", 1, "time", metric_type=9, count=3),
    ]

    def points(text):
        return found(text, *rows, signal=Signal.METRICS)

    assert points("value>=0.5") == [0, 1]
    assert points("type=histogram") == points("name=time") == [2]


def test_an_empty_query_asks_for_everything():
    assert check(parse(" \n "), Signal.LOGS).where is None


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_quoted_text_is_data_wherever_it_stands(text):
    name, value = tree.Name(text, quoted=True), tree.Value(text, quoted=True)
    query = tree.Query(tree.Comparison(name, Operator.EQUAL, value))

    assert check(parse(str(query)), Signal.LOGS).where == plan.Compare(
        AttributeField(text, Level.ANY), Operator.EQUAL, text
    )


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1ns", 1),
        ("1us", 1_000),
        ("1\u00b5s", 1_000),
        ("1\u03bcs", 1_000),
        ("1.000001s", 1_000_001_000),
        ("1m30s", 90 * 10**9),
        ("2w", 14 * 86_400 * 10**9),
        ("1", None),
        ("1s2", None),
        ("s", None),
        ("1M", None),
        ("\u0661s", None),
    ],
)
def test_durations(text, nanoseconds):
    assert literal.duration_ns(text) == nanoseconds


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("text", ["a>true", "a=1e999", "time=x", "resource.=1", "nope.`x`=1"])
def test_mistakes_have_a_place(signal, text):
    with pytest.raises(WrongQuery) as mistake:
        check(parse(text), signal)

    assert mistake.value.place is not None
    assert mistake.value.parameter == "q"
