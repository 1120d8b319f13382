"""Comparisons of numbers in PostgreSQL's SQL, exact whatever types meet: it casts, and rounds."""

import math
from typing import Final

from pipeline.plan import Operator
from storage.compile.parameters import Bound

_ABOVE: Final = (Operator.GREATER, Operator.GREATER_OR_EQUAL)
_SIGN: Final = 2**63


def whole(stored: str, operator: Operator, value: float, bound: Bound) -> str:
    """Compare an int8 with a number."""
    return _whole(stored, operator, value, bound, 0)


def unsigned(stored: str, operator: Operator, value: float, bound: Bound) -> str:
    """Compare the uint64 whose bits an int8 holds with a number."""
    # With the first bit turned, signed numbers have the order of these.
    return _whole(f"({stored} # '{-_SIGN}'::int8)", operator, value, bound, _SIGN)


def double(stored: str, operator: Operator, value: float, bound: Bound) -> str:
    """Compare a float8 with a number; NaN is above no number, as PostgreSQL would have it."""
    near = float(value)
    if near != value:  # an integer between two doubles
        match operator:
            case Operator.EQUAL | Operator.NOT_EQUAL:
                return _always(operator is Operator.NOT_EQUAL)
            case Operator.LESS | Operator.LESS_OR_EQUAL:
                operator = Operator.LESS_OR_EQUAL
                near = near if near < value else math.nextafter(near, -math.inf)
            case _:
                operator = Operator.GREATER_OR_EQUAL
                near = near if near > value else math.nextafter(near, math.inf)
    test = f"{stored} {operator} {bound(near, 'float8')}"
    return f"({test} AND {stored} <> 'NaN'::float8)" if operator in _ABOVE else test


def _whole(stored: str, operator: Operator, value: float, bound: Bound, shift: int) -> str:
    match operator:
        case Operator.EQUAL | Operator.NOT_EQUAL if value != math.floor(value):
            return _always(operator is Operator.NOT_EQUAL)
        case Operator.LESS | Operator.GREATER_OR_EQUAL:
            number = math.ceil(value)
        case _:
            number = math.floor(value)
    number -= shift
    if number >= _SIGN:
        return _always(operator in {Operator.LESS, Operator.LESS_OR_EQUAL, Operator.NOT_EQUAL})
    if number < -_SIGN:
        return _always(operator in {*_ABOVE, Operator.NOT_EQUAL})
    return f"{stored} {operator} {bound(number, 'int8')}"


def _always(truth: bool) -> str:  # noqa: FBT001 - the one thing that it says
    return "true" if truth else "false"
