"""What was written: the tree of a query, before any name or value has a meaning.

`parse(str(tree)) == tree` holds for every tree that `parse` can return. Places do not take part in
comparing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from pipeline.plan import Operator, Relation, Search
from query.wrong import Place

NOWHERE: Final = Place(1, 1)

_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Name:
    """
    A field's name.

    Bare, `key` is all that was written, a level's prefix included, and `*` in it stands for any
    characters. In backticks (`quoted`), `key` is what stood between them, unescaped, and `prefix`
    the level before them ("resource", or "").
    """

    key: str
    quoted: bool = False
    prefix: str = ""
    place: Place = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        if not self.quoted:
            return self.key
        return f"{self.prefix}.{quote(self.key, '`')}" if self.prefix else quote(self.key, "`")


@dataclass(frozen=True, slots=True)
class Value:
    """A value: what stood between quotes, unescaped, or a bare word as it was written."""

    text: str
    quoted: bool = False
    place: Place = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return quote(self.text, '"') if self.quoted else self.text


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field, an operator and a value."""

    name: Name
    operator: Operator
    value: Value

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{self.value}"


@dataclass(frozen=True, slots=True)
class Matching:
    """A field and what its text has: `=~` and `!~` (`negated`), or `contains`."""

    name: Name
    how: Search
    value: Value
    negated: bool = False

    def __str__(self) -> str:
        if self.how is Search.CONTAINS:
            return f"{self.name} contains {self.value}"
        return f"{self.name}{'!~' if self.negated else '=~'}{self.value}"


@dataclass(frozen=True, slots=True)
class Existence:
    """A field that is there."""

    name: Name

    def __str__(self) -> str:
        return f"{self.name} exists"


@dataclass(frozen=True, slots=True)
class Membership:
    """A field and the values of which it has one."""

    name: Name
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.name} in ({', '.join(map(str, self.values))})"


@dataclass(frozen=True, slots=True)
class Words:
    """What stands alone: a bare word, or in quotes (`quoted`) any text."""

    text: str
    quoted: bool = False
    place: Place = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return quote(self.text, '"') if self.quoted else self.text


@dataclass(frozen=True, slots=True)
class Not:
    """NOT and what it negates."""

    part: "Expression"

    def __str__(self) -> str:
        return f"NOT {_bind(self.part, And | Or)}"


@dataclass(frozen=True, slots=True)
class And:
    """Two or more parts joined by AND."""

    parts: tuple["Expression", ...]

    def __str__(self) -> str:
        return " AND ".join(_bind(part, And | Or) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more parts joined by OR."""

    parts: tuple["Expression", ...]

    def __str__(self) -> str:
        return " OR ".join(_bind(part, Or) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Path:
    """Spans of one trace, a condition each (None: any span), and how each lies below the last."""

    steps: tuple["Expression | None", ...]
    relations: tuple[Relation, ...] = ()
    place: Place = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        spans = ["{}" if one is None else f"{{{one}}}" for one in self.steps]
        below = (f" {how} {span}" for how, span in zip(self.relations, spans[1:], strict=True))
        return spans[0] + "".join(below)


Condition: TypeAlias = Comparison | Matching | Existence | Membership
Leaf: TypeAlias = Condition | Words
Expression: TypeAlias = Leaf | Path | Not | And | Or


class Stage(Protocol):
    """What follows a bar; `stages` has a module for each."""

    @property
    def place(self) -> Place:
        """Return where it starts."""
        ...

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """Return the conditions in it."""
        ...

    def check(self, scope: Any) -> None:
        """Add to a `stages.scope.Scope` what it does; raises WrongQuery."""
        ...


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query; without `where` it asks for everything, and `stages` compute of that."""

    where: Expression | None = None
    stages: tuple[Stage, ...] = ()

    def __str__(self) -> str:
        where = "" if self.where is None else str(self.where)
        return " | ".join([where, *map(str, self.stages)]).lstrip()

    def leaves(self) -> Iterator[Leaf | Path]:
        """Yield all conditions in their order."""
        for node in (self.where, *(one for stage in self.stages for one in stage.expressions)):
            if node is not None:
                yield from leaves(node)


def depth(node: Expression) -> int:
    """Return the number of levels below and with the node."""
    match node:
        case Not(part):
            return 1 + depth(part)
        case And(parts) | Or(parts):
            return 1 + max(map(depth, parts))
        case Path(steps):
            return 1 + max(0 if step is None else depth(step) for step in steps)
        case _:
            return 1


def leaves(node: Expression) -> Iterator[Leaf | Path]:
    """Yield the conditions in their order; a path for each span of which nothing is asked."""
    match node:
        case Not(part):
            yield from leaves(part)
        case And(parts) | Or(parts):
            for one in parts:
                yield from leaves(one)
        case Path(steps):
            for step in steps:
                if step is None:
                    yield node
                else:
                    yield from leaves(step)
        case _:
            yield node


def place(leaf: Leaf | Path) -> Place:
    """Return where a condition starts."""
    return leaf.place if isinstance(leaf, Words | Path) else leaf.name.place


def _bind(part: Expression, looser: object) -> str:
    # An And in an And was written with parentheses too: without them it would be one And.
    return f"({part})" if isinstance(part, looser) else str(part)  # type: ignore[arg-type]


def quote(text: str, mark: str) -> str:
    """Return the text between marks, escaped."""
    escapes = _ESCAPES | {mark: f"\\{mark}"}
    return f"{mark}{''.join(escapes.get(char, char) for char in text)}{mark}"
