"""The examples of `query/LANGUAGE.md`."""

import re
from pathlib import Path

import pytest

from pipeline.signal import Signal
from query.language import parse as bounds
from query.language.check import check
from query.language.fields import COLUMNS
from query.language.parse import parse

TEXT = (Path(__file__).parents[3] / "query" / "LANGUAGE.md").read_text()
EXAMPLES = [
    (signal, line)
    for signal, block in re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize(("signal", "text"), EXAMPLES)
def test_an_example_is_right(signal, text):
    query = parse(text)

    assert check(query, Signal(signal), now_ns=1_767_225_600 * 10**9).where is not None
    assert parse(str(query)) == query


def test_the_fields_are_listed():
    listed = set(re.findall(r"`([\w.]+)`", TEXT))
    for fields in COLUMNS.values():
        for kind in set(fields.values()):
            names = {name for name, one in fields.items() if one == kind}
            assert listed & names, names


def test_the_bounds_are_those_of_the_parser():
    assert f"{bounds.LENGTH_MAX} characters, {bounds.CONDITIONS_MAX} conditions" in TEXT
    assert f"{bounds.DEPTH_MAX} levels of nesting, {bounds.VALUES_MAX} values" in TEXT
