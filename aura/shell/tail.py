"""`aura tail`: print what comes, as it comes."""

import asyncio
import json
from typing import Any, Final

import click

from aura.shell import options
from aura.shell.api import Api
from aura.shell.events import Event, events
from aura.shell.failure import Failure, Misuse
from aura.shell.lines import Lines, columns

AGAIN_S: Final = 2.0
"""After how long a tail that broke is asked for again."""

_LOST: Final = {
    "slow": "were dropped: this terminal is too slow",
    "rate": "more matched: narrow the query to see all",
    "unexamined": "were not looked at: Aura is busy",
}


@click.command()
@click.argument("q", default="")
@options.signals
@click.option("--limit", type=click.IntRange(min=1), help="End after so many records.")
@options.formats("table", "json")
@options.asks
def tail(q: str, signal: str, limit: int | None, form: str, url: str, key: str) -> None:
    """
    Print what matches a query as it comes in.

    Q is a query such as 'level>=WARN'; without it, everything matches. Of traces each span is
    shown. Ctrl-C ends it. When Aura goes away, the tail waits until it is back.
    """
    asked = {"q": q, "signal": signal}
    options.run(_Tail(signal, form, limit).follow(Api(url, key), asked))


class _Tail:
    def __init__(self, signal: str, form: str, limit: int | None) -> None:
        kind = "spans" if signal == "traces" else signal
        self._lines = Lines(options.console(), columns(kind)) if form == "table" else None
        self._left = limit
        self._opened = False

    async def follow(self, api: Api, asked: dict[str, str]) -> None:
        """Ask again when the tail breaks that once was open; return at the limit."""
        while self._left != 0:
            try:
                async with api.get("/v1/tail", asked, accept="text/event-stream") as answer:
                    async for event in events(answer.content.iter_any()):
                        self._show(event)
                        if self._left == 0:
                            return
            except Misuse:
                raise
            except Failure:
                if not self._opened:
                    raise
            options.note("the tail broke off; asking again")
            await asyncio.sleep(AGAIN_S)

    def _show(self, event: Event) -> None:
        data: dict[str, Any] = json.loads(event.data)
        match event.name:
            case "message":
                self._print(data)
            case "open":
                options.warn(data)
                if self._lines and not self._opened:
                    self._lines.head()
                self._opened = True
            case "dropped":
                for why, text in _LOST.items():
                    if data[why]:
                        options.note(f"… {data[why]} {text}")

    def _print(self, record: dict[str, Any]) -> None:
        if self._lines:
            self._lines.print(record)
        else:
            click.echo(json.dumps(record, ensure_ascii=False))
        if self._left is not None:
            self._left -= 1
