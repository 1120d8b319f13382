"""Killed writers, PostgreSQL restarts, full disks, no connection: nothing lost or doubled."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from pipeline.errors import Overloaded, Unavailable
from pipeline.ports import Recovery
from pipeline.signal import Signal
from storage.tables import POINT_TABLES
from storage.timescale.store import open_timescale
from tests.faults.disk import full, mounted, unmount
from tests.support.aura_process import ROOT, Aura, poll
from tests.support.numbered import Sender, once, settle
from tests.support.postgres.rig import points_rig, settings
from tests.support.postgres.server import PostgresServer
from tests.support.postgres.writer import PER_GROUP, numbered
from tests.support.processes import close
from tests.support.stores import CONFIG, holds, messages

KILLS = 8


async def stored(store, groups):
    """See that the store holds the first groups, each once."""
    posts = messages(Signal.METRICS, range(1, groups * PER_GROUP + 1), ("a", "b"))
    await holds(store, Signal.METRICS, posts)


async def test_a_writer_that_is_killed_at_any_moment_loses_and_doubles_nothing():
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with points_rig("postgres", CONFIG, fresh=True) as one:
        writer = started(one.config.metrics.url)
        try:
            for _ in range(KILLS):
                said = await asyncio.to_thread(killed, writer, chance.random() * 0.1)

                last = (await one.store.recover(Signal.METRICS, 0)).last
                groups = last.last // PER_GROUP
                assert groups >= said > 0
                await stored(one.store, groups)
        finally:
            close(writer)


def started(url):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.postgres.writer", url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def killed(writer, wait_s):
    """Start a writer, kill it a moment after its first group; return what it said was stored."""
    writer.stdin.write("\n")
    writer.stdin.flush()
    child = int(writer.stdout.readline())
    last = int(writer.stdout.readline())
    time.sleep(wait_s)
    os.kill(child, signal.SIGKILL)
    while (line := writer.stdout.readline()) != "gone\n":
        last = int(line)
    return last


@pytest.fixture
def own():
    # Not in pytest's folders, which are root's alone.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        one = PostgresServer(Path(folder) / "server")
        one.start()
        yield one
        one.kill()


async def test_a_postgresql_that_is_killed_and_comes_back_has_every_group_once(own):
    config = settings(own.url(), CONFIG, write_time_max=5.0)
    async with open_timescale(config.metrics.server(), config) as store:
        number, recovery, sure = 1, Recovery(), False
        killing = {10, 25}
        async with asyncio.timeout(60):
            while number <= 40:
                if number in killing:
                    killing.discard(number)
                    own.kill()
                    asyncio.get_running_loop().call_later(0.2, own.start)
                try:
                    if not sure:
                        recovery = await store.recover(Signal.METRICS, 0)
                    await store.commit(numbered(number), recovery)
                    number, sure = number + 1, True
                except (Unavailable, Overloaded):  # as the worker does: look, then go on
                    sure = False
                    await asyncio.sleep(0.02)
        assert not killing
        await stored(store, 40)


async def test_a_full_disk_refuses_and_goes_on_when_there_is_room(own):
    folder = own.folder.parent / "small"
    folder.mkdir()
    if not mounted(folder):
        pytest.skip("no file system can be mounted here")
    try:
        shutil.chown(folder, "nobody")
        config = settings(own.url(), CONFIG)
        async with (
            open_timescale(config.metrics.server(), config) as store,
            AsyncExitStack() as up,
        ):
            connection = await config.metrics.server().connect()
            up.push_async_callback(connection.close)
            await connection.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
            await connection.execute("ALTER TABLE aura.number_points SET TABLESPACE small")
            recovery = await store.recover(Signal.METRICS, 0)
            await store.commit(numbered(1), recovery)

            number = 2
            with full(folder, 0):
                with pytest.raises(Overloaded, match="No space left"):  # noqa: PT012 - until it is
                    while number < 500:
                        await store.commit(numbered(number), recovery)
                        number += 1
                recovery = await store.recover(Signal.METRICS, 0)
                assert recovery.last.last == (number - 1) * PER_GROUP
            await store.commit(numbered(number), recovery)

            await stored(store, number)
            await connection.execute("DROP SCHEMA aura CASCADE")
            await connection.execute("DROP TABLESPACE small")
    finally:
        unmount(folder)


async def test_an_exhausted_pool_says_so_and_questions_do_not_starve_commits(monkeypatch):
    monkeypatch.setattr("storage.timescale.store._WAIT_S", 0.2)
    async with points_rig("postgres", CONFIG, writers=1) as one:
        recovery = await one.store.recover(Signal.METRICS, 0)
        async with one.store._reading.transaction(), one.store._reading.transaction():
            await one.store.commit(numbered(1), recovery)  # its connections are not theirs

        async with one.store._writing.transaction():
            with pytest.raises(Overloaded, match=r"no connection to PostgreSQL within 0\.2 s"):
                await one.store.commit(numbered(2), recovery)
        await one.store.commit(numbered(2), recovery)

        await stored(one.store, 2)


async def test_a_lock_that_is_not_given_back_is_not_waited_for_longer_than_allowed():
    async with points_rig("postgres", CONFIG, write_time_max=0.3) as one:
        recovery = await one.store.recover(Signal.METRICS, 0)
        async with one.connection() as frozen:
            await frozen.execute("SELECT FROM fences FOR UPDATE")
            for asked in (
                one.store.recover(Signal.METRICS, 0),
                one.store.commit(numbered(1), recovery),
            ):
                with pytest.raises(Unavailable, match="timeout"):
                    await asked

        await one.store.commit(numbered(1), await one.store.recover(Signal.METRICS, 0))
        await stored(one.store, 1)


@pytest.mark.slow
def test_aura_and_its_postgresql_are_killed_and_every_point_is_there_once(tmp_path, own):
    with Aura(tmp_path, AURA_STORAGE_METRICS_URL=own.url()) as aura:
        load = [
            Sender(one, str(one), aura.ports["ingestor.http"], "http", pause_s=0.05)
            for one in (Signal.METRICS, Signal.LOGS)
        ]
        for one in load:
            one.start()

        def more(number):
            wanted = sum(len(one.answered) for one in load) + number
            poll(lambda: sum(len(one.answered) for one in load) >= wanted, 30, f"{wanted} answers")

        more(30)
        aura.kill()
        aura.start()
        more(30)
        own.kill()
        more(20)  # answered all the same: they lie on the bus
        own.start()
        more(20)
        for one in load:
            one.finish()
        settle(aura, load)
        lines = aura.ask("/v1/metrics/range", start="now-3d", q="type=gauge", measure="count")
        assert lines["series"]
        assert aura.stop() == 0

    once(asyncio.run(labelled(own)), load[:1])


async def labelled(own):
    """Return how often each point is stored, by its label."""
    counts: Counter[str] = Counter()
    connection = await asyncpg.connect(own.url())
    for table in POINT_TABLES:
        rows = await connection.fetch(
            "SELECT (s.attributes[1]).value, count(*) "
            f"FROM aura.{table} AS p JOIN aura.series AS s ON s.id = p.series GROUP BY 1"
        )
        counts.update(dict(map(tuple, rows)))
    await connection.close()
    return counts
