"""What is remembered, and what is forgotten first."""

import numpy as np

from storage.timescale.seen import Seen


def numbers(*values):
    return np.array(values, np.int64)


def test_what_was_added_is_seen():
    seen = Seen(100)
    assert seen.fresh(numbers(1, -(2**63), 1)).all()

    seen.add(numbers(1, -(2**63)))
    seen.add(numbers(7))

    assert seen.fresh(numbers(1, 2, 7, -(2**63))).tolist() == [False, True, False, False]


def test_what_was_not_met_for_longest_is_forgotten():
    seen = Seen(8)
    for at in range(20):
        seen.add(numbers(0, at))  # zero is met again and again

    fresh = seen.fresh(np.arange(20))

    assert not fresh[0]
    assert not fresh[-3:].any()
    assert 4 <= (~fresh).sum() <= 8


def test_it_never_holds_more_than_its_size():
    seen = Seen(10)
    for at in range(0, 1000, 100):
        seen.add(np.arange(at, at + 100))
        assert len(seen._young) + len(seen._old) <= 10
