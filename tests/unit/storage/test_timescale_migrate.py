"""Migrations of PostgreSQL are applied whole or not at all, and never backwards."""

import asyncio

import pytest

from pipeline.errors import Setup
from pipeline.schema import POINTS
from pipeline.signal import Signal
from storage import StorageConfig, open_store, pending
from storage.answers import PLACE
from storage.config import MetricsConfig
from storage.series import SERIES_COLUMNS
from storage.tables import RECORD_TABLES
from storage.timescale import migrate
from storage.timescale.migrate import migrations
from storage.timescale.store import Timescale
from tests.support.postgres.rig import KINDS, empty_rig
from tests.support.postgres.server import free_port

NAMES = {
    "postgres": [one.label for one in migrations(())],
    "timescale": [one.label for one in migrations()],
}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
async def empty(kind):
    async with empty_rig(kind) as one:
        yield one


async def schema(rig):
    return await rig.sql(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = $1 ORDER BY 1, ordinal_position",
        rig.schema,
    )


def test_files_are_numbered_without_a_gap():
    every = migrations()
    assert [one.number for one in every] == list(range(1, len(every) + 1))
    assert all(one.statements for one in every)
    assert len(migrations(())) < len(every)


async def test_a_migration_is_applied_once(kind, empty):
    assert await empty.store.pending() == NAMES[kind]
    assert await schema(empty) == []  # looking changed nothing

    assert await empty.store.migrate() == NAMES[kind]
    whole = await schema(empty)

    assert await empty.store.pending() == []
    assert await empty.store.migrate() == []
    assert await schema(empty) == whole


async def test_what_was_cut_in_the_middle_left_nothing_and_goes_on(kind, empty, monkeypatch):
    apply = migrate._apply

    async def cut(connection, server, one):
        if one.number == 2:
            broken = (*one.statements[:3], "SELECT no_such_function()")
            one = type(one)(one.number, one.name, broken)
        return await apply(connection, server, one)

    monkeypatch.setattr(migrate, "_apply", cut)
    with pytest.raises(Setup, match="no_such_function"):
        await empty.store.migrate()
    monkeypatch.undo()

    assert await empty.store.pending() == NAMES[kind][1:]
    assert await empty.store.migrate() == NAMES[kind][1:]


async def test_two_at_once_wait_for_each_other(kind, empty):
    other = Timescale(empty.config.metrics.server(), empty.config)

    done = await asyncio.gather(empty.store.migrate(), other.migrate())

    assert sorted(done[0] + done[1]) == NAMES[kind]


async def test_a_newer_schema_is_refused_in_one_line_and_left_alone(empty):
    await empty.store.migrate()
    await empty.sql("INSERT INTO migrations (number, name) VALUES (999, 'later')")
    whole = await schema(empty)

    for what in ("pending", "migrate"):
        with pytest.raises(Setup, match=r"^storage\.metrics\.url: .*999") as refusal:
            await getattr(empty.store, what)()
        assert "\n" not in str(refusal.value)
    assert await schema(empty) == whole


@pytest.mark.parametrize("kind", ["timescale"])
async def test_timescaledb_that_comes_later_takes_the_tables_over(empty):
    for one in migrations(()):
        connection = await empty.config.metrics.server().connect()
        async with connection.transaction():
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {empty.schema}")
            await connection.execute(f"SET LOCAL search_path = {empty.schema}, public")
            await connection.execute(migrate._TABLE)
        await migrate._apply(connection, empty.config.metrics.server(), one)
        await connection.close()

    assert await empty.store.migrate() == sorted(set(NAMES["timescale"]) - set(NAMES["postgres"]))


async def test_every_column_of_the_schema_is_stored(empty):
    await empty.store.migrate()
    stored: dict[str, set[str]] = {}
    for table, name, _ in await schema(empty):
        stored.setdefault(table, set()).add(name)
    whole = set().union(*(stored[table] for table in RECORD_TABLES[Signal.METRICS]))

    assert set(SERIES_COLUMNS) <= stored["series"]
    assert not whole & set(SERIES_COLUMNS)
    assert whole | set(SERIES_COLUMNS) == {*POINTS.names, *PLACE, "series"}


async def test_who_may_not_create_schemas_may_be_given_one():
    async with empty_rig("postgres") as one:
        await one.sql("DROP ROLE IF EXISTS small")
        await one.sql("CREATE ROLE small LOGIN")
        with pytest.raises(Setup, match=r"permission denied for database"):
            await as_user(one, "small").migrate()

        await one.sql(f"CREATE SCHEMA {one.schema} AUTHORIZATION small")
        assert await as_user(one, "small").migrate() == NAMES["postgres"]
        await one.sql("DROP OWNED BY small")
        await one.sql("DROP ROLE small")


def as_user(rig, user):
    url = rig.config.metrics.url.replace("//postgres@", f"//{user}@")
    config = StorageConfig(metrics=MetricsConfig(url=url))
    return Timescale(config.metrics.server(), config)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://u:secret@127.0.0.1:{free}/db", "nobody listens there"),
        ("postgresql://postgres:secret@127.0.0.1:{port}/nothing", '"nothing" does not exist'),
        ("postgresql://none@127.0.0.1:{port}/postgres", 'role "none" does not exist'),
        ("postgresql://u@127.0.0.1:{port}/postgres?sslmode=require", "rejected SSL upgrade"),
    ],
)
async def test_what_cannot_be_opened_names_the_setting(url, reason, tmp_path):
    async with empty_rig("postgres") as one:
        port = one.config.metrics.server().url.rpartition(":")[2].partition("/")[0]
    config = StorageConfig(
        url="memory://", metrics=MetricsConfig(url=url.format(free=free_port(), port=port))
    )

    with pytest.raises(Setup, match=r"^storage\.metrics\.url: cannot open postgresql") as refusal:
        async with open_store(config, tmp_path):
            pass
    assert reason in str(refusal.value)
    assert "secret" not in str(refusal.value)


async def test_what_is_pending_counts_both_stores(kind, empty, tmp_path):
    config = empty.config.model_copy(update={"url": "memory://"})

    assert await pending(config, tmp_path) == NAMES[kind]


async def test_points_go_to_their_store_and_spans_to_theirs(empty, tmp_path):
    from tests.support.stores import group, holds, messages, write

    config = empty.config.model_copy(update={"url": "memory://"})
    async with open_store(config, tmp_path) as store:
        assert store.signals == frozenset(Signal)
        for signal in Signal:
            posts = messages(signal, range(1, 4), ("a",))
            await write(store, group(signal, posts))
            await holds(store, signal, posts)
        assert list(await store.history(Signal.METRICS, 0, 1, 3))

    assert await empty.sql("SELECT DISTINCT signal FROM commits") == [("metrics",)]
    assert await empty.sql("SELECT count(*) FROM number_points") == [(12,)]
