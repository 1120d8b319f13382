"""How a command of the shell ends that cannot do what it was asked."""

from typing import IO, Any

import click


class Failure(click.ClickException):
    """A message for a person; what failed may succeed another time."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it as Aura prints all that goes wrong."""
        *above, last = self.message.split("\n")
        for line in above:
            click.echo(line, file=file, err=True)
        click.echo(f"aura: {last}", file=file, err=True)


class Misuse(Failure):
    """What was asked for is at fault."""

    exit_code = 2
