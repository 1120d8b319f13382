"""Conditions on points to PostgreSQL's SQL: `s` is their series, `p` the point.

Searches and patterns of keys were looked up before (`storage/timescale/searches.py`), in RE2: here
they are the texts that were found, so nothing depends on PostgreSQL's own expressions.
"""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

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
    Scalar,
)
from pipeline.value import BOOL, DOUBLE, INT
from storage.compile import numbers
from storage.compile.parameters import Positions
from storage.compile.texts import texts
from storage.timescale.elements import checksum
from storage.timescale.text import written

SCOPE: Final = {"scope_name": "name", "scope_version": "version"}
_OF_POINTS: Final = ("flags", "time")
_SENT: Final = ("time_unix_nano", "start_time_unix_nano")
_NAME: Final = "metric_name"
_NAME_INDEXED: Final = 400
"""Characters of a metric's name that its index has, as the migration says."""
_PAIRS_MAX: Final = 1000
"""Values that are looked for by their checksums; more are no help."""

Texts: TypeAlias = Sequence[str]


@dataclass(frozen=True, slots=True)
class Found:
    """What was looked up: the keys of each pattern, the matching texts of each search."""

    keys: Mapping[str, Texts] = field(default_factory=dict)
    texts: Mapping[Find, Texts] = field(default_factory=dict)


class Conditions:
    """Compiles the conditions of one statement; `tenant` is the parameter that names the tenant."""

    def __init__(self, tenant: str, parameters: Positions, found: Found) -> None:
        self._tenant = tenant
        self._bind = parameters.add
        self._found = found

    def sql(self, condition: Condition) -> str:
        """Return a condition that `storage.fields.check` let through as SQL."""
        match condition:
            case And(parts):
                return f"({' AND '.join(map(self.sql, parts)) or 'true'})"
            case Or(parts):
                return f"({' OR '.join(map(self.sql, parts)) or 'false'})"
            case Not(part):
                return f"(NOT {self.sql(part)})"
            case Compare(Column(name), operator, value):
                return f"({self._column(name, operator, value)})"
            case Compare(AttributeField() | AttributeKeys() as named, operator, value):
                return self._attribute(named, operator, value)
            case OneOf(named, values):
                return self._one_of(named, values)
            case Exists(named):
                return self._holds(named, "", None)
            case Find(Column(name)):
                return self._any_of(name, self._texts(condition))
            case Find(AttributeField() | AttributeKeys() as named):
                sought = self._texts(condition)
                return self._holds(
                    named, f" AND a.value = ANY({self._bind(sought, 'text[]')})", sought
                )
        raise TypeError(condition)

    def _texts(self, search: Find) -> list[str]:
        return [written(one) for one in self._found.texts[search]]

    def _column(self, name: str, operator: Operator, value: Scalar) -> str:
        if isinstance(value, str):
            if name == _NAME and operator is Operator.EQUAL:
                return self._any_of(name, [written(value)])
            return self._of_series(name, f"{operator} {self._bind(written(value), 'text')}")
        if isinstance(value, (bool, bytes)):
            return f"s.{name} {operator} {self._bind(value, 'bool')}"
        if name == "value":
            # Where none is set, no comparison holds; and nothing is null.
            arms = (
                numbers.double("p.value_double", operator, value, self._bind),
                numbers.whole("p.value_int", operator, value, self._bind),
            )
            kinds = ("p.value_double", "p.value_int")
            return " OR ".join(
                f"({kind} IS NOT NULL AND {arm})" for kind, arm in zip(kinds, arms, strict=True)
            )
        if name in _SENT:
            return numbers.unsigned(f"p.{name}", operator, value, self._bind)
        alias = "p" if name in _OF_POINTS else "s"
        return numbers.whole(f"{alias}.{name}", operator, value, self._bind)

    def _any_of(self, name: str, sought: Texts) -> str:
        """Compare a column with texts; how the name of a metric begins has an index."""
        found = self._of_series(name, f"= ANY({self._bind(list(sought), 'text[]')})")
        if name != _NAME:
            return found
        begin = self._bind([one[:_NAME_INDEXED] for one in sought], "text[]")
        return f"(left(s.{_NAME}, {_NAME_INDEXED}) = ANY({begin}) AND {found})"

    def _of_series(self, name: str, test: str) -> str:
        if name in SCOPE:
            return self._envelope("scope", f"{SCOPE[name]} {test}")
        return f"(s.{name} {test})"

    def _attribute(self, named: Attributes, operator: Operator, value: Scalar) -> str:
        if operator is Operator.NOT_EQUAL:
            return f"({self._holds(named, '', None)} AND NOT {self._one_of(named, (value,))})"
        if operator is Operator.EQUAL:
            return self._one_of(named, (value,))
        return self._holds(named, f" AND {self._test(operator, value)}", None)

    def _one_of(self, named: Attributes, values: tuple[Scalar, ...]) -> str:
        if not values:
            return "false"
        tests = [self._test(Operator.EQUAL, value) for value in values]
        equal = dict.fromkeys(written(text) for value in values for text in texts(value))
        return self._holds(named, f" AND ({' OR '.join(tests)})", list(equal))

    def _holds(self, named: Attributes, test: str, equal: Texts | None) -> str:
        """Tell where an attribute passes the test; an index prunes by the texts that are equal."""
        keys = [named.key] if isinstance(named, AttributeField) else self._found.keys[named.pattern]
        keys = [written(key) for key in keys]
        own = f"a.key = ANY({self._bind(keys, 'text[]')}){test}"
        every = (Level.RECORD, Level.RESOURCE, Level.SCOPE)
        arms = []
        for level in every if named.level is Level.ANY else (named.level,):
            exists = f"EXISTS (SELECT FROM unnest(attributes) AS a WHERE {own})"
            if level is not Level.RECORD:
                arms.append(self._envelope(level.value, exists))
                continue
            arm = exists.replace("unnest(attributes)", "unnest(s.attributes)", 1)
            if equal is not None and len(keys) * len(equal) <= _PAIRS_MAX:
                sums = [checksum(key, text) for key in keys for text in equal]
                arm = f"(s.pairs && {self._bind(sums, 'int4[]')} AND {arm})"
            arms.append(arm)
        return f"({' OR '.join(arms)})"

    def _envelope(self, level: str, test: str) -> str:
        """Look the resources or scopes up: few, where the series are many."""
        return f"(s.{level} IN (SELECT id FROM {level}s WHERE tenant = {self._tenant} AND {test}))"

    def _test(self, operator: Operator, value: Scalar) -> str:
        """Return the comparison of an attribute's value."""
        if isinstance(value, bool):
            text = self._bind("true" if value else "false", "text")
            return f"(a.type = {BOOL} AND a.value {operator} {text})"
        if isinstance(value, (int, float)):
            integer = numbers.whole("a.value::int8", operator, value, self._bind)
            double = numbers.double("a.value::float8", operator, value, self._bind)
            # CASE, because nothing else keeps a text of another type from being cast.
            return (
                f"CASE a.type WHEN {INT} THEN {integer} WHEN {DOUBLE} THEN {double} ELSE false END"
            )
        return f"a.value {operator} {self._bind(written(str(value)), 'text')}"
