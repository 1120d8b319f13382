"""Queries with stages, or about whole traces, with their plans and their SQL, or the mistake.

The files are as those of `test_conditions.py`, and written anew in the same way.
"""

import os
import re

import pytest

from pipeline.plan import Path, Table, Traces
from query.config import Limits
from query.language.check import check
from query.language.parse import parse
from query.plans import Asked
from query.wrong import WrongQuery
from storage.compile import table as tables
from storage.compile import whole
from storage.pattern import leaves
from tests.golden.query.conditions import (
    FOLDER,
    NOW,
    TABLES,
    WHOLE,
    made,
    printed,
    queries,
    stage,
)

EVERY = (*TABLES, WHOLE)


def answer(text, corpus):
    try:
        query = parse(text)
        assert parse(str(query)) == query
        checked = check(query, corpus.signal, seen=corpus.seen, now_ns=NOW)
    except WrongQuery as mistake:
        return [f"! {mistake}"]
    plan = Asked(corpus.signal, "acme", NOW - 3600 * 10**9, NOW, 100).plan(checked, Limits())
    lines = [*told(plan), *(f"~ {one}" for one in checked.warnings)]
    return [*lines, *(line for one in statements(plan) for line in shown(one))]


def told(plan):
    match plan:
        case Table():
            return [
                f"{printed(plan.where)}; {made(plan.columns) or 'no columns'}",
                *(f"| {stage(one)}" for one in plan.stages),
            ]
        case Traces(whole=asked) if asked is not None:
            return [printed(asked)]
    return [printed(plan.where)]


def statements(plan):
    match plan:
        case Table():
            yield tables.table(plan)
        case Traces(whole=asked) if asked is not None:
            yield whole.candidates(plan, asked)
            paths = [one for one in leaves(asked) if isinstance(one, Path) and one.relations]
            if paths:
                yield whole.spans(plan, ["AB"], [step for one in paths for step in one.steps])
            others = [one for one in leaves(asked) if one not in paths]
            if others:
                yield whole.facts(plan, ["AB"], others)


# The points of all kinds and their series: said in full once, in tests/golden/sql.
POINTS = re.compile(
    r"\(SELECT series_id.*?AS points\nSEMI.*?USING \(series_id, variant\)", re.DOTALL
)


def shown(statement):
    bound = [f"{name}={value!r}" for name, value in statement.parameters.items()]
    return [POINTS.sub("(points)", statement.sql), " ".join(bound)]


@pytest.mark.parametrize("corpus", EVERY, ids=lambda corpus: corpus.name)
def test_each_query_means_what_it_meant(corpus):
    file = FOLDER / f"{corpus.name}.txt"
    entries = [
        "\n".join([f"? {text}".rstrip(), *(f"  {line}" for line in answer(text, corpus)), ""])
        for text in queries(corpus.name)
    ]
    if os.environ.get("AURA_GOLDEN") == "write":
        file.write_text("\n".join(entries))

    assert "\n".join(entries) == file.read_text()


def test_the_corpus_is_large_and_says_nothing_twice():
    every = [queries(corpus.name) for corpus in EVERY]

    assert sum(map(len, every)) >= 250
    assert all(len(one) == len(set(one)) for one in every)
