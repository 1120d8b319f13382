"""A URL opens its store."""

import pytest

from pipeline.plan import Records
from pipeline.signal import Signal
from storage import MemoryStore, StorageConfig, open_store
from storage.target import Target


@pytest.mark.parametrize(
    ("url", "path", "database"),
    [
        ("chdb:///data/x", "/data/x", None),
        ("chdb:///data/a%20b%3Fc", "/data/a b?c", None),
        ("chdb:///data/x?database=aura", "/data/x", "aura"),
    ],
)
def test_a_folder_with_its_database(url, path, database):
    target = Target.parse(url)

    assert (str(target.path), target.database, target.server) == (path, database, None)


def test_no_password_is_shown():
    target = Target.parse("clickhouse://user:secret@host:8123/db")

    assert target.label == "clickhouse://host:8123/db"


async def test_memory(tmp_path):
    async with open_store(StorageConfig(url="memory://"), tmp_path) as store:
        assert isinstance(store, MemoryStore)
        answer = [batch async for batch in store.run(Records(Signal.LOGS, "t", 0, 1, None, 1))]
        assert [len(batch) for batch in answer] == [0]
