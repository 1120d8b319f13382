"""Conditions of a plan to SQL that the indexes of `storage/sql/clickhouse` serve."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from pipeline import search
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
    Search,
)
from pipeline.signal import Signal
from pipeline.value import BOOL, DOUBLE, INT
from storage.compile.parameters import Parameters
from storage.compile.texts import texts
from storage.tables import AS_DOUBLE, AS_INT

SCOPE: Final = {"scope_name": "name", "scope_version": "version"}
"""Columns that are derived from a scope's text, and their keys there."""

PARSED: Final = "JSONExtract(text, 'attributes', 'Array(Tuple(String, UInt8, String))')"
"""The attributes of a text in a list, each a plain tuple: (1) key, (2) type, (3) value."""

_PARTS: Final = {"key": "k", "type": "t", "value": "v"}
"""The parts of an attribute, and what each is called while it is tested."""

Listed: TypeAlias = Sequence[Sequence[str] | None]
"""The texts that each look-up finds; None where that is not known."""

_NOWHERE: Final = "false"
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:/-]+")
"""Keys that stand in JSON as they are: a text without them need not be parsed."""


class Conditions:
    """
    Compiles the conditions of one statement; `tenant` is the parameter that names the tenant.

    `lookups` are what it selects from the lists of resources and scopes, in order, and `listed` is
    what they are known to find; without, each is a subquery.
    """

    def __init__(
        self, signal: Signal, tenant: str, parameters: Parameters, listed: Listed = ()
    ) -> None:
        self.lookups: list[str] = []
        self._signal = signal
        self._tenant = tenant
        self._parameters = parameters
        self._listed = listed

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
                return self._column(name, operator, value)
            case Compare(AttributeField() | AttributeKeys() as field, operator, value):
                return self._attribute(field, operator, value)
            case OneOf(field, values):
                return self._one_of(field, values)
            case Exists(field):
                return self._holds(field, "", None)
            case Find(Column(name), how, text):
                return self._find(name, how, text)
            case Find(AttributeField() | AttributeKeys() as field, how, text):
                return self._holds(field, f" AND {searching(how, text, self._parameters)}", None)
        raise TypeError(condition)

    def _column(self, name: str, operator: Operator, value: Scalar) -> str:
        bind = self._parameters
        if isinstance(value, bytes):
            return f"({name} {operator} {bind.fixed(value)})"
        bound = bind.add(value, type_of(value))
        if name in SCOPE:
            return self._texts(
                "scope", f"JSONExtractString(text, '{SCOPE[name]}') {operator} {bound}"
            )
        if name == "duration_ns":
            # A span that ends before it starts lasted 0.
            end = "greatest(start_time_unix_nano, end_time_unix_nano)"
            return f"({end} - start_time_unix_nano {operator} {bound})"
        if name == "value":
            return (
                f"((value_type = {AS_DOUBLE} AND value_double {operator} {bound}) "
                f"OR (value_type = {AS_INT} AND value_int {operator} {bound}))"
            )
        return f"({name} {operator} {bound})"

    def _find(self, name: str, how: Search, text: str) -> str:
        if name in SCOPE:
            column = f"JSONExtractString(text, '{SCOPE[name]}')"
            return self._texts("scope", searching(how, text, self._parameters).format(value=column))
        found = searching(how, text, self._parameters).format(value=name)
        known = [] if how is Search.MATCH else search.words(text, whole=how is Search.PHRASE)
        if name != "body" or not known:
            return f"({found})"
        # The index holds these words; of the granules that it leaves, the search itself decides.
        tokens = self._parameters.add(known, "Array(String)")
        return f"(indexHint(hasAll(tokens(lower(body)), {tokens})) AND {found})"

    def _attribute(self, field: Attributes, operator: Operator, value: Scalar) -> str:
        if operator is Operator.NOT_EQUAL:
            named = self._holds(field, "", None)
            return f"({named} AND NOT {self._one_of(field, (value,))})"
        if operator is Operator.EQUAL:
            return self._one_of(field, (value,))
        return self._holds(field, f" AND {self._test(operator, value)}", None)

    def _one_of(self, field: Attributes, values: tuple[Scalar, ...]) -> str:
        if not values:
            return "false"
        tests = [self._test(Operator.EQUAL, value) for value in values]
        test = tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})"
        equal = dict.fromkeys(text for value in values for text in texts(value))
        return self._holds(field, f" AND {test}", list(equal))

    def _holds(self, field: Attributes, test: str, equal: list[str] | None) -> str:
        """Tell where an attribute passes the test; indexes prune by the texts that are equal."""
        named = ""
        if isinstance(field, AttributeKeys):
            key = f"LIKE {self._parameters.add(like(field.pattern), 'String')}"
        else:
            bound = self._parameters.add(field.key, "String")
            key = f"= {bound}"
            if _PLAIN.fullmatch(field.key):
                named = f"position(text, concat('\"', {bound}, '\"')) > 0 AND "
        every = (Level.RECORD, Level.RESOURCE, Level.SCOPE)
        levels = every if field.level is Level.ANY else (field.level,)
        arms = []
        for one in levels:
            if one not in (Level.RESOURCE, Level.SCOPE):
                arms.append(self._own(one, f"{{key}} {_literal(key)}{test}", equal))
            else:
                where = f"a.1 {key}" + test.format(type="a.2", value="a.3")
                found = f"{named}arrayExists(a -> {where}, {PARSED})"
                arms.append(self._texts(one.value, found))
        return f"({' OR '.join(one for one in arms if one != _NOWHERE) or _NOWHERE})"

    def _own(self, level: Level, test: str, equal: list[str] | None) -> str:
        """Test what a row itself holds, in `attributes`: its own, its events' or its links'."""
        # Its parts one by one, and only those that are tested: with `attributes` as a whole, the
        # values would be read twice, once more for what is equal.
        parts = [name for name in _PARTS if f"{{{name}}}" in test]
        names = ", ".join(_PARTS[name] for name in parts)
        found = f"({names}) -> {test.format_map(_PARTS)}"
        column = "attributes" if level is Level.RECORD else f"{level.value}s.attributes"
        columns = ", ".join(f"{column}.{name}" for name in parts)
        values = "attributes.value"
        if level is not Level.RECORD:
            lists = ", ".join(f"{_PARTS[name]}s" for name in parts)
            found = f"({lists}) -> arrayExists({found}, {lists})"
            values = f"arrayFlatten({column}.value)"
        exists = f"arrayExists({found}, {columns})"
        if equal is None:
            return exists
        texts = self._parameters.add(equal, "Array(String)")
        return f"(hasAny({values}, {texts}) AND {exists})"

    def _texts(self, level: str, test: str) -> str:
        """Look the texts of a level up in their list: few, where the rows are many."""
        signal = self._parameters.add(self._signal.value, "String")
        lookup = (
            f"SELECT text FROM {level}s "
            f"WHERE tenant = {self._tenant} AND signal = {signal} AND {test}"
        )
        found = self._listed[len(self.lookups)] if self._listed else None
        self.lookups.append(lookup)
        if found is None:
            return f"({level} IN ({lookup}))"
        if not found:
            return _NOWHERE
        return f"({level} IN {self._parameters.add(list(found), 'Array(String)')})"

    def _test(self, operator: Operator, value: Scalar) -> str:
        """Return the comparison of a value's text, with places for the type and the text."""
        if isinstance(value, bool):
            text = self._parameters.add("true" if value else "false", "String")
            return f"{{type}} = {BOOL} AND {{value}} {operator} {_literal(text)}"
        if isinstance(value, (int, float)):
            number = _literal(self._parameters.add(value, type_of(value)))
            return (
                f"(({{type}} = {INT} AND toInt64OrZero({{value}}) {operator} {number})"
                f" OR ({{type}} = {DOUBLE} AND toFloat64OrZero({{value}}) {operator} {number}))"
            )
        return f"{{value}} {operator} {_literal(self._parameters.add(value, 'String'))}"


def searching(how: Search, text: str, parameters: Parameters) -> str:
    """Return a search with a place for the text that is searched, `{value}`."""
    if how is Search.CONTAINS and text.isascii():
        bound = parameters.add(text, "String")
        return f"positionCaseInsensitive({{value}}, {_literal(bound)}) > 0"
    pattern = text  # in ClickHouse a dot matches a newline
    if how is not Search.MATCH:
        pattern = search.phrase(text) if how is Search.PHRASE else search.containing(text)
    return f"match({{value}}, {_literal(parameters.add(pattern, 'String'))})"


def type_of(value: Scalar) -> str:
    """Return the ClickHouse type that holds a value exactly."""
    if isinstance(value, bool):
        return "Bool"
    if isinstance(value, int):
        return "Int64"
    return "Float64" if isinstance(value, float) else "String"


def _literal(parameter: str) -> str:
    """Escape a parameter's braces for `str.format`."""
    return parameter.replace("{", "{{").replace("}", "}}")


def like(pattern: str) -> str:
    """Return a pattern of keys as LIKE has it."""
    escaped = pattern.translate({ord(mark): f"\\{mark}" for mark in "\\%_"})
    return escaped.replace("*", "%")
