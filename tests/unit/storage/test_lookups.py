"""Resources and scopes are looked up once for all statements of a plan, when they are few."""

import pyarrow as pa
import pytest

from pipeline.plan import And, AttributeField, Column, Compare, Level, Operator, Or, Records, Traces
from pipeline.signal import Signal
from storage.answers import LISTED
from storage.compile import clickhouse as compiled
from storage.compile.lookups import lookups

POD = Compare(AttributeField("pod", Level.ANY), Operator.EQUAL, "p1")
OWN = Compare(AttributeField("user", Level.RECORD), Operator.EQUAL, "ann")
LIBRARY = Compare(Column("scope_name"), Operator.EQUAL, "lib")


def traces(where):
    return Traces("a", 0, 10, where, 20)


def answer(*found):
    rows = [{"place": place, "text": text} for place, texts in enumerate(found) for text in texts]
    return pa.Table.from_pylist(rows, schema=LISTED)


@pytest.mark.parametrize(
    "plan",
    [
        traces(None),
        traces(OWN),
        traces(Or((POD,) * 9)),
        Records(Signal.METRICS, "a", 0, 10, POD, 20),
    ],
    ids=["no condition", "its own attributes", "too many", "points"],
)
def test_nothing_is_looked_up_for(plan):
    assert lookups(plan) is None


def test_what_was_found_stands_in_the_statements_instead_of_a_subquery():
    plan = traces(And((POD, LIBRARY)))
    asked = lookups(plan)
    assert asked.count == 3
    assert asked.statement.sql.count("FROM resources") == 1
    assert asked.statement.sql.count("FROM scopes") == 2

    statement = compiled.matching(plan, asked.listed(answer(["one", "two"], [], ["lib"])))

    assert "SELECT text" in compiled.matching(plan).sql
    assert "SELECT text" not in statement.sql
    assert "false" not in statement.sql
    assert [
        one for one in statement.parameters.values() if isinstance(one, list) and one != ["p1"]
    ] == [["one", "two"], ["lib"]]


def test_a_condition_that_finds_nothing_in_lists_is_false():
    plan = Records(Signal.LOGS, "a", 0, 10, LIBRARY, 20)

    assert " AND false " in compiled.records(plan, lookups(plan).listed(answer([]))).sql


@pytest.mark.parametrize("texts", [[f"text {n}" for n in range(65)], ["x" * 40_000]])
def test_texts_that_are_many_or_long_are_looked_up_by_each_statement(texts):
    plan = traces(POD)
    listed = lookups(plan).listed(answer(texts, ["scope"]))

    assert listed == [None, ["scope"]]
    assert compiled.matching(plan, listed).sql.count("SELECT text") == 1
