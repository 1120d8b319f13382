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
from tests.support.stores import CONFIG, ask, everything, holds, messages

ROUNDS = int(os.environ.get("ROUNDS") or 0)
"""Of `make faults-points`; a few otherwise."""
ENDS = ("aura", "postgresql", "both")


async def stored(store, groups):
    """See that the store holds the first groups, each once."""
    posts = messages(Signal.METRICS, range(1, groups * PER_GROUP + 1), ("a", "b"))
    await holds(store, Signal.METRICS, posts)


def chance():
    """Return chance by the seed that is asked for, or any, and say which."""
    seed = os.environ.get("SEED") or str(random.randrange(10**6))
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.mark.parametrize(("kind", "kills"), [("postgres", 6), ("timescale", 3)])
async def test_a_writer_that_is_killed_at_any_moment_loses_and_doubles_nothing(kind, kills):
    moments = chance()
    async with points_rig(kind, CONFIG, fresh=True) as one:
        writer = started(one.config.metrics.url)
        try:
            for _ in range(ROUNDS or kills):
                said = await asyncio.to_thread(killed, writer, moments.random() * 0.1)

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


async def test_a_statement_that_takes_too_long_is_undone_and_said_and_goes_in_later():
    async with points_rig("postgres", CONFIG, fresh=True, write_time_max=0.3) as one:
        recovery = await one.store.recover(Signal.METRICS, 0)
        await one.sql("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql "
                      "AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'")  # fmt: skip
        await one.sql("CREATE TRIGGER slow AFTER INSERT ON commits EXECUTE FUNCTION slow()")
        with pytest.raises(Unavailable, match="canceling statement due to statement timeout"):
            await one.store.commit(numbered(1), recovery)
        await one.sql("DROP TRIGGER slow ON commits")

        assert (await one.store.recover(Signal.METRICS, 0)).last is None
        await one.store.commit(numbered(1), recovery)
        await stored(one.store, 1)


async def test_a_postgresql_that_is_frozen_is_given_up_and_found_again(own, monkeypatch):
    monkeypatch.setattr("storage.timescale.server.SPARE_S", 0.1)
    monkeypatch.setattr("storage.timescale.store._WAIT_S", 0.5)
    config = settings(own.url(), CONFIG, write_time_max=1.0)
    async with open_timescale(config.metrics.server(), config, upkeep=False) as store:
        recovery = await store.recover(Signal.METRICS, 0)
        await store.commit(numbered(1), recovery)
        own.freeze()
        try:
            async with asyncio.timeout(20):
                with pytest.raises(Unavailable, match="no answer from PostgreSQL"):
                    await store.commit(numbered(2), recovery)
                with pytest.raises(Overloaded, match="no connection to PostgreSQL"):
                    await ask(store, everything(Signal.METRICS, "a"))
        finally:
            own.thaw()

        last = (await store.recover(Signal.METRICS, 0)).last
        assert last == numbered(last.last // PER_GROUP).commit
        await store.commit(numbered(2), Recovery(last))
        await stored(store, 2)


@pytest.mark.slow
def test_aura_and_its_postgresql_are_killed_and_every_point_is_there_once(tmp_path, own):
    moments = chance()
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

        for at in range(max(2, ROUNDS)):
            more(20)
            ends = ENDS[at] if at < 2 else moments.choice(ENDS)
            time.sleep(moments.random() * 0.5)
            if ends != "postgresql":
                aura.kill()
            if ends != "aura":
                own.kill()
            if ends == "postgresql":
                more(20)  # answered all the same: they lie on the bus
            if ends != "aura":
                own.start()
            if ends != "postgresql":
                aura.start()
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
