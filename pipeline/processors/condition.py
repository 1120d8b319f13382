"""Which rows of a batch meet a condition of a plan, told by Arrow's kernels.

The meaning is that of `pipeline/plan.py`, exactly: integers and doubles are compared as numbers and
never rounded to each other. A resource and a scope are looked at once per distinct text.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import search
from pipeline.envelope import Resource, Scope, find
from pipeline.errors import Rejected
from pipeline.plan import (
    And,
    AttributeField,
    AttributeKeys,
    Attributes,
    Column,
    Compare,
    Condition,
    Exists,
    Find,
    Level,
    Not,
    OneOf,
    Operator,
    Or,
    Path,
    Scalar,
    Search,
)
from pipeline.processors import envelopes
from pipeline.processors.arrays import Arrow, Mask, Numbers, from_arrow, to_arrow
from pipeline.processors.elements import Elements
from pipeline.value import BOOL, DOUBLE, INT

_OPERATORS: Final[Mapping[Operator, Callable[[Any, Any], Any]]] = {
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}
_TEXTS: Final[Mapping[Operator, Callable[[Arrow, Arrow], Arrow]]] = {
    Operator.EQUAL: pc.equal,
    Operator.NOT_EQUAL: pc.not_equal,
    Operator.LESS: pc.less,
    Operator.LESS_OR_EQUAL: pc.less_equal,
    Operator.GREATER: pc.greater,
    Operator.GREATER_OR_EQUAL: pc.greater_equal,
}
_ENVELOPES: Final[Mapping[str, tuple[str, Callable[[str], str]]]] = {
    "service_name": (
        "resource",
        lambda text: find(Resource.parse(text).attributes, "service.name") or "",
    ),
    "scope_name": ("scope", lambda text: Scope.parse(text).name),
    "scope_version": ("scope", lambda text: Scope.parse(text).version),
}
Test: TypeAlias = Callable[[Elements, Numbers], Mask]
"""Which of some elements of a level pass."""

KNOWN_MAX: Final = 100
"""Comparisons whose outcome is kept, for conditions that have them in common."""

_LEVELS: Final = (Level.RECORD, Level.RESOURCE, Level.SCOPE)
_PARTS: Final = (Level.EVENT, Level.LINK)


class Rows:
    """The rows of one batch, opened as far as its conditions look; for the length of one call."""

    def __init__(self, rows: pa.RecordBatch) -> None:
        self._rows = rows
        self._opened: dict[Level, Elements] = {}
        self._wholes: dict[Level, Numbers] = {}
        self._known: dict[str, Mask] = {}

    def meet(self, condition: Condition) -> Mask:
        """Return which rows meet a condition; raises Rejected for one that it cannot tell of."""
        match condition:
            case And(parts):
                return reduce(np.logical_and, map(self.meet, parts), self._all(holds=True))
            case Or(parts):
                return reduce(np.logical_or, map(self.meet, parts), self._all(holds=False))
            case Not(part):
                return ~self.meet(part)
        name = repr(condition)  # not by equality: to Python, 1 is True
        mask = self._known.get(name)
        if mask is None:
            mask = self._leaf(condition)
            if len(self._known) < KNOWN_MAX:
                self._known[name] = mask
        return mask

    def _leaf(self, condition: Compare | OneOf | Exists | Find | Path) -> Mask:
        match condition:
            case Compare(Column(name), how, wanted):
                return self._column(name, lambda column: _compare(column, how, wanted))
            case Compare(AttributeField() | AttributeKeys() as field, how, wanted):
                if how is not Operator.NOT_EQUAL:
                    return self._holds(field, _one_of(how, (wanted,)))
                equal = self._holds(field, _one_of(Operator.EQUAL, (wanted,)))
                return self._holds(field, _any) & ~equal
            case OneOf(field, values):
                return self._holds(field, _one_of(Operator.EQUAL, values))
            case Exists(field):
                return self._holds(field, _any)
            case Find(Column(name), kind, text):
                return self._column(name, lambda column: _found(column, kind, text))
            case Find(AttributeField() | AttributeKeys() as field, kind, text):
                return self._holds(field, lambda of, at: _found(of.texts(at), kind, text))
        raise Rejected(f"cannot be told of a record on its way: {condition}")

    def _all(self, *, holds: bool) -> Mask:
        return np.full(self._rows.num_rows, holds)

    def _column(self, name: str, test: Callable[[Arrow], Mask]) -> Mask:
        column: Arrow
        if name in _ENVELOPES:
            level, read = _ENVELOPES[name]
            column = self._rows[level]
            texts = pa.array(map(read, column.dictionary.to_pylist()), pa.utf8())
            return _spread(test(texts), column.indices)
        if name == "duration_ns":
            start = from_arrow(self._rows["start_time_unix_nano"])
            end = from_arrow(self._rows["end_time_unix_nano"])
            return test(to_arrow(np.maximum(start, end) - start))
        if name == "value":
            whole, double = self._rows["value_int"], self._rows["value_double"]
            return np.where(from_arrow(whole.is_valid()), test(whole), test(double))
        if name not in self._rows.schema.names:
            raise Rejected(f"there is no column {name}")
        column = self._rows[name]
        if pa.types.is_dictionary(column.type):
            return _spread(test(column.dictionary), column.indices)
        return test(column)

    def _holds(self, field: Attributes, test: Test) -> Mask:
        """Return which rows have an attribute of the field whose value passes."""
        levels = _LEVELS if field.level is Level.ANY else (field.level,)
        holds = self._all(holds=False)
        for one in levels:
            of_level = self._at(one)
            if isinstance(field, AttributeKeys):
                found = of_level.match(search.key(field.pattern))
            else:
                found = of_level.find(field.key)
            holds |= self._rows_of(one, of_level, found[test(of_level, found)])
        return holds

    def _at(self, level: Level) -> Elements:
        if level not in self._opened:
            if level in _PARTS:
                self._opened[level] = Elements(self._parts(level))
                return self._opened[level]
            column: Arrow = self._rows["attributes" if level is Level.RECORD else level.value]
            if level is not Level.RECORD:
                column = envelopes.opened(column, envelopes.FORMS[level.value])
            self._opened[level] = Elements(column)
        return self._opened[level]

    def _parts(self, level: Level) -> Arrow:
        """Return the attributes of all events or links, and remember of which span each is."""
        name = f"{level.value}s"
        if name not in self._rows.schema.names:
            raise Rejected(f"only spans have {name}")
        column: Arrow = self._rows[name]
        counted: Arrow = pc.list_value_length(column)
        spans = np.arange(len(column), dtype=np.int32)
        self._wholes[level] = np.repeat(spans, from_arrow(counted.fill_null(0)))
        parts: Arrow = column.flatten()
        return parts.flatten()[parts.type.get_field_index("attributes")]

    def _rows_of(self, level: Level, opened: Elements, elements: Numbers) -> Mask:
        """Return which rows of the batch have one of the elements of a level."""
        has = np.zeros(len(opened), dtype=bool)
        has[opened.rows(elements)] = True
        if level is Level.RECORD:
            return has
        if level in _PARTS:
            of_spans = self._all(holds=False)
            of_spans[self._wholes[level][has]] = True
            return of_spans
        column: Arrow = self._rows[level.value]
        return _spread(has, column.indices)


def _spread(of_distinct: Mask, indices: Arrow) -> Mask:
    """Return for each row what holds for its value in the dictionary; of no value nothing does."""
    places = from_arrow(indices.fill_null(len(of_distinct)))
    of_rows: Mask = np.append(of_distinct, np.False_)[places]
    return of_rows


def _any(_: Elements, at: Numbers) -> Mask:
    return np.ones(len(at), dtype=bool)


def _one_of(how: Operator, values: Sequence[Scalar]) -> Test:
    """Return the test whether a comparison with one of the values holds."""

    def test(elements: Elements, at: Numbers) -> Mask:
        masks = [_values(elements, at, how, wanted) for wanted in values]
        return reduce(np.logical_or, masks, np.zeros(len(at), dtype=bool))

    return test


def _found(texts: Arrow, how: Search, text: str) -> Mask:
    """Return which texts have what is looked for; of null nothing does."""
    if not pa.types.is_string(texts.type):
        raise Rejected(f"a column of {texts.type} cannot be searched for text")
    if how is Search.MATCH and (fault := search.fault(text)):
        raise Rejected(f"{text!r} is no regular expression: {fault}")
    pattern = {
        Search.CONTAINS: search.containing,
        Search.PHRASE: search.phrase,
        Search.MATCH: search.matching,
    }[how]
    holds: Arrow = pc.match_substring_regex(texts, pattern(text))
    return np.asarray(from_arrow(holds.fill_null(False)), dtype=bool)  # noqa: FBT003 - a value


def _values(elements: Elements, at: Numbers, how: Operator, wanted: Scalar) -> Mask:
    """Return which of some elements' values compare so with a value."""
    texts = elements.texts(at)
    if isinstance(wanted, str):
        return _compare(texts, how, wanted)
    kinds = elements.kinds(at)
    holds: Mask = np.zeros(len(at), dtype=bool)
    if isinstance(wanted, bool):
        flags = _OPERATORS[how](_compare(texts, Operator.EQUAL, "true"), wanted)
        return np.asarray(flags & (kinds == BOOL), dtype=bool)
    for kind, of_kind in ((INT, pa.int64()), (DOUBLE, pa.float64())):
        chosen = np.flatnonzero(kinds == kind)
        if len(chosen):
            numbers = texts.take(pa.array(chosen)).cast(of_kind)
            holds[chosen] = _compare(numbers, how, wanted)
    return holds


