"""Groups of several logs are written a few at a time."""

import asyncio
import threading

from pipeline.signal import Signal
from storage.committer import Committer
from tests.support.stores import group, messages, rig


async def test_as_many_groups_are_written_at_a_time_as_there_are_writers(monkeypatch):
    together = threading.Barrier(2, timeout=10)  # breaks where one is alone
    running, most = [], []

    def commit(self, client, one, recovery):
        running.append(one.partition)
        together.wait()
        most.append(len(running))
        together.wait()
        running.remove(one.partition)

    monkeypatch.setattr(Committer, "commit", commit)
    async with rig("chdb", writers=2) as chdb:
        logs = [
            group(Signal.LOGS, messages(Signal.LOGS, [1], "a"), partition=partition)
            for partition in range(6)
        ]
        recovery = await chdb.store.recover(Signal.LOGS, 0)
        await asyncio.gather(*(chdb.store.commit(one, recovery) for one in logs))

    assert most == [2] * 6
