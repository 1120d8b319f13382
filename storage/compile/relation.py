"""A table at one place of its stages, as SQL."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from pipeline.plan import Kind, Order

Seat: TypeAlias = tuple[str, Kind]
"""The name of a column in SQL, and its kind."""


@dataclass(frozen=True, slots=True)
class Relation:
    """
    Rows (`source` follows FROM) and the names of their columns.

    A subquery has no order that whoever reads it could count on: `order` is kept until rows are
    counted off or answered.
    """

    source: str
    columns: Mapping[str, Seat]
    order: tuple[tuple[Seat, bool], ...] = ()

    def select(self, added: Iterable[str] = (), rest: str = "") -> str:
        """Return a query of all columns, of those that the order needs, and of what is added."""
        seats = dict.fromkeys([*self.columns.values(), *(seat for seat, _ in self.order)])
        # A query has at least one column; of a table without any, the rows still count.
        names = [name for name, _ in seats] + list(added) or ["1"]
        return f"SELECT {', '.join(names)} FROM {self.source}{rest}"

    def inside(self, query: str, columns: Mapping[str, Seat] | None = None) -> "Relation":
        """Return the rows of a query about these."""
        found = self.columns if columns is None else columns
        return replace(self, source=f"({query})", columns=found)

    def sorted(self, by: Iterable[Order]) -> "Relation":
        """Return the same rows in another order."""
        return replace(self, order=tuple((self.columns[one.column], one.descending) for one in by))

    @property
    def order_by(self) -> str:
        """The order as SQL; nothing when there is none."""
        terms = [term for seat, falling in self.order for term in _terms(seat, falling)]
        return f" ORDER BY {', '.join(terms)}" if terms else ""


def number(text: str) -> str:
    """Return the number as which a text reads, else null."""
    return f"if(match({text}, {_NUMBER}), toFloat64OrNull({text}), NULL)"


def _terms(seat: Seat, falling: bool) -> list[str]:  # noqa: FBT001 - a pair of the order
    name, kind = seat
    direction = "DESC NULLS LAST" if falling else "ASC NULLS LAST"
    terms = [f"{name} {direction}"]
    return [f"{number(name)} {direction}", *terms] if kind is Kind.ANY else terms


_NUMBER = "'^-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$'"
