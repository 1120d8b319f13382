"""What a person wrote wrong in a question, and where."""

from dataclasses import dataclass
from typing import Final

from pipeline.errors import Rejected

SHOWN_MAX: Final = 60
"""Characters of a person's text that a message repeats."""


@dataclass(frozen=True, slots=True)
class Place:
    """A character's place in a text; lines and columns count from 1."""

    line: int
    column: int

    def after(self, text: str) -> "Place":
        """Return the place that follows `text`, which starts here."""
        breaks = text.count("\n")
        if not breaks:
            return Place(self.line, self.column + len(text))
        return Place(self.line + breaks, len(text) - text.rfind("\n"))

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class Wrong(Rejected):
    """A question that can never be answered; `parameter` and `place` say which part is at fault."""

    def __init__(self, message: str, parameter: str, place: Place | None = None) -> None:
        super().__init__(message if place is None else f"{place}: {message}")
        self.parameter = parameter
        self.place = place


class WrongQuery(Wrong):
    """A mistake in the text of a query, the parameter `q`."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message, "q", place)


def shown(found: object) -> str:
    """Return what was found, cut to a length that a message can carry."""
    text = str(found)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"
