"""What chdb could not write of a merge is not missed: the parts that it was made of are back."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.errors import Unavailable
from pipeline.signal import Signal
from storage import mending
from storage.clickhouse import open_clickhouse
from storage.target import Target
from storage.writes import failed
from tests.support.stores import CONFIG, database, engine, stored

PARTS = 4
ROWS = 20_000


@contextmanager
def no_file_grows() -> Iterator[None]:
    """Let each write of this process fail, as on a disk that has become full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def filled(client, table):
    """Make a table of several parts, which are not merged by themselves."""
    client.command(f"CREATE TABLE {table} (a UInt64) ENGINE = MergeTree ORDER BY a")
    client.command(f"SYSTEM STOP MERGES {table}")
    for at in range(PARTS):
        rows = pa.table({"a": pa.array(range(at, PARTS * ROWS, PARTS), pa.uint64())})
        client.insert_arrow(table, rows, settings={"async_insert": "0"})


def merge_in_vain(client, table):
    client.command(f"SYSTEM START MERGES {table}")
    before = failed(client)
    with no_file_grows(), suppress(ClickHouseError):
        client.command(f"OPTIMIZE TABLE {table} FINAL")
    assert failed(client) > before


def whole(client, table):
    every = PARTS * ROWS
    found = client.query(f"SELECT count(), sum(a), uniqExact(a) FROM {table}").result_rows
    return found == [(every, every * (every - 1) // 2, every)]


@pytest.mark.slow
def test_a_merge_that_was_not_written_is_undone_and_can_be_made_again():
    target = Target(path=engine())
    client = target.connect()
    filled(client, "merged")
    merge_in_vain(client, "merged")
    with pytest.raises(ClickHouseError):
        whole(client, "merged")

    assert target.writes.mend(client) == [f"all_1_{PARTS}_1"]

    assert whole(client, "merged")
    aside = "SELECT count() FROM system.detached_parts WHERE table = 'merged'"
    assert client.query(aside).result_rows == [(0,)]  # a full disk has no room for it
    client.command("OPTIMIZE TABLE merged FINAL")
    assert whole(client, "merged")
    assert target.writes.mend(client) == []
    client.command("DROP TABLE merged SYNC")
    client.close()


@pytest.mark.slow
def test_an_insert_beside_a_merge_that_was_not_written_is_made_again():
    """Which of the two failed cannot be told; what an insert left is looked up before it is."""
    target = Target(path=engine())
    client = target.connect()
    filled(client, "beside")
    client.command("CREATE TABLE inserted (a UInt64) ENGINE = MergeTree ORDER BY a")
    merge_in_vain(client, "beside")
    rows = pa.table({"a": pa.array([1], pa.uint64())})

    with pytest.raises(OSError, match=f"inserted: not all was written of all_1_{PARTS}_1"):
        client.insert_arrow("inserted", rows, settings={"async_insert": "0"})

    assert whole(client, "beside")
    client.insert_arrow("inserted", rows, settings={"async_insert": "0"})
    for table in ("beside", "inserted"):
        client.command(f"DROP TABLE {table} SYNC")
    client.close()


@pytest.mark.slow
async def test_merges_are_looked_after_where_nothing_is_inserted(monkeypatch):
    monkeypatch.setattr(mending, "LOOK_S", 0.02)
    async with database(fresh=True) as target, open_clickhouse(target, CONFIG):
        client = target.connect()
        filled(client, "lonely")
        merge_in_vain(client, "lonely")
        async with asyncio.timeout(20):
            while True:
                with suppress(ClickHouseError):  # it is being loaded
                    if whole(client, "lonely"):
                        break
                await asyncio.sleep(0.02)
        client.command("DROP TABLE lonely SYNC")
        client.close()


@pytest.mark.slow
async def test_a_table_that_is_being_loaded_is_unavailable_and_no_bug():
    async with database(fresh=True) as target, open_clickhouse(target, CONFIG) as store:
        client = target.connect()
        client.command("DETACH TABLE logs")
        try:
            with pytest.raises(Unavailable):
                await stored(store, Signal.LOGS, "t")
        finally:
            client.command("ATTACH TABLE logs")
        assert await stored(store, Signal.LOGS, "t") == []
        client.close()
