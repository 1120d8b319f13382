"""How a question would be answered, as JSON: its plan, and its statements with their indexes."""

import json
from dataclasses import fields, is_dataclass
from typing import Any

import pyarrow as pa

from query.api import render
from query.api.render import Json


def plan(part: Any) -> Json:
    """
    Return a plan, or a part of one, as JSON.

    A dataclass is an object of its fields, with its name in `plan`; an ID is hexadecimal digits.
    """
    if is_dataclass(part) and not isinstance(part, type):
        of: dict[str, Json] = {one.name: plan(getattr(part, one.name)) for one in fields(part)}
        return {"plan": type(part).__name__, **of}
    match part:
        case tuple():
            return [plan(one) for one in part]
        case bytes():
            return part.hex()
        case bool() | None:
            return part
        case str():
            return str(part)
        case float():
            return render.double(part)
        case int():
            return render.integer(part)
    raise TypeError(part)


def statements(rows: pa.Table) -> list[Json]:
    """Return the rows of an `Explain` plan."""
    return [
        {"sql": row["sql"], "parameters": _read(row["parameters"]), "indexes": row["indexes"]}
        for row in rows.to_pylist()
    ]


def _read(text: str) -> Json:
    found: Json = json.loads(text, parse_int=lambda digits: render.integer(int(digits)))
    return found
