"""Series that were written are known, whatever their numbers; others never are."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from storage import written
from storage.written import Written

FEW = st.integers(0, 3)
SERIES = st.tuples(st.sampled_from(["a", "b"]), FEW, FEW, FEW)


def table(series):
    tenants, ids, variants, days = zip(*series, strict=True)
    return pa.table(
        {
            "tenant": pa.array(tenants).dictionary_encode(),
            "series_id": pa.array(ids, pa.uint64()),
            "variant": pa.array(variants, pa.uint64()),
            "expires_day": pa.array(days, pa.uint16()),
        }
    )


def lacking(known, series):
    lacks = known.lacks(known.rows(table(series)))
    return [one for one, lacked in zip(series, lacks.tolist(), strict=True) if lacked]


def add(known, series):
    known.add(known.rows(table(series)))


@given(st.lists(st.lists(SERIES, min_size=1, unique=True), max_size=5))
def test_lacking_are_those_that_were_not_added(groups):
    known, added = Written(10_000), set()
    for group in groups:
        fresh = [one for one in group if one not in added]

        assert lacking(known, group) == fresh
        if fresh:
            add(known, fresh)
            added |= set(fresh)


def test_a_row_is_not_taken_for_another_of_the_same_number(monkeypatch):
    monkeypatch.setattr(written, "_mixed", lambda rows: np.zeros(len(rows), np.uint64))
    known = Written(10)
    add(known, [("a", 1, 1, 1)])

    assert lacking(known, [("a", 1, 1, 1), ("a", 2, 1, 1)]) == [("a", 2, 1, 1)]


def test_beyond_its_size_it_begins_anew():
    known = Written(3)
    add(known, [("a", 1, 1, 1), ("a", 2, 1, 1)])
    add(known, [("a", 3, 1, 1), ("a", 4, 1, 1)])

    assert lacking(known, [("a", 1, 1, 1), ("a", 3, 1, 1)]) == [("a", 1, 1, 1)]
    add(known, [("a", at, 1, 1) for at in range(9)])
    assert len(lacking(known, [("a", at, 1, 1) for at in range(9)])) == 6


def test_a_forgotten_tenant_is_not_taken_for_another(monkeypatch):
    monkeypatch.setattr(written, "_TENANTS_MAX", 1)
    known = Written(10)
    add(known, [("a", 1, 1, 1)])

    assert lacking(known, [("b", 1, 1, 1)]) == [("b", 1, 1, 1)]
    assert lacking(known, [("a", 1, 1, 1)]) == [("a", 1, 1, 1)]
