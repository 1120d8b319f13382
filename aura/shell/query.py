"""`aura query`: ask for logs, traces or metrics."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from aura.shell import lines, options, style
from aura.shell.api import Api
from aura.shell.failure import Failure
from aura.shell.table import print_table, rows

ARROW: Final = "application/vnd.apache.arrow.stream"
_EMPTY: Final = "nothing found; --since looks further back, and --signal elsewhere"


@click.command()
@click.argument("q", default="")
@options.signals
@click.option("--since", help="From when on: 15m, 2h, 7d ago, or a time. Default: an hour ago.")
@click.option("--until", help="Until when: likewise. Default: now.")
@click.option("--limit", type=click.IntRange(min=1), help="How many at most. Default: 100.")
@options.formats("table", "json", "csv", "arrow")
@options.asks
def query(q: str, signal: str, form: str, url: str, key: str, **given: Any) -> None:
    """
    Print the logs, traces or metrics that match a query.

    Q is a query such as 'level=ERROR timeout'; without it, everything matches. A table ends with
    the newest; the other formats begin with it.
    """
    api = Api(url, key)
    asked = {"q": q} | {
        name: value
        for name, value in (
            ("start", options.moment(given["since"] or "")),
            ("end", options.moment(given["until"] or "")),
            ("limit", str(given["limit"] or "")),
        )
        if value
    }
    if form == "arrow":
        if sys.stdout.isatty():
            raise click.UsageError("--format arrow is no text: send it to a file or a pipe")
        options.run(_arrow(api, f"/v1/{signal}", asked))
        return
    answer, _ = options.run(api.json(f"/v1/{signal}", asked))
    options.warn(answer)
    if "columns" in answer:
        found = rows(answer)
        if form == "table":
            print_table(options.console(), answer)
    else:
        found = answer[signal]
        if form == "table":
            _print(signal, found)
    if form == "json":
        for row in found:
            click.echo(json.dumps(row, ensure_ascii=False))
    elif form == "csv":
        _csv(found, [column["name"] for column in answer.get("columns", ())])
    if answer.get("truncated"):
        options.note(f"the {len(found)} newest; --limit shows more")


def _print(signal: str, found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        options.note(_EMPTY)
        return
    name = "start" if signal == "traces" else "time"
    columns = lines.columns(signal, style.moment(min(record[name] for record in found)))
    printed = lines.Lines(options.console(), columns, found)
    printed.head()
    for record in reversed(found):
        printed.print(record)


def _csv(found: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Print the members of all records as columns; what has members of its own is JSON."""
    names = names or list(dict.fromkeys(name for record in found for name in record))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if names:
        writer.writerow(names)
    for record in found:
        writer.writerow(_cell(record.get(name)) for name in names)


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list | bool):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else value


async def _arrow(api: Api, path: str, asked: Mapping[str, str]) -> None:
    async with api.get(path, asked, accept=ARROW) as answer:
        if answer.content_type != ARROW:
            raise Failure("this answer is not to be had in Arrow; --format json is")
        async for part in answer.content.iter_any():
            sys.stdout.buffer.write(part)
    sys.stdout.flush()
