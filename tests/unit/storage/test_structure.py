"""Paths through the spans of traces."""

import time

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline import schema
from pipeline.plan import And, Column, Compare, Find, Not, Operator, Or, Path, Relation, Search
from storage.pattern import holds, leaves, possible, seeds
from storage.structure import Spans

CHILD, BELOW = Relation.CHILD, Relation.DESCENDANT


def spans(rows, *flags):
    """Return the spans (trace, id, parent) with the steps that each fits."""
    columns = [
        pa.array([one.to_bytes(size, "big") for one in ids], kind)
        for ids, size, kind in zip(
            zip(*rows, strict=True), (16, 8, 8),
            (schema.TRACE_ID, schema.SPAN_ID, schema.SPAN_ID), strict=True,
        )
    ]  # fmt: skip
    table = pa.Table.from_arrays(columns, names=["trace_id", "span_id", "parent_span_id"])
    return Spans(table), [pa.chunked_array([pa.array(map(bool, one))]) for one in flags]


def met(rows, relations, *flags):
    found, steps = spans(rows, *flags)
    ids = found.meet(steps, relations).to_pylist()
    return sorted(int.from_bytes(one, "big") for one in ids)


def test_a_child_lies_at_once_below_and_a_descendant_anywhere():
    chain = [(1, 1, 0), (1, 2, 1), (1, 3, 2)]

    assert met(chain, (CHILD,), [1, 0, 0], [0, 1, 0]) == [1]
    assert met(chain, (CHILD,), [1, 0, 0], [0, 0, 1]) == []
    assert met(chain, (BELOW,), [1, 0, 0], [0, 0, 1]) == [1]
    assert met(chain, (BELOW,), [0, 0, 1], [1, 0, 0]) == []
    assert met(chain, (BELOW, CHILD), [1, 0, 0], [0, 1, 0], [0, 0, 1]) == [1]


def test_a_parent_of_another_trace_is_none():
    assert met([(1, 1, 0), (2, 2, 1)], (CHILD,), [1, 0], [0, 1]) == []


def test_a_circle_ends():
    circle = [(1, 1, 2), (1, 2, 1), (1, 3, 3)]

    assert met(circle, (BELOW,), [1, 0, 0], [1, 0, 0]) == [1]
    assert met(circle, (BELOW,), [0, 0, 1], [0, 0, 1]) == [1]
    assert met(circle, (BELOW,), [0, 0, 1], [1, 1, 0]) == []


def test_no_spans_have_no_path():
    empty = schema.SPANS.empty_table()
    none = pa.chunked_array([pa.array([], pa.bool_())])
    assert Spans(empty).meet([none, none], (BELOW,)).to_pylist() == []


def test_a_chain_of_a_hundred_thousand_spans_is_walked_at_once():
    size = 100_000
    chain = [(1, number + 1, number) for number in range(size)]
    first = [number == 0 for number in range(size)]
    last = [number == size - 1 for number in range(size)]
    found, steps = spans(chain, first, last)
    before = time.process_time()
    assert len(found.meet(steps, (BELOW,))) == 1
    assert time.process_time() - before < 1


edges = st.lists(
    st.tuples(
        st.integers(1, 2), st.integers(1, 6), st.integers(0, 7), st.booleans(), st.booleans()
    ),
    min_size=1,
    max_size=12,
)


@given(edges)
def test_descendants_are_those_of_a_walk_from_parent_to_parent(rows):
    named: dict[tuple[int, int], int] = {}
    for trace, own, parent, _, _ in rows:
        if parent:
            named[trace, own] = min(parent, named.get((trace, own), parent))
    ids = {(trace, own) for trace, own, *_ in rows}
    above = {(trace, own) for trace, own, _, a, _ in rows if a}
    expected = set()
    for trace, own, _, _, b in rows:
        up, seen = named.get((trace, own)), set()
        while b and up is not None and (trace, up) in ids and up not in seen:
            if (trace, up) in above:
                expected.add(trace)
            seen.add(up)
            up = named.get((trace, up))
    flags = [[row[at] for row in rows] for at in (3, 4)]
    assert met([row[:3] for row in rows], (BELOW,), *flags) == sorted(expected)


A = Compare(Column("name"), Operator.EQUAL, "a")
B = Compare(Column("name"), Operator.EQUAL, "b")
MANY = Compare(Column("span_count"), Operator.GREATER, 5)


def test_seeds_are_spans_without_which_no_trace_matches():
    assert seeds(Path((A, B), (BELOW,))) == (A, B)
    assert seeds(And((Path((A,)), MANY))) == (A,)
    assert seeds(Or((Path((A,)), Path((B,))))) == (A, B)
    for anything in (Or((Path((A,)), MANY)), Not(Path((A,))), MANY, Path((None,)), And(()), Or(())):
        assert seeds(anything) == ()


def test_what_is_possible_asks_for_each_step():
    found = possible(And((Path((A, None, B), (BELOW, CHILD)), Not(Path((A,))), MANY)))

    assert found == And((And((Path((A,)), Path((B,)))), And(()), And(())))


def test_a_condition_holds_by_its_leaves():
    name = Find(Column("root_name"), Search.CONTAINS, "x")
    asked = Or((And((Path((A,)), Not(MANY))), name))
    told = dict(zip(map(repr, leaves(asked)), ([1, 1, 0], [0, 1, 0], [0, 0, 1]), strict=True))
    every = np.ones(3, np.bool_)
    found = holds(asked, lambda leaf: np.array(told[repr(leaf)], np.bool_), every)

    assert found.tolist() == [True, False, True]
    assert holds(And(()), lambda _: every, every).tolist() == [True] * 3
    assert not holds(Or(()), lambda _: every, every).any()
