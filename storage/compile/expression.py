"""Columns of a table, made of a record's columns and attributes."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from typing import Final

from pipeline.plan import (
    AttributeField,
    Column,
    Holds,
    Kind,
    Labels,
    Level,
    Made,
)
from pipeline.signal import Signal
from pipeline.value import DOUBLE, INT
from storage.compile.condition import PARSED, Conditions
from storage.compile.parameters import Parameters
from storage.tables import AS_DOUBLE, AS_INT

INT64_MAX: Final = "toInt64(9223372036854775807)"
_IDS: Final = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
_COLUMNS: Final = {
    "scope_name": "JSONExtractString(scope, 'name')",
    "scope_version": "JSONExtractString(scope, 'version')",
    "duration_ns": "greatest(start_time_unix_nano, end_time_unix_nano) - start_time_unix_nano",
    "value": (
        f"multiIf(value_type = {AS_DOUBLE}, value_double, "
        f"value_type = {AS_INT}, toFloat64(value_int), NULL)"
    ),
}


class Expressions:
    """Compiles the columns of one statement; `tenant` is the parameter that names the tenant."""

    def __init__(self, signal: Signal, tenant: str, parameters: Parameters) -> None:
        self._signal = signal
        self._tenant = tenant
        self._parameters = parameters
        self._conditions = Conditions(signal, tenant, parameters)
        self._names = 0

    def sql(self, made: Made) -> str:
        """Return what a column is made of, which `storage.kinds` let through, as SQL."""
        match made.of:
            case Column(name):
                return _column(name, made.kind)
            case AttributeField():
                return self._attribute(made.of, made.kind)
            case Labels():
                return f"nullIf({self._labels(made.of)}, '')"
            case Holds(condition):
                return self._conditions.sql(condition)

    def _labels(self, labels: Labels) -> str:
        values = [value for value, _ in labels.labels]
        texts = self._parameters.add([text for _, text in labels.labels], "Array(String)")
        kind = "String" if values and isinstance(values[0], str) else "Int64"
        known = self._parameters.add(values, f"Array({kind})")
        name = labels.column.name
        found = f"transform({name}, {known}, {texts}, '')"
        if labels.unset is None:
            return found
        return f"if({name} = 0, {self._labels(labels.unset)}, {found})"

    def _attribute(self, field: AttributeField, kind: Kind) -> str:
        """Return an attribute's value at the first level that has it."""
        key = self._parameters.add(field.key, "String")
        levels = (Level.RECORD, Level.RESOURCE, Level.SCOPE)
        arms = []
        for level in levels if field.level is Level.ANY else (field.level,):
            if level is Level.RECORD:
                at = f"indexOf(attributes.key, {key})"
                has, type_, text = (
                    f"has(attributes.key, {key})",
                    f"attributes.type[{at}]",
                    f"attributes.value[{at}]",
                )
            else:
                self._names += 1
                found = f"a{self._names}"
                has, type_, text = (
                    f"({self._listed(level, key)} AS {found}) != ''",
                    f"toUInt8OrZero(substring({found}, 1, 1))",
                    f"substring({found}, 2)",
                )
            value = text
            if kind is Kind.NUMBER:
                value = f"if({type_} IN ({INT}, {DOUBLE}), toFloat64OrNull({text}), NULL)"
            arms.append(f"{has}, {value}")
        return f"multiIf({', '.join(arms)}, NULL)"

    def _listed(self, level: Level, key: str) -> str:
        """
        Return the type's digit and the text of an attribute of a resource or scope, or nothing.

        Their texts are few, where the rows are many: each is looked up in its list, once.
        """
        signal = self._parameters.add(self._signal.value, "String")
        one = f"arrayFirst(a -> a.1 = {key}, {PARSED})"
        listed = (
            f"FROM {level}s WHERE tenant = {self._tenant} AND signal = {signal} "
            f"AND arrayExists(a -> a.1 = {key}, {PARSED}) ORDER BY text"
        )
        # Two look-ups in the same order: of a pair, ClickHouse would not take the halves as fixed.
        texts = f"(SELECT groupArray(text) FROM (SELECT text {listed}))"
        value = f"concat(toString({one}.2), {one}.3)"
        values = f"(SELECT groupArray(value) FROM (SELECT {value} AS value {listed}))"
        return f"transform({level}, {texts}, {values}, '')"


def _column(name: str, kind: Kind) -> str:
    column = _COLUMNS.get(name, name)
    match kind:
        case Kind.ID:
            return f"nullIf({column}, toFixedString('', {_IDS[name]}))"
        case Kind.TIME if name == "time":
            return whole(column)
        case Kind.TIME:
            return f"nullIf({whole(column)}, 0)"
        case Kind.DURATION:
            return whole(column)
        case Kind.INTEGER:
            return f"toInt64({column})"
        case _:
            return column


def whole(unsigned: str) -> str:
    """Return a number that is not negative as 64 bits with a sign, the largest where none fits."""
    return f"toInt64(least({unsigned}, toUInt64(9223372036854775807)))"
