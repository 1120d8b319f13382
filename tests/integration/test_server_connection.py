"""A server is reached as its URL says, and what keeps Aura out is said in one line."""

import asyncio
import socket
from dataclasses import replace

import pytest
from click.testing import CliRunner

from aura.command import main
from pipeline.errors import Setup
from pipeline.signal import Signal
from storage import StorageConfig, open_store, pending
from storage.clickhouse import ClickHouse
from storage.migrate import migrations
from tests.support.aura_process import free_port
from tests.support.certificates import Authority, needs_openssl
from tests.support.clickhouse.server import ClickHouseServer
from tests.support.processes import ROOT
from tests.support.stores import (
    CONFIG,
    LOGIN,
    PASSWORD,
    ask,
    database,
    everything,
    group,
    holds,
    messages,
    rig,
    server,
    write,
)

NAMES = [one.label for one in migrations()]


async def refusal(url, **settings):
    """Return why a store cannot be opened: one line that names the setting and no secret."""
    config = StorageConfig(url=url, **settings)
    with pytest.raises(Setup, match=r"^storage\.url: ") as refused:
        async with open_store(config, ROOT):
            pass
    text = str(refused.value)
    assert "\n" not in text
    assert PASSWORD not in text
    assert "secret" not in text
    return text


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A server with TLS that takes certificates of clients, and the authority of both."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder).make()
    mine, client = authority.sign("server"), authority.sign("aura")
    settings = {"certificate": str(mine.cert), "key": str(mine.key)}
    users = {"aura": PASSWORD}
    with ClickHouseServer(folder, users=users, authority=str(authority.cert), **settings) as one:
        yield one, authority.cert, client


async def works(config):
    posts = messages(Signal.LOGS, range(1, 3), ("a",))
    async with open_store(config, ROOT) as store:
        before = await ask(store, everything(Signal.LOGS, "a"))
        if not before.num_rows:
            await write(store, group(Signal.LOGS, posts))
        await holds(store, Signal.LOGS, posts)


@needs_openssl
async def test_tls_with_a_password_or_a_certificate_of_ones_own(secure):
    one, authority, client = secure
    trusted = f"db?ca_cert={authority}"
    shown = f"&client_cert={client.cert}&client_cert_key={client.key}"

    await works(StorageConfig(url=one.url(trusted, LOGIN, "https")))
    await works(StorageConfig(url=one.url(trusted + shown, "aura", "clickhouses")))

    unknown = await refusal(one.url("db", LOGIN, "https"))
    assert "certificate is not trusted" in unknown
    assert "?ca_cert=FILE" in unknown
    assert "is it a TLS port (clickhouses://)?" in await refusal(one.url("db", LOGIN))
    plain = server().url(trusted, LOGIN, "https")
    assert "is it a port without TLS?" in await refusal(plain)


async def test_user_and_password_may_stand_beside_the_url():
    async with database("server", fresh=True) as target:
        url = server().url(str(target.database))
        await works(StorageConfig(url=url, user="aura", password=PASSWORD))


async def test_settings_of_the_url_hold_for_every_query():
    async with rig("server") as one:
        await write(one.store, group(Signal.LOGS, messages(Signal.LOGS, range(1, 9), ("a",))))
        url = server().url(f"{one.target.database}?max_columns_to_read=3", LOGIN)
        store = ClickHouse(StorageConfig(url=url).target(), CONFIG)
        with pytest.raises(Exception, match="columns"):
            await ask(store, everything(Signal.LOGS, "a"))
        await store.close()


async def test_what_keeps_us_out_is_said_with_what_to_do():
    url = server().url
    assert "wrong password, or no user 'aura'" in await refusal(url("db", "aura:secret"))
    assert "wrong password, or no user 'nobody'" in await refusal(url("db", "nobody:secret"))
    assert "no such setting" in await refusal(url("db?max_secret=1", LOGIN).replace("secret", "x"))
    nobody = f"http://{LOGIN}@127.0.0.1:{free_port()}/db"
    assert "nobody listens there" in await refusal(nobody)
    assert "no such host" in await refusal(f"http://{LOGIN}@nowhere.invalid:1/db")
    server().change(version="21.8.1.1")
    assert "ClickHouse 21.8.1.1 is too old, Aura needs 23.3" in await refusal(url("db", LOGIN))
    server().change(version="", restricted=["aura"])
    try:
        assert "user 'aura' may not" in await refusal(url("not_there", LOGIN))
    finally:
        server().change(restricted=[])


async def test_what_does_not_speak_http_is_said():
    async def mute(reader, writer):
        writer.write(b"SSH-2.0-none\r\n")
        writer.close()

    there = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = there.sockets[0].getsockname()[1]
    assert "does not speak HTTP" in await refusal(f"http://{LOGIN}@127.0.0.1:{port}/db")
    there.close()


async def test_a_server_that_hangs_is_waited_for_as_long_as_the_url_says():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://{LOGIN}@127.0.0.1:{silent.getsockname()[1]}/db?send_receive_timeout=1"
        assert "no answer within 1 s" in await refusal(url)


async def test_two_that_migrate_at_once_end_with_one_schema():
    async with database("server", fresh=True) as target:
        missing = replace(target, database=f"{target.database}_new")
        stores = [ClickHouse(missing, CONFIG) for _ in range(3)]
        try:
            done = await asyncio.gather(*(store.migrate() for store in stores))
            assert set().union(*done) == set(NAMES)
            assert [await store.pending() for store in stores] == [[], [], []]
            posts = messages(Signal.TRACES, range(1, 3), ("a",))
            await write(stores[0], group(Signal.TRACES, posts))
            await holds(stores[1], Signal.TRACES, posts)
        finally:
            await stores[0]._control.run(
                lambda client: client.command(f"DROP DATABASE {missing.database}")
            )
            for store in stores:
                await store.close()


async def test_what_is_pending_is_told_without_making_the_database():
    config = StorageConfig(url=server().url("never_made", LOGIN))

    assert await pending(config, ROOT) == NAMES
    assert await pending(config, ROOT) == NAMES


def test_no_command_prints_the_password(tmp_path):
    url = f"http://127.0.0.1:{free_port()}/db"
    (tmp_path / "a.yaml").write_text(f"storage:\n  url: {url}\n  user: aura\n")
    (tmp_path / "b.yaml").write_text(f"storage:\n  url: {url.replace('//', '//aura:secret@')}\n")
    (tmp_path / "c.yaml").write_text("storage:\n  url: http://aura:secret@host:1/a/b\n")
    for name, command, said in (
        ("a", ["check", "a.yaml"], "a.yaml: ok"),
        ("b", ["migrate", "--check", "--config", "b.yaml"], "nobody listens there"),
        ("c", ["check", "c.yaml"], "storage: url: one database stands behind the host"),
    ):
        done = CliRunner().invoke(
            main,
            [one if one[-5:] != ".yaml" else str(tmp_path / one) for one in command],
            env={
                "AURA_DATA": str(tmp_path),
                **({"AURA_STORAGE_PASSWORD": "secret"} if name == "a" else {}),
            },
        )
        assert said in done.output
        assert "secret" not in done.output
