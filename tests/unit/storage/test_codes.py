"""Codes stand for values: equal where they are equal, and for nothing else."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from storage import codes
from storage.codes import coded, combined, firsts, numbered, several

ROWS = st.lists(st.tuples(st.text(max_size=2), st.integers(0, 3), st.booleans()))


@given(ROWS, st.booleans())
def test_several_keeps_the_first_row_of_each_combination(rows, encoded):
    columns = [pa.array([row[at] for row in rows], kind) for at, kind in enumerate(KINDS)]
    if encoded:
        columns[0] = columns[0].dictionary_encode()
    table = pa.table([*columns, pa.array(range(len(rows)), pa.int64())], ["a", "b", "c", "row"])

    found = several(table, ["a", "b", "c"])

    first = {row: at for at, row in reversed(list(enumerate(rows)))}
    assert sorted(found["row"].to_pylist()) == sorted(first.values())


KINDS = (pa.utf8(), pa.uint8(), pa.bool_())


def test_many_large_columns_do_not_run_over(monkeypatch):
    monkeypatch.setattr(codes, "_CODE_MAX", 50)
    columns = [np.array(values) for values in ([0, 1, 0, 1], [9, 0, 9, 3], [4, 4, 4, 5])]

    assert numbered(combined(columns)).tolist() == [0, 1, 0, 2]


def test_few_rows_with_large_codes_take_no_large_table():
    assert firsts(np.array([2**61, 5, 2**61])).tolist() == [0, 1]


def test_a_dictionary_that_repeats_a_value_gives_it_one_code():
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array(["x", "x", "y"]))

    numbers, values = coded(column)

    assert numbers.tolist() == [0, 0, 1]
    assert values.to_pylist() == ["x", "y"]
