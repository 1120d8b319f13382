"""Records as lines of columns: one record a line, cut at the terminal's edge."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from rich.console import Console
from rich.text import Text

from aura.shell import style
from aura.shell.clean import clean, pairs, plain

Record: TypeAlias = Mapping[str, Any]

WIDE: Final = 100
"""Columns of a terminal from which on there is room for what is good to know."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title and cells; the last of a line has the rest of its width."""

    title: str
    cell: Callable[[Record], Text]
    most: int
    least: int = 0
    right: bool = False
    wide: bool = False
    """Left out on a narrow terminal."""


class Lines:
    """The columns of one kind of record on a console."""

    def __init__(
        self, console: Console, columns: Sequence[Column], records: Sequence[Record] | None = None
    ) -> None:
        """Take widths from all records, or where they are still to come from the columns."""
        self._console = console
        self._columns = [one for one in columns if console.width >= WIDE or not one.wide]
        self._widths = [self._width(column, records) for column in self._columns]

    def head(self) -> None:
        """Print the titles."""
        self._print([Text(column.title, style="bold") for column in self._columns])

    def print(self, record: Record) -> None:
        """Print a record."""
        self._print([column.cell(record) for column in self._columns])

    def _width(self, column: Column, records: Sequence[Record] | None) -> int:
        if records is None:
            return max(column.least or column.most, len(column.title))
        longest = max((column.cell(one).cell_len for one in records), default=0)
        return max(min(longest, column.most), len(column.title))

    def _print(self, cells: Sequence[Text]) -> None:
        line = Text(no_wrap=True, overflow="ellipsis")
        for cell, width, column in zip(cells[:-1], self._widths, self._columns, strict=False):
            cell.truncate(width, overflow="ellipsis")
            if column.right:
                cell.pad_left(width - cell.cell_len)
            else:
                cell.pad_right(width - cell.cell_len)
            line.append_text(cell).append("  ")
        line.append_text(cells[-1])
        line.truncate(self._console.width, overflow="ellipsis")
        line.rstrip()
        self._console.print(line, soft_wrap=True)


def columns(kind: str, oldest: datetime | None = None) -> list[Column]:
    """
    Return the columns of `logs`, `traces` (summaries), `spans` or `metrics`.

    `oldest` is the time of the oldest record: with the date when that is not today's.
    """
    today = oldest is None or oldest.date() == datetime.now().astimezone().date()
    form = "%H:%M:%S.%f" if today else "%m-%d %H:%M:%S.%f"
    name = "time" if kind in ("logs", "metrics") else "start"

    def time(record: Record) -> Text:
        return Text(style.moment(record[name]).strftime(form)[:-3], style="dim")

    return [Column(f"TIME {style.zone()}", time, 18 if not today else 12), *_KINDS[kind]]


def _level(record: Record) -> Text:
    level = record.get("level") or record.get("severity_text") or ""
    return Text(clean(level), style=style.LEVELS.get(level, ""))


def _service(record: Record) -> Text:
    name = record["service_name"]
    return Text(clean(name), style=style.service(name))


def _body(record: Record) -> Text:
    body = plain(record["body"]) or clean(record.get("event_name", ""))
    return _with_attributes(Text(body), record)


def _with_attributes(text: Text, record: Record) -> Text:
    if record["attributes"]:
        text.append(f"  {pairs(record['attributes'])}", style="dim")
    return text


def _duration(record: Record) -> Text:
    return Text(style.duration(int(record["duration_ns"])))


def _root(record: Record) -> Text:
    service, name = record["root_service"], record["root_name"]
    if not (service or name):
        services = ", ".join(map(clean, record["services"]))
        return Text.assemble((services, "dim"), ("  the root is missing", "dim"))
    text = Text.assemble((clean(service), style.service(service)), " ", clean(name))
    if errors := record["error_count"]:
        text.append(f"  {errors} error{'s' if errors > 1 else ''}", style=style.ERROR)
    return text


def _name(record: Record) -> Text:
    failed = record["status"] == "error"
    text = Text(clean(record["name"]), style=style.ERROR if failed else "")
    if record.get("status_message"):
        text.append(f"  {clean(record['status_message'])}", style="red")
    return _with_attributes(text, record)


def _value(record: Record) -> Text:
    if "value" in record:
        return Text(plain(record["value"]))
    if "count" in record:
        total = f" sum={plain(record['sum'])}" if "sum" in record else ""
        return Text(f"count={record['count']}{total}")
    return Text("-", style="dim")


def _unit(record: Record) -> Text:
    return _with_attributes(Text(clean(record["unit"])), record)


def _text(name: str, look: str = "") -> Callable[[Record], Text]:
    return lambda record: Text(clean(str(record.get(name, ""))), style=look)


_SERVICE: Final = Column("SERVICE", _service, 20, least=14)
_DURATION: Final = Column("DURATION", _duration, 8, right=True)
_TRACE: Final = Column("TRACE ID", _text("trace_id", "dim"), 32)

_KINDS: Final[Mapping[str, Sequence[Column]]] = {
    "logs": (Column("LEVEL", _level, 5), _SERVICE, Column("MESSAGE", _body, 0)),
    "traces": (
        _DURATION,
        Column("SPANS", _text("span_count"), 5, right=True, wide=True),
        _TRACE,
        Column("ROOT", _root, 0),
    ),
    "spans": (
        _DURATION,
        _SERVICE,
        Column("TRACE ID", _text("trace_id", "dim"), 32, wide=True),
        Column("NAME", _name, 0),
    ),
    "metrics": (
        _SERVICE,
        Column("METRIC", _text("name"), 36, least=24),
        Column("VALUE", _value, 24, least=10, right=True),
        Column("UNIT", _unit, 0),
    ),
}
