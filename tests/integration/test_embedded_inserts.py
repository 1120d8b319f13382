"""An insert into chdb is one block, however many rows: a part a day, whole or not at all."""

import resource

import pyarrow as pa
import pytest

from pipeline.window import DAY_NS
from storage import embedded
from storage.target import Target
from tests.support.stores import engine


@pytest.mark.slow
def test_a_large_insert_makes_one_part_a_day():
    client = Target(path=engine()).connect()
    client.command(
        "CREATE TABLE large (time UInt64, name LowCardinality(String), text String, "
        "pairs Array(Tuple(key String, n UInt8)), id FixedString(4), m Nullable(Float64)) "
        f"ENGINE = MergeTree PARTITION BY intDiv(time, {DAY_NS}) ORDER BY time"
    )
    client.command("SYSTEM STOP MERGES large")
    count = 300_000  # several of the pieces that the engine reads
    pair = pa.struct([("key", pa.utf8()), ("n", pa.uint8())])
    rows = pa.table(
        {
            "time": pa.array([at % 2 * DAY_NS for at in range(count)], pa.uint64()),
            "name": pa.array(["one", "ö"] * (count // 2)).dictionary_encode(),
            "text": pa.array(["x" * 50] * count),
            "pairs": pa.array([[], [{"key": "k", "n": 7}]] * (count // 2), pa.list_(pair)),
            "id": pa.array([b"\x00\xff\x00\x01"] * count, pa.binary(4)),
            "m": pa.array([None, 1.5] * (count // 2)),
        }
    )

    summary = client.insert_arrow("large", rows, settings={"async_insert": "0"})

    parts = "SELECT partition_id, rows FROM system.parts WHERE active AND table = 'large'"
    assert sorted(client.query(parts).result_rows) == [("0", count // 2), ("1", count // 2)]
    assert summary.summary == {"written_rows": str(count)}
    read = client.query(
        "SELECT DISTINCT name, length(text), pairs, hex(id), m FROM large"
    ).result_rows
    assert sorted(map(str, read)) == [
        "('one', 50, [], '00FF0001', None)",
        "('ö', 50, [{'key': 'k', 'n': 7}], '00FF0001', 1.5)",
    ]
    client.command("DROP TABLE large SYNC")
    client.close()


@pytest.mark.slow
def test_an_insert_that_has_no_room_fails_and_leaves_nothing():
    client = Target(path=engine()).connect()
    client.command("CREATE TABLE crowded (a UInt64) ENGINE = MergeTree ORDER BY a")
    rows = pa.table({"a": pa.array(range(1000), pa.uint64())})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            client.insert_arrow("crowded", rows, settings={"async_insert": "0"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert client.query("SELECT count() FROM crowded").result_rows == [(0,)]
    client.insert_arrow("crowded", rows, settings={"async_insert": "0"})
    assert client.query("SELECT sum(a) FROM crowded").result_rows == [(499_500,)]
    client.command("DROP TABLE crowded SYNC")
    client.close()


@pytest.mark.slow
def test_an_insert_that_was_not_written_is_undone(monkeypatch):
    """As when the disk fills after the room was seen."""
    monkeypatch.setattr(embedded, "see_room", lambda *_: None)
    client = Target(path=engine()).connect()
    client.command("CREATE TABLE unwritten (a UInt64) ENGINE = MergeTree ORDER BY a")
    rows = pa.table({"a": pa.array(range(1000), pa.uint64())})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(OSError, match="not all was written of all_1_1_0"):
            client.insert_arrow("unwritten", rows, settings={"async_insert": "0"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert client.query("SELECT sum(a) FROM unwritten").result_rows == [(0,)]
    client.insert_arrow("unwritten", rows, settings={"async_insert": "0"})
    assert client.query("SELECT sum(a) FROM unwritten").result_rows == [(499_500,)]
    client.command("DROP TABLE unwritten SYNC")
    client.close()
