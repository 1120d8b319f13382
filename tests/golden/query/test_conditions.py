"""Queries and the conditions that they mean, or the mistake in them: `<signal>.txt`.

`AURA_GOLDEN=write pytest tests/golden/query` writes the answers anew; read the difference.
"""

import os
from pathlib import Path

import pytest

from pipeline.signal import Signal
from query.language.check import check
from query.language.parse import parse
from query.wrong import WrongQuery
from tests.golden.query.conditions import printed

FOLDER = Path(__file__).parent


def queries(signal):
    lines = (FOLDER / f"{signal}.txt").read_text().splitlines()
    return [line[2:] for line in lines if line.startswith("?")]


def answer(text, signal):
    try:
        query = parse(text)
        assert parse(str(query)) == query
        return printed(check(query, signal))
    except WrongQuery as mistake:
        return f"! {mistake}"


@pytest.mark.parametrize("signal", Signal)
def test_each_query_means_what_it_meant(signal):
    file = FOLDER / f"{signal}.txt"
    entries = [f"? {text}".rstrip() + f"\n  {answer(text, signal)}\n" for text in queries(signal)]
    if os.environ.get("AURA_GOLDEN") == "write":
        file.write_text("\n".join(entries))

    assert "\n".join(entries) == file.read_text()


def test_the_corpus_is_large():
    assert sum(len(queries(signal)) for signal in Signal) >= 200
