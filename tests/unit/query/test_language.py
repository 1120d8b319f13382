"""The examples of `query/LANGUAGE.md`."""

import re
from pathlib import Path

import pytest

from pipeline.plan import Function
from pipeline.signal import Signal
from query.config import Limits
from query.language import parse as bounds
from query.language import whole
from query.language.check import check
from query.language.fields import COLUMNS
from query.language.parse import parse
from query.language.stages.scope import COLUMNS_MAX, READ_MAX
from query.language.stages.sort import ORDERS_MAX
from query.language.stages.stats import AGGREGATES_MAX, KEYS_MAX

TEXT = (Path(__file__).parents[3] / "query" / "LANGUAGE.md").read_text()
EXAMPLES = [
    (signal, line)
    for signal, block in re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize(("signal", "text"), EXAMPLES)
def test_an_example_is_right(signal, text):
    query = parse(text)
    checked = check(query, Signal(signal), now_ns=1_767_225_600 * 10**9)

    assert checked.where or checked.whole or checked.stages
    assert parse(str(query)) == query


def test_the_fields_are_listed():
    listed = set(re.findall(r"`([\w.]+)`", TEXT))
    for fields in COLUMNS.values():
        for kind in set(fields.values()):
            names = {name for name, one in fields.items() if one == kind}
            assert listed & names, names
    assert set(whole.FIELDS) <= listed


def test_the_stages_and_functions_are_listed():
    assert set(bounds.STAGES) <= set(re.findall(r"`(\w+)[^`]*`", TEXT))
    for name in (one.value for one in Function if one is not Function.QUANTILE):
        assert f"`{name}(" in TEXT


def test_the_bounds_are_those_of_the_parser():
    assert f"{bounds.LENGTH_MAX} characters, {bounds.CONDITIONS_MAX} conditions" in TEXT
    assert f"{bounds.DEPTH_MAX} levels of nesting, {bounds.VALUES_MAX} values" in TEXT
    assert f"{bounds.STAGES_MAX} stages; {AGGREGATES_MAX} functions, {KEYS_MAX} fields to" in TEXT
    assert f"{READ_MAX} columns that\none stage reads, {COLUMNS_MAX} columns" in TEXT
    assert f"{bounds.STEPS_MAX} spans of a path; {Limits().groups_max:,} groups" in TEXT
    assert f"{Limits().trace_candidates_max:,} at most" in TEXT
    assert KEYS_MAX == ORDERS_MAX
