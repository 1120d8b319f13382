"""`fields time, http.route as route`: keeps columns, in that order."""

from dataclasses import dataclass, field

from query.language import tree
from query.language.stages.scope import Scope
from query.language.stages.stats import named_as, title
from query.wrong import Place


@dataclass(frozen=True, slots=True)
class Field:
    """A column, and what it is called from here on."""

    of: tree.Name
    name: tree.Name | None = None

    def __str__(self) -> str:
        return f"{self.of}{named_as(self.name)}"


@dataclass(frozen=True, slots=True)
class Fields:
    """The stage."""

    fields: tuple[Field, ...]
    place: Place = field(default=tree.NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"fields {', '.join(map(str, self.fields))}"

    @property
    def expressions(self) -> tuple[tree.Expression, ...]:
        """Return the conditions in it: none."""
        return ()

    def check(self, scope: Scope) -> None:
        """Add it; raises WrongQuery."""
        scope.pick([(one.name or title(one.of), scope.column(one.of)) for one in self.fields])
