"""How much room the disk has that a server of ours writes to."""

import shutil
from collections.abc import Callable
from pathlib import Path


class Disk:
    """
    Keeps watch over the free space below a path.

    JetStream takes a full disk badly: a stream that once failed to write neither takes messages
    nor lets itself be purged, until its server is started again with room. So publishing stops
    while a reserve is still there (`room`), and `recovered` tells when to start the server again
    because something else ate the reserve.
    """

    def __init__(
        self, path: Path, reserve_bytes: int, free: Callable[[Path], int] | None = None
    ) -> None:
        self._path = path
        self._reserve_bytes = reserve_bytes
        self._free = free or (lambda path: shutil.disk_usage(path).free)
        self._exhausted = False
        self.room = True
        """Whether the reserve was untouched at the last look."""

    def recovered(self) -> bool:
        """Look; return whether there is room again after less than a quarter of the reserve."""
        free = self._free(self._path)
        self.room = free >= self._reserve_bytes
        if free < self._reserve_bytes // 4:
            self._exhausted = True
        if self.room and self._exhausted:
            self._exhausted = False
            return True
        return False
