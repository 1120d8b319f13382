"""Queries with the conditions that they mean and their SQL, or the mistake in them.

In `<name>.txt` a query stands after `?`; below it the condition and
its SQL with the values that are bound; after `~` a warning, after `!` the mistake.
`AURA_GOLDEN=write pytest tests/golden/query` writes the answers anew; read the difference.
"""

import os

import pytest

from query.language.check import check
from query.language.parse import parse
from query.wrong import WrongQuery
from storage.compile.condition import Conditions
from storage.compile.parameters import Parameters
from storage.fields import check as fits
from tests.golden.query.conditions import CORPORA, FOLDER, NOW, printed, queries


def answer(text, corpus):
    try:
        query = parse(text)
        assert parse(str(query)) == query
        checked = check(query, corpus.signal, seen=corpus.seen, now_ns=NOW)
    except WrongQuery as mistake:
        return [f"! {mistake}"]
    lines = [printed(checked.where), *(f"~ {one}" for one in checked.warnings)]
    if checked.where is not None:
        fits(corpus.signal, checked.where)
        lines += sql(checked.where, corpus.signal)
    return lines


def sql(where, signal):
    parameters = Parameters()
    tenant = parameters.add("tenant", "String")
    text = Conditions(signal, tenant, parameters).sql(where)
    bound = [f"{name}={value!r}" for name, value in parameters.bound.items()]
    return [text, " ".join(bound[1:])]


@pytest.mark.parametrize("corpus", CORPORA, ids=lambda corpus: corpus.name)
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
    every = [queries(corpus.name) for corpus in CORPORA]

    assert sum(map(len, every)) >= 400
    assert all(len(one) == len(set(one)) for one in every)
