"""Plans and the SQL that they become: `<name>.sql`.

`AURA_GOLDEN=write pytest tests/golden/sql` writes the files anew; read the difference.
"""

import os
from pathlib import Path

import pytest

from pipeline.plan import (
    And,
    AttributeField,
    Changes,
    Column,
    Compare,
    Head,
    Ledger,
    Level,
    Not,
    Operator,
    Or,
    Positions,
    Reached,
    Records,
    Trace,
    Traces,
)
from pipeline.signal import Signal
from storage.compile import clickhouse as compiled
from storage.compile import ledger
from storage.compile.changes import changes

FOLDER = Path(__file__).parent
DAY = 86_400 * 10**9


def compare(field, operator, value):
    return Compare(Column(field) if isinstance(field, str) else field, Operator(operator), value)


def attribute(key, operator, value, level=Level.ANY):
    return compare(AttributeField(key, level), operator, value)


def records(signal, where=None):
    return compiled.records(Records(signal, "acme", DAY, 2 * DAY, where, 100))


def spans(where=None):
    return records(Signal.TRACES, where)


def logs(where=None):
    return records(Signal.LOGS, where)


def points(where=None):
    return records(Signal.METRICS, where)


HEADS = (Head(0, 1, 40, 9), Head(2, 3, 20, 7))
SLOW = compare("duration_ns", ">", 5_000_000)
STATEMENTS = {
    "spans_all": spans(),
    "spans_service": spans(compare("service_name", "=", "api")),
    "spans_duration": spans(SLOW),
    "spans_parent": spans(compare("parent_span_id", "=", bytes(8))),
    "spans_scope_name": spans(compare("scope_name", "!=", "lib")),
    "spans_attribute_any_text": spans(attribute("http.route", "=", "/x")),
    "spans_attribute_any_not": spans(attribute("http.route", "!=", "/x")),
    "spans_attribute_record_whole": spans(attribute("retries", "=", 3, Level.RECORD)),
    "spans_attribute_record_zero": spans(attribute("ratio", "=", 0.0, Level.RECORD)),
    "spans_attribute_record_above": spans(attribute("ratio", ">=", 0.5, Level.RECORD)),
    "spans_attribute_resource_flag": spans(attribute("canary", "=", True, Level.RESOURCE)),
    "spans_attribute_scope_below": spans(attribute("version", "<", "2", Level.SCOPE)),
    "spans_nested": spans(
        And((compare("kind", "=", 2), Or((SLOW, Not(compare("status_code", "=", 2))))))
    ),
    "spans_nothing": spans(Or(())),
    "spans_hostile": spans(attribute("'; DROP TABLE spans; --", "=", "{p0:String}", Level.RECORD)),
    "logs_all": logs(),
    "logs_body": logs(compare("body", "=", "hello")),
    "logs_severity": logs(compare("severity_number", ">=", 17)),
    "logs_trace": logs(compare("trace_id", "=", bytes(range(16)))),
    "points_all": points(),
    "points_name": points(compare("metric_name", "=", "cpu")),
    "points_value": points(compare("value", ">", 0.5)),
    "points_name_and_value": points(
        And((compare("metric_name", "=", "cpu"), compare("value", "!=", 1)))
    ),
    "points_series_or_value": points(
        Or((attribute("host", "=", "h1", Level.RECORD), compare("value", "=", 1)))
    ),
    "traces_matching": compiled.matching(Traces("acme", DAY, 2 * DAY, SLOW, 20)),
    "traces_summaries": compiled.summaries("acme", ["00" * 16, "FF" * 16]),
    "ledger": ledger.ledger(
        Ledger("acme", DAY, 2 * DAY, DAY, 3 * DAY, (Reached(Signal.LOGS, 0, 2, 9),))
    ),
    "ledger_positions": ledger.positions(Positions(1)),
    "changes": changes(Changes(Signal.METRICS, "acme", DAY, 2 * DAY, HEADS, 1)),
    "trace": compiled.trace(Trace("acme", bytes(range(16)), 1000)),
}


def printed(statement):
    bound = "".join(f"-- {name}: {value!r}\n" for name, value in statement.parameters.items())
    return f"{bound}{statement.sql}\n"


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_plan_becomes_the_sql_that_it_became(name):
    file = FOLDER / f"{name}.sql"
    if os.environ.get("AURA_GOLDEN") == "write":
        file.write_text(printed(STATEMENTS[name]))

    assert printed(STATEMENTS[name]) == file.read_text()


def test_each_file_has_its_plan():
    assert {file.stem for file in FOLDER.glob("*.sql")} == set(STATEMENTS)


def test_no_value_is_part_of_the_text():
    hostile = STATEMENTS["spans_hostile"]

    assert "DROP" not in hostile.sql
    assert "'; DROP TABLE spans; --" in hostile.parameters.values()
