"""Aura whose store takes every group and keeps none: what it costs until a group is ready.

`python -m tests.bench.nowhere up`, with the settings and commands of the program.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aura.serve
from aura.command import main
from pipeline.ports import Group, Recovery
from storage import MemoryStore, StorageConfig


class Nowhere(MemoryStore):
    """Remembers the newest commit record of each log, by which the worker goes on."""

    async def commit(self, group: Group, recovery: Recovery) -> None:
        self._groups[group.signal, group.partition] = [replace(group, batches=())]


@asynccontextmanager
async def open_nowhere(
    config: StorageConfig, folder: Path, *, schema_wait_s: float | None = None
) -> AsyncIterator[MemoryStore]:
    yield Nowhere()


if __name__ == "__main__":
    aura.serve.open_store = open_nowhere
    main()