def _compare(column: Arrow, how: Operator, wanted: Scalar) -> Mask:
    """Return which values of a column without a dictionary compare so; of null nothing does."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        if isinstance(wanted, bool | str | bytes):
            raise Rejected(f"{wanted!r} is no number")
        there = from_arrow(column.is_valid())
        return np.asarray(_numbers(from_arrow(column.fill_null(0)), how, wanted) & there)
    fits = (
        (pa.types.is_string(kind) and isinstance(wanted, str))
        or (pa.types.is_boolean(kind) and isinstance(wanted, bool))
        or (pa.types.is_fixed_size_binary(kind) and isinstance(wanted, bytes))
    )
    if not fits:
        raise Rejected(f"{wanted!r} cannot be compared with a column of {kind}")
    # UTF-8 is ordered as its characters are.
    holds = _TEXTS[how](column, pa.scalar(wanted, kind))
    return np.asarray(from_arrow(holds.fill_null(False)), dtype=bool)  # noqa: FBT003 - a value


def _numbers(numbers: Any, how: Operator, wanted: Scalar) -> Mask:
    """Return which numbers compare so with a number, as if none had been rounded."""
    if isinstance(wanted, bool | str | bytes):
        raise Rejected(f"{wanted!r} is no number")
    bound: int | float = wanted
    if np.issubdtype(numbers.dtype, np.integer):
        if isinstance(bound, float):
            how, bound = _between_integers(how, bound)
    elif isinstance(bound, int) and int(float(bound)) != bound:
        how, bound = _between_doubles(how, bound)
    return np.asarray(_OPERATORS[how](numbers, bound), dtype=bool)


def _between_integers(how: Operator, bound: float) -> tuple[Operator, int]:
    """Return the comparison of integers that means the same as one with a double."""
    if not math.isfinite(bound):
        raise Rejected(f"{bound} is no number to compare with")
    below = math.floor(bound)
    if below == bound:
        return how, below
    return _beside(how, below)


def _between_doubles(how: Operator, bound: int) -> tuple[Operator, float]:
    """Return the comparison of doubles that means the same as one with an integer between two."""
    below = float(bound)
    if below > bound:
        below = math.nextafter(below, -math.inf)
    return _beside(how, below)


def _beside(how: Operator, below: Any) -> tuple[Operator, Any]:
    """Compare with the value next below the one that is meant, which nothing equals."""
    match how:
        case Operator.EQUAL:
            return Operator.LESS, -math.inf
        case Operator.NOT_EQUAL:
            return Operator.NOT_EQUAL, math.nan
        case Operator.LESS | Operator.LESS_OR_EQUAL:
            return Operator.LESS_OR_EQUAL, below
        case Operator.GREATER | Operator.GREATER_OR_EQUAL:
            return Operator.GREATER, below
