"""A field of a record as a column of a table, and what a value must be for such a column."""

from dataclasses import dataclass
from typing import Final

from pipeline import plan
from pipeline.plan import Column, Compare, Holds, Labels, Operator
from query.language import columns, literal
from query.language.columns import EQUALITY, Kind, bounded
from query.language.level import ALIASES, LEVELS, Severity, level, spellings
from query.language.tree import Value
from query.wrong import WrongQuery, shown

NUMBERS: Final = (plan.Kind.INTEGER, plan.Kind.NUMBER, plan.Kind.DURATION, plan.Kind.ANY)
"""Kinds that can be summed."""


@dataclass(frozen=True, slots=True)
class Cell:
    """
    A column of a table.

    `labels` are the only texts that it has, when they are known; in order, if they have one.
    `size` is the length of an ID in bytes.
    """

    name: str
    kind: plan.Kind
    labels: tuple[str, ...] = ()
    size: int = 0

    @property
    def said(self) -> str:
        """What it holds, for a person."""
        return _SAID.get(self.kind, f"a {self.kind}")

    def compared(self, now_ns: int | None) -> Kind:
        """Return what compares it."""
        if self.labels:
            return Label(self.name, self.labels)
        match self.kind:
            case plan.Kind.TEXT:
                return columns.Text(self.name)
            case plan.Kind.ANY:
                return Any(self.name)
            case plan.Kind.INTEGER | plan.Kind.NUMBER:
                return columns.Number(self.name)
            case plan.Kind.DURATION:
                return columns.Duration(self.name)
            case plan.Kind.TIME:
                return columns.Time(self.name, now_ns)
            case plan.Kind.FLAG:
                return columns.Flag(self.name)
            case plan.Kind.ID:
                return columns.Identifier(self.name, self.size)


def cell(kind: Kind, name: str) -> tuple[Cell, plan.Expression]:
    """Return the column of that name that a field of a record becomes, and what it is made of."""
    of: plan.Expression
    match kind:
        case columns.Number(column, whole):
            number = plan.Kind.INTEGER if whole else plan.Kind.NUMBER
            return Cell(name, number), Column(column)
        case columns.Duration(column):
            return Cell(name, plan.Kind.DURATION), Column(column)
        case columns.Time(column):
            return Cell(name, plan.Kind.TIME), Column(column)
        case columns.Identifier(column, size):
            return Cell(name, plan.Kind.ID, size=size), Column(column)
        case columns.Choice(column, choices):
            of = Labels(Column(column), tuple((code, text) for text, code in choices.items()))
            return Cell(name, plan.Kind.TEXT, tuple(choices)), of
        case columns.Flag(column):
            return Cell(name, plan.Kind.FLAG), Column(column)
        case columns.Failed(column, code):
            of = Holds(Compare(Column(column), Operator.EQUAL, code))
            return Cell(name, plan.Kind.FLAG), of
        case Severity():
            return Cell(name, plan.Kind.TEXT, LEVELS), _LEVEL
        case columns.Text(column):
            return Cell(name, plan.Kind.TEXT), Column(column)
    raise TypeError(kind)


_SAID: Final = {plan.Kind.TEXT: "text", plan.Kind.FLAG: "true or false", plan.Kind.ID: "an ID"}
_LEVEL: Final = Labels(
    Column("severity_number"),
    tuple((1 + number, LEVELS[number // 4]) for number in range(4 * len(LEVELS))),
    unset=Labels(
        Column("severity_text"),
        tuple(
            (spelt, ALIASES.get(text, text))
            for text in (*LEVELS, *ALIASES)
            for spelt in spellings(text)
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Label(columns.Text):
    """One of some texts, written in any case; levels have an order."""

    names: tuple[str, ...] = ()

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison with the text, or where an order is asked with all that fit."""
        name = self._name(value)
        if operator in EQUALITY:
            return Compare(Column(self.column), operator, name)
        if self.names != LEVELS:
            columns.only_equality(operator, "a name", value)
        at = self.names.index(name)
        fitting = {
            Operator.LESS: self.names[:at],
            Operator.LESS_OR_EQUAL: self.names[: at + 1],
            Operator.GREATER: self.names[at + 1 :],
            Operator.GREATER_OR_EQUAL: self.names[at:],
        }[operator]
        column = Column(self.column)
        return plan.Or(tuple(Compare(column, Operator.EQUAL, one) for one in fitting))

    def _name(self, value: Value) -> str:
        text = level(0, value.text) if self.names == LEVELS else value.text.lower()
        if text not in self.names:
            expected = ", ".join(self.names)
            raise WrongQuery(f"expected one of {expected}, found {shown(value)}", value.place)
        return text


@dataclass(frozen=True, slots=True)
class Any(columns.Text):
    """What only its record knows: a bare number is compared with numbers, all else as text."""

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the comparison."""
        column = Column(self.column)
        if value.quoted:
            return Compare(column, operator, value.text)
        number = literal.number(value.text)
        if number is None:
            number = literal.size(value.text)
        if number is not None:
            return Compare(column, operator, bounded(number, value))
        if operator not in EQUALITY:
            raise WrongQuery(
                f'expected a number, found {shown(value)}: write "{shown(value)}" in quotes to '
                "compare characters",
                value.place,
            )
        flag = literal.boolean(value.text)
        return Compare(column, operator, value.text if flag is None else value.text.lower())
