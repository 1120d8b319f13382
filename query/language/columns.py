"""What a value must be for a column, by the column's kind; each kind makes a condition of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from pipeline import plan
from pipeline.plan import Operator
from query.language import literal
from query.language.tree import Value
from query.wrong import WrongQuery, shown

INT64_MAX: Final = 2**63 - 1
EQUALITY: Final = (Operator.EQUAL, Operator.NOT_EQUAL)


class Kind(Protocol):
    """A kind of column: types the value and makes the condition."""

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the condition; raises WrongQuery at the value when it does not fit."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """Text, compared as it is; a bare number is text as well, but has no order as text."""

    column: str

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison of the column's text with what was written."""
        if operator not in EQUALITY and not value.quoted and (kind := literal.kind(value.text)):
            raise _expected(value, f'text for "{operator}"', kind)
        return plan.Compare(plan.Column(self.column), operator, value.text)


@dataclass(frozen=True, slots=True)
class Number:
    """A number: 64-bit integers only when `whole`."""

    column: str
    whole: bool = False

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison with the number."""
        what = "a whole number" if self.whole else "a number"
        read = None if value.quoted else literal.number(value.text)
        if read is None or (self.whole and isinstance(read, float)):
            raise _expected(value, what)
        return plan.Compare(plan.Column(self.column), operator, bounded(read, value))


@dataclass(frozen=True, slots=True)
class Duration:
    """Nanoseconds; a value has its unit, as a number alone could mean anything."""

    column: str

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison with the nanoseconds."""
        read = literal.duration_ns(value.text)
        if read is None:
            raise _expected(value, "a duration with its unit (500ms, 1s, 1m30s)")
        return plan.Compare(plan.Column(self.column), operator, int(bounded(read, value)))


@dataclass(frozen=True, slots=True)
class Identifier:
    """An ID of so many bytes, written as hexadecimal digits; all zeros finds records without."""

    column: str
    size: int

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison with the bytes."""
        only_equality(operator, "an ID", value)
        digits = 2 * self.size
        if len(value.text) != digits or not set(value.text) <= set("0123456789abcdefABCDEF"):
            raise _expected(value, f"{digits} hexadecimal digits")
        return plan.Compare(plan.Column(self.column), operator, bytes.fromhex(value.text))


@dataclass(frozen=True, slots=True)
class Choice:
    """One of OTLP's named numbers; its name in any case, with or without OTLP's prefix."""

    column: str
    choices: Mapping[str, int] = field(hash=False)
    prefix: str = ""
    hint: str = ""

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison with the number of the name."""
        only_equality(operator, "a name", value)
        number = self.choices.get(value.text.lower().removeprefix(self.prefix))
        if number is None:
            raise _expected(value, f"one of {', '.join(self.choices)}{self.hint}")
        return plan.Compare(plan.Column(self.column), operator, number)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    column: str

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison with the bool."""
        return plan.Compare(plan.Column(self.column), operator, boolean(operator, value))


@dataclass(frozen=True, slots=True)
class Failed:
    """`error=true`: the span's status is an error; a flag that is no column of its own."""

    column: str
    code: int

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison of the status code."""
        wanted = boolean(operator, value) is (operator is Operator.EQUAL)
        equal = Operator.EQUAL if wanted else Operator.NOT_EQUAL
        return plan.Compare(plan.Column(self.column), equal, self.code)


def boolean(operator: Operator, value: Value) -> bool:
    """Return the bool; raises WrongQuery for anything else."""
    read = None if value.quoted else literal.boolean(value.text)
    if read is None:
        raise _expected(value, "true or false")
    only_equality(operator, "true or false", value)
    return read


def only_equality(operator: Operator, what: str, value: Value) -> None:
    """Refuse an operator that needs an order."""
    if operator not in EQUALITY:
        raise WrongQuery(f'{what} has no order: expected = or !=, found "{operator}"', value.place)


def bounded(number: float, value: Value) -> int | float:
    """Return the number; raises WrongQuery when 64 bits do not hold it."""
    if isinstance(number, float):
        fits = math.isfinite(number)
    else:
        fits = -INT64_MAX - 1 <= number <= INT64_MAX
    if not fits:
        raise _expected(value, "a number of at most 64 bits")
    return number


def _expected(value: Value, what: str, kind: str = "") -> WrongQuery:
    found = f"the {kind} {shown(value)}" if kind else shown(value)
    return WrongQuery(f"expected {what}, found {found}", value.place)
