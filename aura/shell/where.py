"""Where something is wrong in a query, shown under it."""

from typing import Final

from rich.cells import cell_len

from aura.shell.clean import clean

AROUND: Final = 50
"""Characters of a long query that are shown before and after the place."""


def explained(query: str, line: int, column: int, message: str) -> str:
    """Return the line of the query at fault, a caret under the place, and the message."""
    # As the parser counts lines: by "\n" alone.
    lines = query.split("\n")
    text = lines[line - 1] if line <= len(lines) else ""
    at = column - 1
    start, end = max(0, at - AROUND), at + AROUND
    before = ("…" if start else "") + clean(text[start:at])
    after = clean(text[at:end]) + ("…" if len(text) > end else "")
    return f"  {before}{after}\n  {' ' * cell_len(before)}^\n{message}"
