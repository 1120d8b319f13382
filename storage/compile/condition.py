"""Conditions of a plan to SQL that the indexes of `storage/sql/clickhouse` serve."""

from typing import Final

from pipeline.errors import Rejected
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

_IDS: Final = ("trace_id", "span_id", "parent_span_id")
_PLAIN: Final = {
    Signal.TRACES: {
        "service_name": "String",
        "name": "String",
        "kind": "Int64",
        "status_code": "Int64",
        "status_message": "String",
        "trace_state": "String",
    },
    Signal.LOGS: {
        "service_name": "String",
        "severity_number": "Int64",
        "severity_text": "String",
        "body": "String",
        "event_name": "String",
    },
    Signal.METRICS: {
        "service_name": "String",
        "metric_name": "String",
        "metric_unit": "String",
        "metric_type": "Int64",
        "aggregation_temporality": "Int64",
        "is_monotonic": "Bool",
    },
}
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
        """Return the condition as SQL; raises Rejected for a column that the signal has not."""
        match condition:
            case And(parts):
                return "(" + " AND ".join(map(self.sql, parts)) + ")"
            case Or(parts):
                return "(" + " OR ".join(map(self.sql, parts)) + ")"
            case Not(part):
                return f"(NOT {self.sql(part)})"
            case Compare(Column(name), operator, value):
                return self._column(name, operator, value)
            case Compare(AttributeField(key, level), operator, value):
                return self._attribute(key, level, operator, value)
            case _:
                raise Rejected(f"the store cannot answer {condition}")

    def _column(self, name: str, operator: Operator, value: Scalar) -> str:
        bind = self._parameters
        plain = _PLAIN[self._signal].get(name)
        if plain is not None:
            if isinstance(value, float):
                plain = "Float64"
            return f"({name} {operator} {bind.add(value, plain)})"
        if name in _SCOPE:
            test = f"JSONExtractString(text, '{_SCOPE[name]}') {operator}"
            return self._texts("scope", f"{test} {bind.add(value, 'String')}")
        if name in _IDS and isinstance(value, bytes) and self._signal is not Signal.METRICS:
            return f"({name} {operator} {bind.fixed(value)})"
        if name == "duration_ns" and self._signal is Signal.TRACES:
            # A span that ends before it starts lasted 0.
            end = "greatest(start_time_unix_nano, end_time_unix_nano)"
            number = bind.add(value, _number(value))
            return f"({end} - start_time_unix_nano {operator} {number})"
        if name == "value" and self._signal is Signal.METRICS:
            number = bind.add(value, _number(value))
            return (
                f"((value_type = 4 AND value_double {operator} {number}) "
                f"OR (value_type = 6 AND value_int {operator} {number}))"
            )
        raise Rejected(f"{self._signal} have no column {name}")

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
            number = _literal(self._parameters.add(value, _number(value)))
            return (
                f" AND (({{type}} = {INT} AND toInt64OrZero({{value}}) {operator} {number})"
                f" OR ({{type}} = {DOUBLE} AND toFloat64OrZero({{value}}) {operator} {number}))"
            )
        return f" AND {{value}} {operator} {_literal(self._parameters.add(value, 'String'))}"


def _number(value: Scalar) -> str:
    return "Float64" if isinstance(value, float) else "Int64"


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
        return texts
    return [str(value)]
