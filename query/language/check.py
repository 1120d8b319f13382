"""Tree to condition: names find their column or attribute, values their type.

A name is, in this order: a field of the signal (`COLUMNS`), an attribute of the level that its
prefix names (`resource.`, `scope.`, `attributes.`, and `span.` or `log.` for that signal's own
records), or an attribute at any level. A name in backticks is always an attribute.

The value of an attribute has the type that its form says: in quotes it is text, bare it is a number
or a bool where it reads as one, else text.
"""

import re
from typing import Final

from pipeline import plan
from pipeline.plan import AttributeField, Level
from pipeline.signal import Signal
from query.language import literal, tree
from query.language.columns import EQUALITY, bounded, only_equality
from query.language.fields import COLUMNS
from query.wrong import WrongQuery, shown

_LEVELS: Final = {"resource": Level.RESOURCE, "scope": Level.SCOPE, "attributes": Level.RECORD}
_RECORDS: Final = {"span": Signal.TRACES, "log": Signal.LOGS}

# Attributes whose own keys start with "log." (semantic conventions, registry "log").
_LOG_KEY: Final = re.compile(r"log\.(?:file|record)\..+|log\.iostream")

_TIMES: Final = ("time", "timestamp")


def check(query: tree.Query, signal: Signal) -> plan.Condition | None:
    """Return the query's condition for a signal; raises WrongQuery for what can never be right."""
    return None if query.where is None else _condition(query.where, signal)


def _condition(node: tree.Expression, signal: Signal) -> plan.Condition:
    match node:
        case tree.And(parts):
            return plan.And(tuple(_condition(part, signal) for part in parts))
        case tree.Or(parts):
            return plan.Or(tuple(_condition(part, signal) for part in parts))
        case tree.Not(part):
            return plan.Not(_condition(part, signal))
        case tree.Comparison(name, operator, value):
            kind = None if name.quoted else COLUMNS[signal].get(name.key)
            if kind is not None:
                return kind(operator, value)
            return plan.Compare(_attribute(name, signal), operator, _scalar(operator, value))


def _attribute(name: tree.Name, signal: Signal) -> AttributeField:
    if name.quoted:
        return AttributeField(name.key, _level(name.prefix, signal, name))
    if name.key in _TIMES:
        raise WrongQuery(
            f"{name} is no field: the parameters start and end bound the time "
            f"(an attribute of that name: `{name}`)",
            name.place,
        )
    prefix, dot, key = name.key.partition(".")
    known = prefix in _LEVELS or _RECORDS.get(prefix) is signal
    if not (dot and known) or _LOG_KEY.fullmatch(name.key):
        return AttributeField(name.key)
    if not key:
        raise WrongQuery(f"expected an attribute's name after {prefix}", name.place)
    return AttributeField(key, _level(prefix, signal, name))


def _level(prefix: str, signal: Signal, name: tree.Name) -> Level:
    if not prefix:
        return Level.ANY
    if prefix in _LEVELS:
        return _LEVELS[prefix]
    if _RECORDS.get(prefix) is signal:
        return Level.RECORD
    own = [record for record, of in _RECORDS.items() if of is signal]
    expected = ", ".join([*_LEVELS, *own])
    raise WrongQuery(f"expected one of {expected} before a `name`, found {prefix}", name.place)


def _scalar(operator: plan.Operator, value: tree.Value) -> plan.Scalar:
    if value.quoted:
        return value.text
    if (flag := literal.boolean(value.text)) is not None:
        only_equality(operator, "true or false", value)
        return flag
    if (number := literal.number(value.text)) is not None:
        return bounded(number, value)
    if operator not in EQUALITY and literal.duration_ns(value.text) is not None:
        # As text 9s would be more than 10s; and no attribute says what its numbers count.
        raise WrongQuery(
            f"expected a number, found the duration {shown(value)}: attributes have "
            "no unit; write the number it stands for, or quote it to compare text",
            value.place,
        )
    return value.text
