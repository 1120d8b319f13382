"""How a statement would run: its indexes and what each of them leaves, as the engine says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from storage.compile.parameters import Statement

_EXPLAIN: Final = "EXPLAIN json = 1, indexes = 1 "
_LINE: Final[list[pa.Field[Any]]] = [pa.field("explain", pa.binary())]
LINES: Final = pa.schema(_LINE)
"""What the engine answers: bytes, as it cuts long texts anywhere, which leaves half a character."""


def explaining(statement: Statement) -> Statement:
    """Return the statement that asks how this one would run; its answer has one column."""
    return Statement(_EXPLAIN + statement.sql, statement.parameters)


def row(statement: Statement, lines: Sequence[bytes]) -> dict[str, Any]:
    """Return a row of an `Explain` plan's answer from the engine's."""
    whole = json.loads(b"\n".join(lines).decode(errors="replace"))
    return {
        "sql": statement.sql,
        "parameters": json.dumps(statement.parameters, default=str, ensure_ascii=False),
        "indexes": [one for plan in whole for one in _indexes(plan.get("Plan", {}))],
    }


def _indexes(node: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the indexes of a node and of those below it, which are as deep as a statement is."""
    for one in node.get("Indexes", ()):
        yield {
            "table": str(node.get("Description", "")).rpartition(".")[2],
            "index": str(one.get("Type", "")).lower(),
            "name": one.get("Name") or ", ".join(one.get("Keys", ())),
            "condition": str(one.get("Condition", "")),
            "parts": one.get("Selected Parts", 0),
            "parts_of": one.get("Initial Parts", 0),
            "granules": one.get("Selected Granules", 0),
            "granules_of": one.get("Initial Granules", 0),
        }
    for below in node.get("Plans", ()):
        yield from _indexes(below)
