"""Searches and patterns of a condition, looked up among the texts that are there, in RE2.

PostgreSQL's expressions are not RE2's, so it is asked for the distinct texts of a column or key
instead, and those that match are what is compared: exact, and bounded.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import search
from pipeline.errors import Rejected
from pipeline.plan import (
    And,
    AttributeField,
    AttributeKeys,
    Column,
    Compare,
    Condition,
    Exists,
    Find,
    Level,
    Not,
    OneOf,
    Or,
    Search,
)
from storage.compile.series_condition import SCOPE, Found
from storage.compile.series_lists import TABLES
from storage.compile.timescale import Statement
from storage.timescale.question import Question
from storage.timescale.text import written

TEXTS_MAX: Final = 200_000
"""Distinct texts that one search looks at."""

Texts: TypeAlias = Any
"""Texts as a column of Arrow."""

_TEXT: Final = pa.schema([pa.field("text", pa.utf8())])


async def look_up(
    question: Question, tenant: str, where: Condition | None, patterns: tuple[str, ...] = ()
) -> Found:
    """Return what the searches of a condition and these patterns of keys find; raises Rejected."""
    leaves = list(_leaves(where))
    asked = {
        *patterns,
        *(one.pattern for one in map(_field, leaves) if isinstance(one, AttributeKeys)),
    }
    keys: dict[str, list[str]] = {}
    if asked:
        sql = "SELECT DISTINCT key FROM attribute_keys WHERE tenant = $1"
        known = await _texts(question, sql, written(tenant))
        keys = {one: _matching(known, search.key(one)) for one in asked}
    found: dict[Find, list[str]] = {}
    for leaf in leaves:
        if isinstance(leaf, Find) and leaf not in found:
            texts = await _candidates(question, tenant, leaf, keys)
            found[leaf] = _matching(texts, _pattern(leaf))
    return Found(keys, found)


def _leaves(condition: Condition | None) -> Iterator[Condition]:
    match condition:
        case None:
            return
        case And(parts) | Or(parts):
            for part in parts:
                yield from _leaves(part)
        case Not(part):
            yield from _leaves(part)
        case _:
            yield condition


def _field(leaf: Condition) -> object:
    return leaf.field if isinstance(leaf, Compare | OneOf | Exists | Find) else None


async def _candidates(
    question: Question, tenant: str, leaf: Find, keys: dict[str, list[str]]
) -> Texts:
    if isinstance(leaf.field, Column):
        name = leaf.field.name
        table = "scopes" if name in SCOPE else "series"
        column = SCOPE.get(name, name)
        sql = f"SELECT DISTINCT {column} FROM {table} WHERE tenant = $1"  # noqa: S608
        return await _texts(question, sql, written(tenant))
    field = leaf.field
    wanted = [field.key] if isinstance(field, AttributeField) else keys[field.pattern]
    levels = TABLES if field.level is Level.ANY else (field.level,)
    sql = " UNION ".join(
        f"SELECT a.value FROM {TABLES[level]} AS t, unnest(t.attributes) AS a "  # noqa: S608
        "WHERE t.tenant = $1 AND a.key = ANY($2::text[])"
        for level in levels
    )
    return await _texts(question, sql, written(tenant), [written(key) for key in wanted])


async def _texts(question: Question, sql: str, *values: Any) -> Texts:
    asked = Statement(f"{sql} LIMIT {TEXTS_MAX + 1}", values)
    found = (await question.table(asked, _TEXT))["text"]
    if len(found) > TEXTS_MAX:
        raise Rejected(
            f"the search would look at more than {TEXTS_MAX} distinct texts: "
            "compare with = instead, or name the key"
        )
    return found


def _pattern(leaf: Find) -> str:
    match leaf.how:
        case Search.CONTAINS:
            return search.containing(leaf.text)
        case Search.PHRASE:
            return search.phrase(leaf.text)
        case Search.MATCH:
            return search.matching(leaf.text)


def _matching(texts: Texts, pattern: str) -> list[str]:
    found: list[str] = texts.filter(pc.match_substring_regex(texts, pattern)).to_pylist()
    return found
