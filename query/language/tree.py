"""What was written: the tree of a query, before any name or value has a meaning.

`parse(str(tree)) == tree` holds for every tree that `parse` can return. Places do not take part in
comparing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pipeline.plan import Operator, Search
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
        return f"{self.prefix}.{_quote(self.key, '`')}" if self.prefix else _quote(self.key, "`")


@dataclass(frozen=True, slots=True)
class Value:
    """A value: what stood between quotes, unescaped, or a bare word as it was written."""

    text: str
    quoted: bool = False
    place: Place = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return _quote(self.text, '"') if self.quoted else self.text


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
        return _quote(self.text, '"') if self.quoted else self.text


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


Leaf: TypeAlias = Comparison | Matching | Existence | Membership | Words
Expression: TypeAlias = Leaf | Not | And | Or


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query; without `where` it asks for everything."""

    where: Expression | None = None

    def __str__(self) -> str:
        return "" if self.where is None else str(self.where)


def depth(node: Expression) -> int:
    """Return the number of levels below and with the node."""
    match node:
        case Not(part):
            return 1 + depth(part)
        case And(parts) | Or(parts):
            return 1 + max(map(depth, parts))
        case _:
            return 1


def leaves(node: Expression) -> Iterator[Leaf]:
    """Yield the conditions in their order."""
    match node:
        case Not(part):
            yield from leaves(part)
        case And(parts) | Or(parts):
            for one in parts:
                yield from leaves(one)
        case _:
            yield node


def place(leaf: Leaf) -> Place:
    """Return where a condition starts."""
    return leaf.place if isinstance(leaf, Words) else leaf.name.place


def _bind(part: Expression, looser: object) -> str:
    # An And in an And was written with parentheses too: without them it would be one And.
    return f"({part})" if isinstance(part, looser) else str(part)  # type: ignore[arg-type]


def _quote(text: str, mark: str) -> str:
    escapes = _ESCAPES | {mark: f"\\{mark}"}
    return f"{mark}{''.join(escapes.get(char, char) for char in text)}{mark}"
