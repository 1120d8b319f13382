"""Fills a data folder with a `Shop` through the store's own commit; what is there already is kept.

`python -m tests.bench.stock FOLDER RECORDS` goes on where it was stopped.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.ports import Commit, Counts, Group
from pipeline.signal import Signal
from storage.clickhouse import ClickHouse, open_clickhouse
from storage.config import StorageConfig
from storage.target import Target
from tests.bench.shop import BLOCK, MESSAGE, Shop

SIGNALS: Final = (Signal.TRACES, Signal.LOGS)
BLOCK_MESSAGES: Final = BLOCK // MESSAGE
EPOCH: Final = 1


def shop(folder: Path, records: int) -> Shop:
    """Return what the folder holds; a new one is remembered there."""
    note = folder / "shop.json"
    if not note.exists():
        folder.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps({"records": records, "end_ns": time.time_ns()}))
    kept = Shop(**json.loads(note.read_text()))
    if kept.records != records:
        raise SystemExit(f"{folder} holds {kept.records} records, not {records}")
    return kept


def data(folder: Path) -> Path:
    """Return where Aura keeps its store when it is started in this folder."""
    return folder / "data" / "clickhouse"


@dataclass
class Filling:
    """One signal's way into the store."""

    store: ClickHouse
    shop: Shop
    signal: Signal
    made_s: float = 0.0

    async def run(self) -> None:
        """Commit every block that is not there."""
        recovery = await self.store.recover(self.signal, 0)
        last = recovery.last
        if last and last.epoch > EPOCH:
            return  # an Aura has run on it, so that it was whole
        done = last.last // BLOCK_MESSAGES if last else 0
        for number in range(done, self.shop.blocks):
            before = time.thread_time()
            batches = self.shop.block(self.signal, number)
            self.made_s += time.thread_time() - before
            first, at = number * BLOCK_MESSAGES + 1, int(self.shop.edges[number + 1])
            counts = {one.tenant: Counts(received=len(one), stored=len(one)) for one in batches}
            commit = Commit(EPOCH, first, first + BLOCK_MESSAGES - 1, at, at, at, "shop")
            await self.store.commit(Group(self.signal, 0, commit, batches, counts), recovery)


async def fill(folder: Path, records: int) -> Shop:
    """Return the shop of which the folder holds everything."""
    found = shop(folder, records)
    async with open_clickhouse(Target(data(folder)), StorageConfig()) as store:
        for signal in SIGNALS:
            before, filling = time.process_time(), Filling(store, found, signal)
            await filling.run()
            used = time.process_time() - before
            print(f"{signal}: {used:.0f} CPU-s, {filling.made_s:.0f} of them to make", flush=True)
    return found


if __name__ == "__main__":
    asyncio.run(fill(Path(sys.argv[1]), int(sys.argv[2])))
