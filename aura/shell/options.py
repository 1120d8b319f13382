"""What the commands of the shell share."""

import asyncio
import os
import re
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

import click
from rich.console import Console

from pipeline.signal import Signal
from query.language.literal import duration_ns

DEFAULT_URL: Final = "http://localhost:8081"
UNCUT: Final = 100_000
"""Columns of what is no terminal: nothing is cut there."""

Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def asks(command: Command) -> Command:
    """Add where Aura is, and the key."""
    command = click.option(
        "--key",
        envvar="AURA_KEY",
        default="",
        callback=_key,
        help="A key that may read; better AURA_KEY, which no list of processes shows.",
    )(command)
    return click.option(
        "--url",
        envvar="AURA_URL",
        default=DEFAULT_URL,
        show_default=True,
        callback=_url,
        help="Where Aura answers questions.",
    )(command)


def signals(command: Command) -> Command:
    """Add the signal that is asked for."""
    return click.option(
        "--signal",
        type=click.Choice([Signal.LOGS.value, Signal.TRACES.value, Signal.METRICS.value]),
        default=Signal.LOGS.value,
        show_default=True,
        help="What to look at.",
    )(command)


def formats(*known: str) -> Callable[[Command], Command]:
    """Add the format; without it, a table on a terminal and JSON elsewhere."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(known),
        default=lambda: "table" if sys.stdout.isatty() else "json",
        help="How to print; on a terminal a table, else JSON, one object a line.",
    )


def moment(text: str) -> str:
    """Return a time as the API takes it: `1h` is an hour ago."""
    return f"now-{text}" if duration_ns(text) is not None else text


def console(*, err: bool = False) -> Console:
    """Return a console that prints text as it is, cut at the edge of a terminal only."""
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else UNCUT
    return Console(stderr=err, width=width, highlight=False, markup=False, emoji=False)


def note(text: str) -> None:
    """Say something beside what was asked for."""
    console(err=True).print(text, style="dim", soft_wrap=True)


def warn(warnings: Mapping[str, Any]) -> None:
    """Say what an answer warns of."""
    for warning in warnings.get("warnings", ()):
        console(err=True).print(f"warning: {warning}", style="yellow", soft_wrap=True)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command to its end; Ctrl-C is one."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        sys.exit(130)


def _url(context: click.Context, option: click.Parameter, value: str) -> str:
    del context, option
    if not re.match(r"https?://[^/]", value):
        raise click.BadParameter(f"an address such as {DEFAULT_URL}, not {value}")
    return value


def _key(context: click.Context, option: click.Parameter, value: str) -> str:
    del context, option
    if _CONTROL.search(value) or not value.isascii():
        raise click.BadParameter("holds what no key has")
    return value
