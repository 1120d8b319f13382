"""A log's level: OpenTelemetry's severity ranges, or the text where no number was sent."""

from typing import Final

from pipeline import plan
from pipeline.plan import Column, Compare, Operator
from query.language.tree import Value
from query.wrong import WrongQuery, shown

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
"""In order; each is four severity numbers, TRACE from 1 on."""

ALIASES: Final = {
    "WARNING": "WARN",
    "INFORMATION": "INFO",
    "ERR": "ERROR",
    "CRITICAL": "FATAL",
}
"""Other names that loggers send, and what they mean."""

_NUMBER: Final = Column("severity_number")
_TEXT: Final = Column("severity_text")


def level(number: int, text: str) -> str | None:
    """Return the level of a severity number, or without one (0) of the text; None if unknown."""
    if 1 <= number <= 4 * len(LEVELS):
        return LEVELS[(number - 1) // 4]
    if number:
        return None
    name = text.upper()
    return name if name in LEVELS else ALIASES.get(name)


def spellings(text: str) -> tuple[str, ...]:
    """Return how a level is written where it is sent as text."""
    return text, text.lower(), text.capitalize()


class Severity:
    """
    `level=ERROR` and its like.

    A record has a level by its severity number (ERROR is 17 to 20), or, where that is 0, by its
    severity text: one of the names or aliases, in upper or lower case or capitalised.
    `level!=ERROR` is all that `level=ERROR` is not, records without a level included; `<` and `>`
    find only records that have one.
    """

    def __call__(self, operator: Operator, value: Value) -> plan.Condition:
        """Return the condition; raises WrongQuery when the value names no level."""
        name = level(0, value.text)
        if name is None:
            names = ", ".join(LEVELS)
            raise WrongQuery(
                f"expected one of {names}, found {shown(value)}; other texts and numbers are in "
                "severity_text and severity_number",
                value.place,
            )
        at = LEVELS.index(name)
        match operator:
            case Operator.EQUAL:
                return _between(at, at)
            case Operator.NOT_EQUAL:
                return plan.Not(_between(at, at))
            case Operator.LESS:
                return _between(0, at - 1)
            case Operator.LESS_OR_EQUAL:
                return _between(0, at)
            case Operator.GREATER:
                return _between(at + 1, len(LEVELS) - 1)
            case Operator.GREATER_OR_EQUAL:
                return _between(at, len(LEVELS) - 1)

    def exists(self) -> plan.Condition:
        """Return where a record has a level."""
        return _between(0, len(LEVELS) - 1)


def _between(first: int, last: int) -> plan.Condition:
    names = LEVELS[first : last + 1]
    texts = [*names, *(alias for alias, name in ALIASES.items() if name in names)]
    spelt = [one for text in texts for one in spellings(text)]
    # An empty range (`level>FATAL`) stays a condition that nothing meets: 25 <= number <= 24.
    numbered = plan.And(
        (
            Compare(_NUMBER, Operator.GREATER_OR_EQUAL, 4 * first + 1),
            Compare(_NUMBER, Operator.LESS_OR_EQUAL, 4 * (last + 1)),
        )
    )
    if not names:
        return numbered
    named = plan.And(
        (
            Compare(_NUMBER, Operator.EQUAL, 0),
            plan.Or(tuple(Compare(_TEXT, Operator.EQUAL, one) for one in spelt)),
        )
    )
    return plan.Or((numbered, named))
