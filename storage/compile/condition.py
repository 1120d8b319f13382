"""Conditions of a plan to SQL that the indexes of `storage/sql/clickhouse` serve."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from typing import Final

from pipeline.plan import (
    And,
    AttributeField,
    Column,
    Compare,
    Condition,
    Level,
    Not,
    Operator,
    Or,
    Scalar,
)
from pipeline.signal import Signal
from pipeline.value import BOOL, DOUBLE, INT, double_text
from storage.compile.parameters import Parameters
from storage.tables import AS_DOUBLE, AS_INT

_SCOPE: Final = {"scope_name": "name", "scope_version": "version"}
# A parsed attribute is a plain tuple: (1) key, (2) type, (3) value.
_PARSED: Final = "JSONExtract(text, 'attributes', 'Array(Tuple(String, UInt8, String))')"


class Conditions:
    """Compiles the conditions of one statement; `tenant` is the parameter that names the tenant."""

    def __init__(self, signal: Signal, tenant: str, parameters: Parameters) -> None:
        self._signal = signal
        self._tenant = tenant
        self._parameters = parameters

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
            case Compare(AttributeField(key, level), operator, value):
                return self._attribute(key, level, operator, value)
        raise TypeError(condition)

    def _column(self, name: str, operator: Operator, value: Scalar) -> str:
        bind = self._parameters
        if isinstance(value, bytes):
            return f"({name} {operator} {bind.fixed(value)})"
        bound = bind.add(value, _type(value))
        if name in _SCOPE:
            return self._texts(
                "scope", f"JSONExtractString(text, '{_SCOPE[name]}') {operator} {bound}"
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

    def _attribute(self, key: str, level: Level, operator: Operator, value: Scalar) -> str:
        if operator is Operator.NOT_EQUAL:
            named = self._holds(key, level, "", None)
            equal = self._holds(key, level, self._test(Operator.EQUAL, value), value)
            return f"({named} AND NOT {equal})"
        return self._holds(
            key,
            level,
            self._test(operator, value),
            value if operator is Operator.EQUAL else None,
        )

    def _holds(self, key: str, level: Level, test: str, equal: Scalar | None) -> str:
        """Tell where an attribute of that key passes the test; `equal` lets an index prune."""
        wanted = self._parameters.add(key, "String")
        levels = (Level.RECORD, Level.RESOURCE, Level.SCOPE) if level is Level.ANY else (level,)
        arms = []
        for one in levels:
            if one is Level.RECORD:
                where = f"a.key = {wanted}" + test.format(type="a.type", value="a.value")
                arm = f"arrayExists(a -> {where}, attributes)"
                if equal is not None:
                    texts = self._parameters.add(_texts(equal), "Array(String)")
                    arm = f"(hasAny(attributes.value, {texts}) AND {arm})"
                arms.append(arm)
            else:
                where = f"a.1 = {wanted}" + test.format(type="a.2", value="a.3")
                arms.append(self._texts(one.value, f"arrayExists(a -> {where}, {_PARSED})"))
        return "(" + " OR ".join(arms) + ")"

    def _texts(self, level: str, test: str) -> str:
        """Look the texts of a level up in their list: few, where the rows are many."""
        signal = self._parameters.add(self._signal.value, "String")
        return (
            f"({level} IN (SELECT text FROM {level}s "
            f"WHERE tenant = {self._tenant} AND signal = {signal} AND {test}))"
        )

    def _test(self, operator: Operator, value: Scalar) -> str:
        """Return the comparison of a value's text, with places for the type and the text."""
        if isinstance(value, bool):
            text = self._parameters.add("true" if value else "false", "String")
            return f" AND {{type}} = {BOOL} AND {{value}} {operator} {_literal(text)}"
        if isinstance(value, (int, float)):
            number = _literal(self._parameters.add(value, _type(value)))
            return (
                f" AND (({{type}} = {INT} AND toInt64OrZero({{value}}) {operator} {number})"
                f" OR ({{type}} = {DOUBLE} AND toFloat64OrZero({{value}}) {operator} {number}))"
            )
        return f" AND {{value}} {operator} {_literal(self._parameters.add(value, 'String'))}"


def _type(value: Scalar) -> str:
    """Return the ClickHouse type that holds a value exactly."""
    if isinstance(value, bool):
        return "Bool"
    if isinstance(value, int):
        return "Int64"
    return "Float64" if isinstance(value, float) else "String"


def _literal(parameter: str) -> str:
    """Escape a parameter's braces for `str.format`."""
    return parameter.replace("{", "{{").replace("}", "}}")


def _texts(value: Scalar) -> list[str]:
    """Return every text that an equal value may have."""
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, (int, float)):
        texts = [double_text(float(value))]
        if value == int(value):
            texts.append(str(int(value)))
        return texts if value else [*texts, "-0.0", "0.0"]
    return [str(value)]
