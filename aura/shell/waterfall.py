"""A trace on the terminal: its tree, and each span's time to scale."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.text import Text

from aura.shell import style
from aura.shell.clean import clean
from aura.shell.spans import Place, Span, tree

WIDTH_MAX: Final = 200
"""Columns that a waterfall takes at most."""
BAR_LEAST: Final = 16
DURATION: Final = 8


class Waterfall:
    """Prints the spans of one trace, at least one."""

    def __init__(self, console: Console, spans: Sequence[Span]) -> None:
        self._console = console
        self._spans = spans
        self._start_ns = min(span.start_ns for span in spans)
        self._length_ns = max(1, max(span.end_ns for span in spans) - self._start_ns)
        width = min(console.width, WIDTH_MAX)
        self._bar = max(BAR_LEAST, width * 2 // 5 - DURATION)
        self._name = max(BAR_LEAST, width - self._bar - DURATION - 3)

    def print(self, trace_id: str) -> None:
        """Print what the trace is, then a line for each span."""
        self._line(Text(f"trace {trace_id}", style="bold"))
        self._line(self._title())
        scale = Text(" " * (self._name + DURATION + 3))
        end = style.duration(self._length_ns)
        scale.append("0".ljust(self._bar - len(end)) + end, style="dim")
        self._line(scale)
        for place in tree(self._spans):
            self._line(self._span(place))

    def _title(self) -> Text:
        spans = self._spans
        errors = sum(span.failed for span in spans)
        began = datetime.fromtimestamp(self._start_ns // 10**9, UTC).astimezone()
        services = len({span.service for span in spans})
        facts = (
            f"{began:%Y-%m-%d %H:%M:%S %Z}",
            style.duration(self._length_ns),
            _count(len(spans), "span"),
            _count(services, "service"),
        )
        title = Text("  ".join(facts))
        return title.append(f"  {_count(errors, 'error')}", style.ERROR) if errors else title

    def _span(self, place: Place) -> Text:
        span = place.span
        name = Text(_branches(place.follows, self._name // 2), style="dim")
        if span.failed:
            name.append("✗ ", style=style.ERROR)
        name.append(clean(span.service), style=style.service(span.service))
        name.append(f" {clean(span.name)}", style=style.ERROR if span.failed else "")
        if span.message:
            name.append(f"  {clean(span.message)}", style="red")
        if place.orphan:
            name.append("  its parent is missing", style="dim")
        name.truncate(self._name, overflow="ellipsis", pad=True)
        length = style.duration(span.end_ns - span.start_ns).rjust(DURATION)
        return Text.assemble(name, " ", length, "  ", self._bar_of(span))

    def _bar_of(self, span: Span) -> Text:
        """Return the span's time to scale, at least one cell of it."""
        scale = self._bar / self._length_ns
        start = min(self._bar - 1, int((span.start_ns - self._start_ns) * scale))
        end = max(start + 1, min(self._bar, round((span.end_ns - self._start_ns) * scale)))
        look = style.ERROR if span.failed else style.service(span.service)
        return Text(" " * start).append("█" * (end - start), style=look)

    def _line(self, text: Text) -> None:
        text.rstrip()
        self._console.print(text, no_wrap=True, overflow="ellipsis", crop=True)


def _branches(follows: Sequence[bool], most: int) -> str:
    """Return the lines that lead to a span; of too deep ones their end, after the level."""
    if not follows:
        return ""
    lines = "".join("│ " if more else "  " for more in follows[:-1])
    lines += "├─" if follows[-1] else "└─"
    if len(lines) <= most:
        return lines
    level = f"{len(follows)}…"
    return level + lines[-(most - len(level)) :]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
