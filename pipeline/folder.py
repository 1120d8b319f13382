"""The data folder: one Aura at a time, its children included."""

import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import Final, Self

from pipeline.errors import Setup

ORPHAN_WAIT_S: Final = 10.0
_POLL_S: Final = 0.05


class DataFolder:
    """
    The folder that holds everything Aura keeps on this machine; a context manager.

    Entering creates it (mode 0700), takes the one lock and empties `tmp`. Raises Setup at once when
    another Aura has it, by its process id. A child that got the lock's descriptor holds the lock as
    well: when the Aura that started it is dead, entering waits up to `orphan_wait_s` for the child
    to end, and blocks the thread meanwhile.
    """

    def __init__(self, path: Path, orphan_wait_s: float = ORPHAN_WAIT_S) -> None:
        self.path = path.absolute()
        self.tmp = self.path / "tmp"
        self._orphan_wait_s = orphan_wait_s
        self._lock: int | None = None

    @property
    def lock(self) -> int:
        """The lock's descriptor, for children to inherit."""
        if self._lock is None:
            raise RuntimeError("the data folder is not open")
        return self._lock

    def __enter__(self) -> Self:
        """Take the folder; raises Setup."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            lock = os.open(self.path / "lock", flags, mode=0o600)
            try:
                self._acquire(lock)
                os.ftruncate(lock, 0)
                os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
                self._empty_tmp()
            except BaseException:
                os.close(lock)
                raise
        except OSError as error:
            raise Setup(f"data folder {self.path}: {error}") from error
        self._lock = lock
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lock back; a child that still runs keeps it until it ends."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _acquire(self, lock: int) -> None:
        deadline = time.monotonic() + self._orphan_wait_s
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = _pid(lock)
                if pid and _alive(pid):
                    raise Setup(f"data folder {self.path} is in use by process {pid}") from None
                if time.monotonic() >= deadline:
                    raise Setup(
                        f"data folder {self.path} is still held by a child of the dead process "
                        f"{pid or '?'} after {self._orphan_wait_s:g} s; end that nats-server first"
                    ) from None
            else:
                return
            time.sleep(_POLL_S)

    def _empty_tmp(self) -> None:
        # Engines leave their temporary files behind when they are killed.
        if self.tmp.is_symlink():
            self.tmp.unlink()
        if self.tmp.exists():
            shutil.rmtree(self.tmp)
        self.tmp.mkdir(mode=0o700)


def _pid(lock: int) -> int:
    """Return the process in the lock file; 0 while a new holder has not written it yet."""
    text = os.pread(lock, 32, 0).decode(errors="replace").strip()
    return int(text) if text.isascii() and text.isdigit() else 0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # A dead process that nobody has asked about yet still has its number.
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's, or a system without /proc
    return not stat.rpartition(")")[2].startswith(" Z")
