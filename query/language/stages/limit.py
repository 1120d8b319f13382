"""`limit 20`: keeps the first rows."""

from dataclasses import dataclass, field
from typing import Final

from pipeline import plan
from query.language import literal, tree
from query.language.stages.scope import Scope
from query.wrong import Place, WrongQuery, shown

ROWS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class Limit:
    """The stage."""

    rows: tree.Value
    place: Place = field(default=tree.NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"limit {self.rows}"

    @property
    def expressions(self) -> tuple[tree.Expression, ...]:
        """Return the conditions in it: none."""
        return ()

    def check(self, scope: Scope) -> None:
        """Add it; raises WrongQuery."""
        scope.add(plan.Limit(number(self.rows)))


def number(rows: tree.Value) -> int:
    """Return how many rows are meant; raises WrongQuery."""
    read = literal.number(rows.text)
    if not isinstance(read, int) or not 1 <= read <= ROWS_MAX:
        raise WrongQuery(
            f"expected a number of rows between 1 and {ROWS_MAX}, found {shown(rows)}", rows.place
        )
    return read
