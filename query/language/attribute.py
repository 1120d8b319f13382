"""What a value means to an attribute: by its form, and by the types that were seen.

In quotes a value is text; bare it is a number, a size (its bytes) or a bool where it reads as one,
else text. Text is compared with the text form of values of any type, a number with numbers only.
Where both numbers and texts were seen, `=` and `!=` with a bare number mean either of them.
"""

from dataclasses import dataclass
from typing import Final

from pipeline import plan
from pipeline.plan import Attributes, Operator, Scalar
from pipeline.value import BOOL, DOUBLE, INT, STRING
from query.language import literal, tree
from query.language.columns import EQUALITY, bounded, only_equality
from query.language.seen import Seen, Types, listed
from query.wrong import WrongQuery, shown

_NUMBERS: Final = Types({INT, DOUBLE})


@dataclass(slots=True)
class Comparing:
    """Makes conditions of one attribute; `warnings` gets what is no mistake, but looks like one."""

    name: tree.Name
    field: Attributes
    seen: Seen | None
    warnings: list[str]

    def compare(self, operator: Operator, value: tree.Value) -> plan.Condition:
        """Return the comparison; raises WrongQuery when no value that was seen can meet it."""
        scalars = self._scalars(operator, value)
        if len(scalars) == 1:
            return plan.Compare(self.field, operator, scalars[0])
        either = plan.OneOf(self.field, scalars)
        if operator is Operator.EQUAL:
            return either
        return plan.And((plan.Exists(self.field), plan.Not(either)))

    def one_of(self, values: tuple[tree.Value, ...]) -> plan.Condition:
        """Return the condition that one of the values is equal; raises WrongQuery as `compare`."""
        scalars = [one for value in values for one in self._scalars(Operator.EQUAL, value)]
        return plan.OneOf(self.field, tuple(scalars))

    def _scalars(self, operator: Operator, value: tree.Value) -> tuple[Scalar, ...]:
        """Return the values of which one is meant; of an order there is always one."""
        types = Types() if self.seen is None else self.seen.types_of(self.field)
        first = _scalar(operator, value)
        if isinstance(first, str):
            self._text(operator, value, types)
            return (first,)
        text = value.text
        if literal.size(text) is not None and operator in EQUALITY:
            return (first, text)
        comparable = types & ({BOOL} if isinstance(first, bool) else _NUMBERS)
        if types and not comparable:
            raise self._other(operator, value, types)
        if STRING not in types:
            return (first,)
        if operator in EQUALITY:
            return (first, text)
        self.warnings.append(
            f"{self.name} is not always a number (seen: {listed(types)}): only numbers are "
            f"compared with {shown(value)}"
        )
        return (first,)

    def _text(self, operator: Operator, value: tree.Value, types: Types) -> None:
        if not types or types - _NUMBERS:
            return
        number = literal.number(value.text) is not None
        if operator not in EQUALITY:
            write = f"{self.name}{operator}{value.text} without quotes" if number else "a number"
            raise WrongQuery(
                f"{self.name} is a number (seen: {listed(types)}), and text has another order: "
                f"expected {write}, found {shown(value)}",
                value.place,
            )
        if not number and value.text not in ("NaN", "Infinity", "-Infinity"):
            self.warnings.append(
                f"{self.name} was never {shown(value)}: it is a number (seen: {listed(types)})"
            )

    def _other(self, operator: Operator, value: tree.Value, types: Types) -> WrongQuery:
        """Return what is wrong with a number or a bool where no value of its kind was seen."""
        seen = f"(seen: {listed(types)})"
        kind = literal.kind(value.text)
        found = shown(value) if kind == "bool" else f"the {kind} {shown(value)}"
        quoted = shown(tree.Value(value.text, quoted=True))
        write = f"{self.name}{operator}{quoted}"
        if types <= _NUMBERS:
            message = f"{self.name} is a number {seen}: expected a number, found {found}"
        elif types == {BOOL}:
            message = f"{self.name} is a bool {seen}: expected true or false, found {found}"
        elif STRING not in types:
            message = f"{self.name} is not {found} {seen}: write {self.name} contains {quoted}"
        elif operator in EQUALITY:
            message = f"{self.name} is text {seen}, not {found}: write {write}"
        else:
            message = f"{self.name} is text {seen}, not {found}: {write} compares characters"
        return WrongQuery(message, value.place)


def _scalar(operator: Operator, value: tree.Value) -> Scalar:
    """Return what a value is by its form."""
    if value.quoted:
        return value.text
    if (flag := literal.boolean(value.text)) is not None:
        only_equality(operator, "true or false", value)
        return flag
    if (number := literal.number(value.text)) is not None:
        return bounded(number, value)
    if (size := literal.size(value.text)) is not None:
        return bounded(size, value)
    if operator not in EQUALITY and literal.duration_ns(value.text) is not None:
        # As text 9s would be more than 10s; and no attribute says what its numbers count.
        raise WrongQuery(
            f"expected a number, found the duration {shown(value)}: attributes have "
            "no unit; write the number it stands for, or quote it to compare text",
            value.place,
        )
    return value.text
