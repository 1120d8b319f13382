"""What must hold of a record: a tree of conditions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from pipeline.field import Attributes, Field, Scalar


class Operator(StrEnum):
    """How a field is compared with a value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


@dataclass(frozen=True, slots=True)
class Compare:
    """
    A comparison of a field with a value.

    With a string, the value's text form is compared; with a number or a bool the value is compared
    as such, and values of other types do not match. An attribute's comparison holds when it does
    for one of the values that its key has at the level (at any: at all of them); `!=` when there
    is a value and `=` does not hold. So a record without the attribute matches no comparison, `!=`
    included. Nothing is null: `Not` is exact.

    A time is compared as whole Unix nanoseconds, an ID as its bytes.
    """

    field: Field
    operator: Operator
    value: Scalar


@dataclass(frozen=True, slots=True)
class OneOf:
    """`=` holds between the attribute and at least one of the values; of no values it is false."""

    field: Attributes
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """There is an attribute of that key at the level, whatever its value."""

    field: Attributes


class Search(StrEnum):
    """
    What is looked for in a text; `pipeline/search.py` gives each as one pattern for every engine.

    `CONTAINS`: the characters stand anywhere in it. `PHRASE`: they do, and no word is cut at either
    end of them; a word is a run of ASCII letters, ASCII digits and characters beyond ASCII. Both in
    any case: a letter matches its own upper and lower case, ASCII letters nothing beyond ASCII.

    `MATCH`: a regular expression matches somewhere in it (RE2 syntax, case-sensitive; `^` and `$`
    are the ends of the text, `.` is any character, a newline included).
    """

    CONTAINS = "contains"
    PHRASE = "phrase"
    MATCH = "=~"


@dataclass(frozen=True, slots=True)
class Find:
    """
    A search in a column that holds text, or in the text form of an attribute's values.

    An attribute's holds when it does for one of the values, as in `Compare`. `text` is not empty
    and has at most `search.TEXT_MAX` characters.
    """

    field: Field
    how: Search
    text: str


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts hold."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of the parts holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Condition"


class Relation(StrEnum):
    """How a span lies below another of its trace: at once, or through any number of spans."""

    CHILD = ">"
    DESCENDANT = ">>"


@dataclass(frozen=True, slots=True)
class Path:
    """
    Spans of one trace, each below the one before: its last span there means that it holds.

    `steps` are what the spans meet (None: anything), at least one; `relations` stand between them,
    one fewer. Only a trace can have it: it is part of `Traces.whole`, and of no other condition.
    """

    steps: tuple["Condition | None", ...]
    relations: tuple[Relation, ...] = ()


Condition: TypeAlias = Compare | OneOf | Exists | Find | And | Or | Not | Path
