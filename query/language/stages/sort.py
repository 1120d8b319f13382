"""`sort -count, service`: sorts the rows."""

from dataclasses import dataclass, field
from typing import Final

from pipeline import plan
from query.language import tree
from query.language.stages.scope import Scope, too_many
from query.wrong import Place

ORDERS_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class By:
    """A column to sort by, from large to small when `descending`."""

    name: tree.Name
    descending: bool = False

    def __str__(self) -> str:
        return f"-{self.name}" if self.descending else str(self.name)


@dataclass(frozen=True, slots=True)
class Sort:
    """The stage."""

    by: tuple[By, ...]
    place: Place = field(default=tree.NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"sort {', '.join(map(str, self.by))}"

    @property
    def expressions(self) -> tuple[tree.Expression, ...]:
        """Return the conditions in it: none."""
        return ()

    def check(self, scope: Scope) -> None:
        """Add it; raises WrongQuery."""
        if len(self.by) > ORDERS_MAX:
            raise too_many("columns to sort by", ORDERS_MAX, self.by[ORDERS_MAX].name.place)
        orders = [plan.Order(scope.column(one.name).name, one.descending) for one in self.by]
        scope.add(plan.Sort(tuple(orders)))
