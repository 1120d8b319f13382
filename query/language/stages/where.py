"""`where count>10`: keeps the rows that meet a condition."""

from dataclasses import dataclass, field

from pipeline import plan
from query.language import tree
from query.language.stages.scope import Scope
from query.wrong import Place


@dataclass(frozen=True, slots=True)
class Where:
    """The stage."""

    where: tree.Expression
    place: Place = field(default=tree.NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"where {self.where}"

    @property
    def expressions(self) -> tuple[tree.Expression, ...]:
        """Return the conditions in it."""
        return (self.where,)

    def check(self, scope: Scope) -> None:
        """Add it; raises WrongQuery."""
        scope.add(plan.Keep(scope.condition(self.where)))
