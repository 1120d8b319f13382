"""`aura keys`: make keys, and the entries to store of them."""

import json
import secrets
import sys
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import click
from pydantic import ValidationError

from aura.auth import KeyConfig
from pipeline import keyring
from pipeline.keyring import Access
from pipeline.ports import DEFAULT_TENANT
from pipeline.settings import faults

_LENGTH_ADVISED: Final = 32
_VARIETY_ADVISED: Final = 10
"""Characters of a key, and different ones among them: 128 random bits in hexadecimal have both."""

_ENTRY: Final = """\
auth:
  keys:
    - name: {name}
      hash: {hash}
      scopes: [{scopes}]
      tenant: {tenant}"""

Command: TypeAlias = Callable[..., None]


def _options(command: Command) -> Command:
    """Add what both commands take."""
    command = click.option(
        "--tenant",
        default=DEFAULT_TENANT,
        show_default=True,
        help='Whose data it is; "": what each request says in X-Scope-OrgID.',
    )(command)
    command = click.option(
        "--scope",
        "scopes",
        multiple=True,
        default=(Access.WRITE.value,),
        show_default=True,
        type=click.Choice([access.value for access in Access]),
        help="What the key may; may be repeated.",
    )(command)
    return click.option("--name", help="What tells the key from others; no secret.")(command)


@click.group()
def keys() -> None:
    """Make keys for senders and readers, and the entries of auth.keys."""


@keys.command()
@_options
def new(name: str | None, scopes: Sequence[str], tenant: str) -> None:
    """Make a random key; print it, this once, and what to store."""
    key = keyring.new_key()
    entry = _entry(key, name, scopes, tenant)
    click.echo(f"The key, shown only now, to be sent as Authorization: Bearer <key>:\n\n{key}\n")
    click.echo(f"For config.yaml, which needs its hash only:\n\n{entry}")


@keys.command("hash")
@_options
def hash_(name: str | None, scopes: Sequence[str], tenant: str) -> None:
    """Read a key that you have from standard input; print what to store."""
    # An argument would stand in the shell's history and in the list of processes.
    if sys.stdin.isatty():
        key = click.prompt("Key", hide_input=True, err=True)
    else:
        key = sys.stdin.read(2 * keyring.KEY_CHARACTERS_MAX).rstrip("\r\n")
    entry = _entry(key, name, scopes, tenant)
    if len(key) < _LENGTH_ADVISED or len(set(key)) < _VARIETY_ADVISED:
        click.echo(
            "aura: this key may be guessed by whoever sees its hash, which is a fast one; "
            "`aura keys new` makes one that cannot",
            err=True,
        )
    click.echo(entry)


def _entry(key: str, name: str | None, scopes: Sequence[str], tenant: str) -> str:
    """Return the block of config.yaml for a key; ends the command where that would be refused."""
    unique = list(dict.fromkeys(scopes))
    name = "-".join([*unique, secrets.token_hex(2)]) if name is None else name
    try:
        stored = keyring.hashed(key)
        KeyConfig.model_validate({"name": name, "hash": stored, "scopes": unique, "tenant": tenant})
    except ValidationError as error:
        told = next(message for _, message in faults(error, ()))
        raise click.UsageError(f"--{told}") from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    # JSON's quotes are YAML's too, and what is quoted stays text.
    return _ENTRY.format(
        name=json.dumps(name), hash=stored, scopes=", ".join(unique), tenant=json.dumps(tenant)
    )
