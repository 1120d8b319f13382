"""`top 5 http.route`: the values that most rows have, with their counts."""

from dataclasses import dataclass, field
from typing import Final

from pipeline import plan
from query.language import tree
from query.language.stages.limit import number
from query.language.stages.scope import Scope
from query.language.stages.stats import By, Call, Stats
from query.wrong import Place

ROWS: Final = 10
"""Values when no number is written."""


@dataclass(frozen=True, slots=True)
class Top:
    """The stage."""

    of: tuple[tree.Name, ...]
    rows: tree.Value | None = None
    place: Place = field(default=tree.NOWHERE, compare=False)

    def __str__(self) -> str:
        names = ", ".join(map(str, self.of))
        return f"top {names}" if self.rows is None else f"top {self.rows} {names}"

    @property
    def expressions(self) -> tuple[tree.Expression, ...]:
        """Return the conditions in it: none."""
        return ()

    def check(self, scope: Scope) -> None:
        """Add the stages that it stands for; raises WrongQuery."""
        rows = ROWS if self.rows is None else number(self.rows)
        Stats((Call("count", place=self.place),), tuple(map(By, self.of))).check(scope)
        scope.add(plan.Sort((plan.Order("count", descending=True),)))
        scope.add(plan.Limit(rows))
