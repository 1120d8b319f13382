"""The commands of the program itself: run it, check its settings, bring its store up to date."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import click
import structlog
import uvloop

from aura import log, memory
from aura.config import Config
from aura.role import Role
from aura.serve import serve
from pipeline import settings, tls
from pipeline.errors import Setup
from pipeline.folder import DataFolder
from storage import open_store, pending

_FILE = Path("config.yaml")
_STOP_S = 30.0
_config = click.option(
    "--config",
    "-c",
    "file",
    type=click.Path(path_type=Path),
    envvar="AURA_CONFIG",
    help="Settings; config.yaml in this folder when there is one.",
)


@click.command()
@_config
@click.option(
    "--role",
    "roles",
    type=str,
    help=f"Comma-separated: {', '.join(Role)}. All by default.",
)
def up(file: Path | None, roles: str | None) -> None:
    """Run Aura in the foreground."""
    try:
        config = _load(file)
        log.configure(config.log)
        memory.share()
        for warning in config.exposed():
            structlog.get_logger().warning("aura.exposed", reason=warning)
        _run(config, _roles(roles))
    except Setup as error:
        _refuse(error)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=_FILE)
def check(file: Path) -> None:
    """Say what is wrong with a configuration file."""
    try:
        config = _load(file)
        warnings = [*_certificates(config), *config.exposed()]
    except Setup as error:
        _refuse(error)
    for warning in warnings:
        click.echo(f"{file}: warning: {warning}", err=True)
    click.echo(f"{file}: ok")


@click.command()
@_config
@click.option("--check", "only", is_flag=True, help="Tell what would be done, change nothing.")
def migrate(file: Path | None, only: bool) -> None:  # noqa: FBT001 - click passes a flag so
    """Bring the store's schema up to date."""
    try:
        config = _load(file)
        with DataFolder(config.data) as folder:
            names = asyncio.run(_migrate(config, folder.path, only=only))
    except Setup as error:
        _refuse(error)
    verb = "pending" if only else "applied"
    for name in names:
        click.echo(f"{verb}: {name}")
    if not names:
        click.echo("the schema is up to date")


async def _migrate(config: Config, folder: Path, *, only: bool) -> list[str]:
    names = await pending(config.storage, folder)
    if names and not only:
        async with open_store(config.storage, folder):
            pass  # opening brings the schema up to date
    return names


def _load(file: Path | None) -> Config:
    if file is None and _FILE.exists():
        file = _FILE
    return settings.load(Config, file, os.environ)


def _certificates(config: Config) -> list[str]:
    """Read what TLS needs; return what clients will hold against it."""
    groups = {
        "ingestor.tls": config.ingestor.tls,
        "storage.tls": config.storage.tls,
        "query.tls": config.query.tls,
    }
    read = {name: tls.read(group, name) for name, group in groups.items() if group.on}
    return [f"{name}.cert_file: {one.objection}" for name, one in read.items() if one.objection]


def _roles(text: str | None) -> frozenset[Role]:
    if not text:
        return frozenset(Role)
    try:
        return frozenset(Role(name.strip()) for name in text.split(","))
    except ValueError:
        raise Setup(f"--role: {text}: a role is one of {', '.join(Role)}") from None


def _run(config: Config, roles: frozenset[Role]) -> None:
    log.tell(f"Aura {version('aura')}")
    uvloop.run(_until_stopped(config, roles))


async def _until_stopped(config: Config, roles: frozenset[Role]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    running = asyncio.create_task(serve(config, roles, stopped, _tell))
    asked = asyncio.create_task(stopped.wait())
    await asyncio.wait({running, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    # What is still opening, or hangs on a dependency that is down, is given up.
    await asyncio.wait({running}, timeout=_STOP_S)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def _tell(line: str) -> None:
    log.tell(f"  {line}")


def _refuse(error: Setup) -> None:
    for line in str(error).splitlines():
        click.echo(f"aura: {line}", err=True)
    sys.exit(1)
