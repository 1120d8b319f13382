"""A small file system under a data folder, which can be filled up."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

BYTES: Final = 256 * 2**20
RESERVE: Final = 32 * 2**20
"""bus.disk_reserve on it."""

LOOK_S: Final = 0.05


def mounted(folder: Path) -> bool:
    """Mount a file system in memory on the folder; tell whether that is allowed here."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def unmount(folder: Path) -> None:
    """Take the file system away, with all that is on it."""
    subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def full(folder: Path, left: int) -> Iterator[None]:
    """Keep the file system of the folder full but for `left` bytes."""
    filler = folder / "filler"
    enough = threading.Event()

    def fill() -> None:
        with filler.open("wb", buffering=0) as file:
            while not enough.wait(LOOK_S):
                more = shutil.disk_usage(folder).free - left
                try:
                    while more > 0:
                        more -= file.write(bytes(min(more, 2**20)))
                except OSError:
                    continue  # others were faster

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()
        filler.unlink()
