"""Conditions of a record: names find their column or attribute, values their type.

A name is, in this order: a field of the signal (`COLUMNS`), an attribute of the level that its
prefix names (`resource.`, `scope.`, `attributes.`, and `span.` or `log.` for that signal's own
records), or an attribute at any level. A name in backticks is always an attribute, and one with `*`
all attributes that it fits. What a value means to an attribute is said in `attribute.py`.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Final

from pipeline import plan
from pipeline.plan import AttributeField, AttributeKeys, Attributes, Level, Operator, Search
from pipeline.signal import Signal
from query.language import tree
from query.language.attribute import Comparing
from query.language.columns import Kind, Text, Time, searched
from query.language.fields import COLUMNS, RECORDS, WORDS
from query.language.seen import Seen, name_of
from query.wrong import WrongQuery, shown

STARS_MAX: Final = 8
"""Stars in a name."""

_LEVELS: Final = {"resource": Level.RESOURCE, "scope": Level.SCOPE, "attributes": Level.RECORD}
_RECORDS: Final = {"span": Signal.TRACES, "log": Signal.LOGS}
_PREFIXES: Final = {Level.RESOURCE: "resource", Level.SCOPE: "scope", Level.RECORD: "attributes"}

# Attributes whose own keys start with "log." (semantic conventions, registry "log").
_LOG_KEY: Final = re.compile(r"log\.(?:file|record)\..+|log\.iostream")


@dataclass(slots=True)
class Conditions:
    """Makes the conditions of a query; gathers the attributes that it names, and warnings."""

    signal: Signal
    seen: Seen | None
    now_ns: int | None
    attributes: list[Attributes] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def condition(self, node: tree.Expression) -> plan.Condition:
        """Return the condition that a record meets; raises WrongQuery."""
        match node:
            case tree.And(parts):
                return plan.And(tuple(map(self.condition, parts)))
            case tree.Or(parts):
                return plan.Or(tuple(map(self.condition, parts)))
            case tree.Not(part):
                return plan.Not(self.condition(part))
            case tree.Words():
                return self._words(node)
            case tree.Path():
                raise WrongQuery("{…} asks for traces: it has no place here", node.place)
            case _:
                kind = self.kind(node.name)
                if kind is not None:
                    return of_column(kind, node, RECORDS[self.signal])
                return self._of_attribute(node)

    def kind(self, name: tree.Name) -> Kind | None:
        """Return what a field of the signal is; None where the name is an attribute's."""
        kind = None if name.quoted else COLUMNS[self.signal].get(name.key)
        return replace(kind, now_ns=self.now_ns) if isinstance(kind, Time) else kind

    def _of_attribute(self, node: tree.Condition) -> plan.Condition:
        named = self.attribute(node.name)
        comparing = Comparing(node.name, named, self.seen, self.warnings)
        match node:
            case tree.Comparison(name, operator, value):
                return comparing.compare(operator, _no_star(name, value))
            case tree.Membership(name, values):
                return comparing.one_of(tuple(_no_star(name, one) for one in values))
            case tree.Existence():
                return plan.Exists(named)
            case tree.Matching(_, how, value, negated):
                found = plan.Find(named, how, searched(how, value))
                return plan.And((plan.Exists(named), plan.Not(found))) if negated else found

    def _words(self, words: tree.Words) -> plan.Condition:
        value = tree.Value(words.text, words.quoted, words.place)
        text = searched(Search.PHRASE, value)
        if not words.quoted and "*" in text:
            raise WrongQuery(
                "* in words to look for stands for itself only in quotes; what a word may contain "
                f'is written {WORDS[self.signal]} contains "…" or =~ "…"',
                words.place,
            )
        if not words.quoted and text.startswith("-"):
            raise WrongQuery(
                f'expected words to look for, found {shown(text)}: write "{shown(text)}" in quotes,'
                f" or NOT {shown(text[1:])} for what must not be there",
                words.place,
            )
        return plan.Find(plan.Column(WORDS[self.signal]), Search.PHRASE, text)

    def attribute(self, name: tree.Name) -> Attributes:
        """Return the attribute that a name means."""
        key, level = named(name, self.signal)
        found: Attributes = AttributeField(key, level)
        if not name.quoted and "*" in key:
            if key.count("*") > STARS_MAX:
                raise WrongQuery(f"a name has at most {STARS_MAX} stars", name.place)
            found = AttributeKeys(key, level)
        self.attributes.append(found)
        if self.seen is not None and not self.seen.there(found):
            self.warnings.append(self._unseen(name, found, self.seen))
        return found

    def _unseen(self, name: tree.Name, found: Attributes, seen: Seen) -> str:
        record, key = RECORDS[self.signal], shown(name_of(found))
        if elsewhere := seen.elsewhere(found):
            at = " or ".join(f"{_PREFIXES[level]}.{key}" for level in elsewhere)
            return f"no {record} has an attribute {shown(name)}; there is {at}"
        if isinstance(found, AttributeKeys):
            return f"no {record} has an attribute that fits {shown(name)}"
        fields = () if name.quoted else COLUMNS[self.signal]
        like = seen.like(found.key, fields)
        hint = f"; did you mean {shown(like)}?" if like is not None else ""
        return f"no {record} has an attribute {shown(name)}{hint}"


def of_column(kind: Kind, node: tree.Condition, record: str) -> plan.Condition:
    """Return the condition that a column meets; `record` is what has one."""
    match node:
        case tree.Comparison(name, operator, value):
            return kind(operator, _no_star(name, value))
        case tree.Membership(name, values):
            return plan.Or(tuple(kind(Operator.EQUAL, _no_star(name, one)) for one in values))
        case tree.Existence(name):
            exists = kind.exists()
            if exists is None:
                always = f"every {record} has {name}: leave this condition out"
                raise WrongQuery(f"{always} (an attribute of that name: `{name}`)", name.place)
            return exists
        case tree.Matching(name, how, value, negated):
            if not isinstance(kind, Text):
                sign = "!~" if negated else str(how)
                raise WrongQuery(
                    f'{name} is no text, which "{sign}" needs: expected = or !=, or in (…)',
                    name.place,
                )
            found = plan.Find(plan.Column(kind.column), how, searched(how, value))
            return plan.Not(found) if negated else found


def named(name: tree.Name, signal: Signal) -> tuple[str, Level]:
    """Return the key and the level of the attribute that a name means."""
    if name.quoted:
        return name.key, _level(name.prefix, signal, name)
    prefix, dot, key = name.key.partition(".")
    known = prefix in _LEVELS or _RECORDS.get(prefix) is signal
    if not (dot and known) or _LOG_KEY.fullmatch(name.key):
        return name.key, Level.ANY
    if not key:
        raise WrongQuery(f"expected an attribute's name after {prefix}", name.place)
    return key, _level(prefix, signal, name)


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


def _no_star(name: tree.Name, value: tree.Value) -> tree.Value:
    """Return the value; refuse a star that was surely meant as a pattern."""
    if value.quoted or "*" not in value.text:
        return value
    if value.text == "*":
        raise WrongQuery(f'a value is no pattern: write {name} exists, or quote "*"', value.place)
    raise WrongQuery(
        f'a value is no pattern: write {name}=~"…" with a regular expression, or quote '
        f'"{shown(value)}"',
        value.place,
    )
