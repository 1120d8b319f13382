"""A table that a question computed, as a table on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aura.shell import style
from aura.shell.clean import clean, plain


def rows(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a computed table, {"columns": [{"name"}], "rows"}, as objects."""
    names = [column["name"] for column in answer["columns"]]
    return [
        dict(row) if isinstance(row, Mapping) else dict(zip(names, row, strict=True))
        for row in answer["rows"]
    ]


def print_table(console: Console, answer: Mapping[str, Any]) -> None:
    """Print a computed table; numbers stand right."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    found = rows(answer)
    for column in answer["columns"]:
        name, values = column["name"], [row.get(column["name"]) for row in found]
        numbers = any(map(_is_number, values)) and all(
            value is None or _is_number(value) for value in values
        )
        table.add_column(
            Text(clean(name)),
            justify="right" if numbers else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in found:
        table.add_row(*[_cell(row.get(one["name"]), one) for one in answer["columns"]])
    console.print(table)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any, column: Mapping[str, Any]) -> Text:
    if value is None:
        return Text("-", style="dim")
    if column.get("type") == "duration" and _is_number(value):
        return Text(style.duration(int(value)))
    text = _number(value) if _is_number(value) else plain(value)
    return Text(text, style=style.LEVELS.get(text, ""))


def _number(value: float) -> str:
    """Return a number that is read at a glance: three digits after the point, if it has many."""
    if isinstance(value, int):
        return f"{value:,}"
    if 1 <= abs(value) < 1e15:
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{value:.4g}"
