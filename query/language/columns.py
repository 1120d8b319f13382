"""What a value must be for a column, by the column's kind; each kind makes a condition of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from pipeline import plan, search
from pipeline.plan import Column, Operator, Search
from query.language import literal, moment
from query.language.tree import Value
from query.wrong import WrongQuery, shown

INT64_MAX: Final = 2**63 - 1
EQUALITY: Final = (Operator.EQUAL, Operator.NOT_EQUAL)


class Kind(Protocol):
    """A kind of column: types the value and makes the condition."""

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the condition; raises WrongQuery at the value when it does not fit."""
        ...

    def exists(self) -> plan.Condition | None:
        """Return the condition that a value was sent; None where every record has one."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """Text, compared as it is; a bare number is text as well, but has no order as text."""

    column: str

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison of the column's text with what was written."""
        if operator not in EQUALITY and not value.quoted and (kind := literal.kind(value.text)):
            raise _expected(value, f'text for "{operator}"', kind)
        return plan.Compare(Column(self.column), operator, value.text)

    def exists(self) -> plan.Condition | None:
        """Return where the text is not empty."""
        return plan.Compare(Column(self.column), Operator.NOT_EQUAL, "")


@dataclass(frozen=True, slots=True)
class Number:
    """A number: when `whole` 64-bit integers only, else also a size, which is its bytes."""

    column: str
    whole: bool = False

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison with the number."""
        what = "a whole number" if self.whole else "a number"
        read = None if value.quoted else literal.number(value.text)
        if read is None and not (self.whole or value.quoted):
            read = literal.size(value.text)
        if read is None or (self.whole and isinstance(read, float)):
            raise _expected(value, what)
        return plan.Compare(Column(self.column), operator, bounded(read, value))

    def exists(self) -> plan.Condition | None:
        """Return where the number is not the default of OTLP, or if it has none where it is set."""
        unlike = plan.Compare(Column(self.column), Operator.NOT_EQUAL, 0)
        if self.whole:
            return unlike
        # NaN, too, differs from 0; where no value is set, no comparison holds.
        return plan.Or((unlike, plan.Compare(Column(self.column), Operator.EQUAL, 0)))


@dataclass(frozen=True, slots=True)
class Duration:
    """Nanoseconds; a value has its unit, as a number alone could mean anything."""

    column: str

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison with the nanoseconds."""
        read = literal.duration_ns(value.text)
        if read is None:
            raise _expected(value, "a duration with its unit (500ms, 1s, 1m30s)")
        return plan.Compare(Column(self.column), operator, int(bounded(read, value)))

    def exists(self) -> plan.Condition | None:
        """Return None: it is never unknown."""
        return None


@dataclass(frozen=True, slots=True)
class Time:
    """Unix nanoseconds; `now_ns` is None where a condition has no time of its own to be asked."""

    column: str
    now_ns: int | None = None

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison with the time."""
        if self.now_ns is None and value.text.startswith("now"):
            raise _expected(value, "a fixed time")
        time_ns = moment.read(value.text, self.now_ns or 0)
        if time_ns is None:
            raise _expected(value, f"a time such as {moment.EXAMPLES}")
        if not 0 <= time_ns <= moment.TIME_NS_MAX:
            raise _expected(value, "a time between 1970 and 2262")
        return plan.Compare(Column(self.column), operator, time_ns)

    def exists(self) -> plan.Condition | None:
        """Return where a time was sent."""
        return plan.Compare(Column(self.column), Operator.NOT_EQUAL, 0)


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
        return plan.Compare(Column(self.column), operator, bytes.fromhex(value.text))

    def exists(self) -> plan.Condition | None:
        """Return where the ID is not all zeros."""
        return plan.Compare(Column(self.column), Operator.NOT_EQUAL, bytes(self.size))


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
        return plan.Compare(Column(self.column), operator, number)

    def exists(self) -> plan.Condition | None:
        """Return where it is specified."""
        return plan.Compare(Column(self.column), Operator.NOT_EQUAL, 0)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    column: str

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison with the bool."""
        return plan.Compare(Column(self.column), operator, boolean(operator, value))

    def exists(self) -> plan.Condition | None:
        """Return None: it is never unknown."""
        return None


@dataclass(frozen=True, slots=True)
class Failed:
    """`error=true`: the span's status is an error; a flag that is no column of its own."""

    column: str
    code: int

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison of the status code."""
        wanted = boolean(operator, value) is (operator is Operator.EQUAL)
        equal = Operator.EQUAL if wanted else Operator.NOT_EQUAL
        return plan.Compare(Column(self.column), equal, self.code)

    def exists(self) -> plan.Condition | None:
        """Return None: it is never unknown."""
        return None


def searched(how: Search, value: Value) -> str:
    """Return what is searched for; raises WrongQuery when it is empty, too long or no pattern."""
    if not value.text:
        raise WrongQuery("expected a text to look for, found an empty one", value.place)
    if len(value.text) > search.TEXT_MAX:
        raise WrongQuery(
            f"a text to look for has at most {search.TEXT_MAX} characters, found {len(value.text)}",
            value.place,
        )
    if how is Search.MATCH and (fault := search.fault(value.text)):
        raise WrongQuery(
            f"expected a regular expression (RE2), found {shown(value)}: {fault}", value.place
        )
    return value.text


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
