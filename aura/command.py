"""The command line: each command is loaded when it is called, so that a question starts at once."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Final

import click

_COMMANDS: Final[Mapping[str, str]] = {
    "up": "aura.service",
    "check": "aura.service",
    "migrate": "aura.service",
    "keys": "aura.keys",
    "query": "aura.shell.query",
    "tail": "aura.shell.tail",
    "trace": "aura.shell.trace",
}
"""The module of each command, which has the command's name there."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(_COMMANDS[cmd_name]), cmd_name)
        return command


@click.group(cls=_Commands)
@click.version_option(version("aura"))
def main() -> None:
    """Receive, keep and answer questions about OpenTelemetry logs, metrics and traces."""
