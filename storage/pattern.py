"""What is asked of a trace as a whole, taken apart: the same for every backend."""

from collections.abc import Callable, Iterator
from typing import TypeAlias, TypeVar

import numpy as np

from pipeline.plan import And, Compare, Condition, Find, Not, Or, Path

Leaf: TypeAlias = Path | Compare | Find
Truth = TypeVar("Truth", bool, "np.ndarray[tuple[int], np.dtype[np.bool_]]")


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Yield the paths and comparisons of a condition that `fields.check_whole` let through."""
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case Path() | Compare() | Find():
            yield condition
        case _:
            raise TypeError(condition)


def holds(condition: Condition, told: Callable[[Leaf], Truth], every: Truth) -> Truth:
    """Return whether it holds, by what is told of its leaves; `every` is true."""
    match condition:
        case And(parts):
            found = every
            for part in parts:
                found = found & holds(part, told, every)
            return found
        case Or(parts):
            found = every ^ every
            for part in parts:
                found = found | holds(part, told, every)
            return found
        case Not(part):
            return every ^ holds(part, told, every)
        case Path() | Compare() | Find():
            return told(condition)
    raise TypeError(condition)


def seeds(condition: Condition) -> tuple[Condition, ...]:
    """
    Return conditions of which each trace that matches has a span that meets one.

    None at all where a trace may match whatever its spans are. A trace is as new as the newest of
    these spans.
    """
    match condition:
        case Path(steps):
            return tuple(one for one in steps if one is not None)
        case And(parts):
            return tuple(one for part in parts for one in seeds(part))
        case Or(parts):
            each = [seeds(part) for part in parts]
            return tuple(one for some in each for one in some) if all(each) else ()
        case _:
            return ()


def possible(condition: Condition) -> Condition:
    """Return what a trace that matches surely meets, in paths of one step: all that is cheap."""
    match condition:
        case And(parts):
            return And(tuple(map(possible, parts)))
        case Or(parts):
            return Or(tuple(map(possible, parts)))
        case Path(steps):
            return And(tuple(Path((one,)) for one in steps if one is not None))
        case _:
            return And(())
