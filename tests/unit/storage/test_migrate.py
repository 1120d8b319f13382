"""Migrations run to their end however often they are cut, and never backwards."""

import asyncio
import re
import resource
from importlib import resources

import pytest

from pipeline.errors import Setup
from pipeline.schema import SCHEMAS
from pipeline.signal import Signal
from storage import StorageConfig, open_store, pending
from storage.clickhouse import ClickHouse, open_clickhouse
from storage.connection import Connection
from storage.migrate import migrations, statements
from storage.series import SERIES_COLUMNS
from storage.tables import RECORD_TABLES
from tests.support.stores import CONFIG, Rig, database

NAMES = [one.label for one in migrations()]


@pytest.fixture
async def empty():
    async with database(fresh=True) as target:
        look = Connection(target, "look")
        yield Rig(None, target, look)
        look.close()


async def schema(rig):
    return await rig.sql(
        "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() "
        "ORDER BY name"
    )


async def once(rig, what="migrate"):
    store = ClickHouse(rig.target, CONFIG)
    try:
        return await getattr(store, what)()
    finally:
        await store.close()


async def test_an_engine_of_its_own_soon_removes_what_was_merged_away(empty):
    """By itself it looks after five minutes, and has 128 threads that stay do it."""
    told = dict(await empty.sql("SELECT name, value FROM system.merge_tree_settings"))

    assert told["old_parts_lifetime"] == "60"
    assert told["max_cleanup_delay_period"] == "30"
    assert int(told["concurrent_part_removal_threshold"]) >= 10**9


def test_files_are_numbered_without_a_gap():
    assert [one.number for one in migrations()] == list(range(1, len(NAMES) + 1))
    assert all(one.statements for one in migrations())


def test_every_statement_may_be_run_twice():
    for one in migrations():
        for statement in one.statements:
            adds = re.match(r"(CREATE TABLE|ALTER TABLE .*) IF NOT EXISTS ", statement)
            sets = re.match(r"ALTER TABLE \w+ MODIFY SETTING \w+ = \d+$", statement)
            assert adds or sets, statement


def test_a_file_is_split_at_the_semicolons_that_end_a_line():
    text = "-- what; why\nCREATE a (\n  -- ;\n  b Int -- c; d\n);\n\nCREATE e 'x;y';\n"

    assert statements(text) == ("CREATE a (\n  b Int -- c; d\n)", "CREATE e 'x;y'")


async def test_a_migration_is_applied_once(empty):
    assert await once(empty, "pending") == NAMES
    assert await schema(empty) == []  # looking changed nothing

    assert await once(empty) == NAMES
    whole = await schema(empty)

    assert await once(empty, "pending") == []
    assert await once(empty) == []
    assert await schema(empty) == whole


async def test_what_was_cut_between_two_statements_goes_on(empty):
    await once(empty)
    whole = await schema(empty)
    every = [statement for one in migrations() for statement in one.statements]
    for cut in range(1, len(every), 4):
        async with database(fresh=True) as target:
            look = Connection(target, "look")
            rig = Rig(None, target, look)
            for statement in every[:cut]:
                await rig.sql(statement)

            assert await once(rig) == NAMES

            found = [(name, text.replace(target.database, "")) for name, text in await schema(rig)]
            look.close()
        assert found == [(name, text.replace(empty.target.database, "")) for name, text in whole]


async def test_a_newer_schema_is_refused_in_one_line_and_left_alone(empty):
    await once(empty)
    await empty.sql("INSERT INTO migrations (number, name) VALUES (999, 'later')")
    whole = await schema(empty)

    for what in ("pending", "migrate"):
        with pytest.raises(Setup, match=r"^storage\.url: .*999") as refusal:
            await once(empty, what)
        assert "\n" not in str(refusal.value)
    assert await schema(empty) == whole


async def test_what_cannot_be_opened_names_the_setting(tmp_path):
    (tmp_path / "file").write_text("no folder")
    config = StorageConfig(url=f"chdb://{tmp_path}/file")

    with pytest.raises(Setup, match=r"^storage\.url: cannot open .*file: [^\n]*$"):
        async with open_store(config, tmp_path):
            pass


async def test_a_schema_is_not_begun_without_room(empty):
    """For chdb would not tell, and a table whose definition was cut is lost."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(Setup, match=r"^storage\.url: cannot open .*File too large$"):
            await once(empty)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert await schema(empty) == []
    assert await once(empty) == NAMES


async def test_nothing_is_made_by_asking_what_is_pending(tmp_path):
    assert await pending(StorageConfig(), tmp_path) == NAMES
    assert await pending(StorageConfig(url="memory://"), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("signal", Signal)
async def test_every_column_of_the_schema_is_stored(empty, signal):
    async with open_clickhouse(empty.target, CONFIG):
        rows = await empty.sql(
            "SELECT table, name, type FROM system.columns WHERE database = currentDatabase()"
        )
    stored: dict[str, set[str]] = {}
    for table, name, _ in rows:
        stored.setdefault(table, set()).add(name)
    tables = RECORD_TABLES[signal]
    whole = set().union(*(stored[table] for table in tables))

    if signal is Signal.METRICS:
        assert set(SERIES_COLUMNS) <= stored["series"]
        assert not whole & set(SERIES_COLUMNS) - {"tenant"}
        whole |= set(SERIES_COLUMNS)
    own = {"tenant", "service_name", "epoch", "partition", "ordinal", "keep_for_s"}
    own |= {"series_id", "variant", "value_type"} if signal is Signal.METRICS else set()
    assert whole == set(SCHEMAS[signal].names) | (own & whole)
    for table in tables:
        assert {"tenant", "epoch", "partition", "sequence", "time", "keep_for_s"} <= stored[table]


def test_ddl_stands_in_files_only():
    folder = resources.files("storage") / "sql" / "clickhouse"
    assert {one.name for one in folder.iterdir()} == {f"{name}.sql" for name in NAMES}


async def test_who_does_not_migrate_waits_for_who_does(empty):
    async def wait(seconds):
        async with open_clickhouse(empty.target, CONFIG, schema_wait_s=seconds) as store:
            return await store.pending()

    with pytest.raises(Setup, match=rf"lacks {len(NAMES)} migrations, .* {NAMES[0]}: start"):
        await wait(0.0)
    waiting = asyncio.create_task(wait(20.0))
    await asyncio.sleep(0)
    assert await once(empty) == NAMES

    assert await waiting == []
