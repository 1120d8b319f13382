"""`json`, `logfmt` and `regex "…"`: read columns out of a text."""

from dataclasses import dataclass, field

from pipeline import plan, search
from pipeline.plan import Format
from query.language import tree
from query.language.columns import searched
from query.language.stages.fields import Field
from query.language.stages.scope import Reading, Scope
from query.wrong import Place, WrongQuery


@dataclass(frozen=True, slots=True)
class Extract:
    """
    The stage; the body is read when `of` names nothing else.

    Without `fields` whatever later stages name is read, but for fields of the signal; a regular
    expression (`pattern`) reads its named groups.
    """

    how: Format
    fields: tuple[Field, ...] = ()
    pattern: tree.Value | None = None
    of: tree.Name | None = None
    place: Place = field(default=tree.NOWHERE, compare=False)

    def __str__(self) -> str:
        parts = [str(self.how), ", ".join(map(str, self.fields)), str(self.pattern or "")]
        source = "" if self.of is None else f"from {self.of}"
        return " ".join(filter(None, [*parts, source]))

    @property
    def expressions(self) -> tuple[tree.Expression, ...]:
        """Return the conditions in it: none."""
        return ()

    def check(self, scope: Scope) -> None:
        """Add it; raises WrongQuery."""
        text = scope.body(self.place) if self.of is None else scope.column(self.of)
        if text.kind not in (plan.Kind.TEXT, plan.Kind.ANY):
            place = self.place if self.of is None else self.of.place
            raise WrongQuery(f"{self.how} reads text: {self.of} is {text.said}", place)
        names = [(one.of.key, one.name or one.of) for one in self.fields]
        pattern = ""
        if self.pattern is not None:
            pattern = searched(plan.Search.MATCH, self.pattern)
            names = [
                (group, tree.Name(group, quoted=True, place=self.pattern.place))
                for group in _groups(pattern, self.pattern.place)
            ]
        scope.read(Reading(self.how, text.name, self.place, pattern), names)


def _groups(pattern: str, place: Place) -> list[str]:
    """Return the names of a regular expression's groups; raises WrongQuery."""
    names = search.groups(pattern)
    if names is None:
        raise WrongQuery(
            "every group needs a name, (?P<name>…); what only holds together is (?:…)", place
        )
    if not names:
        raise WrongQuery("expected a group that says what to read: (?P<name>…)", place)
    return names
