"""The embedded server lives while Aura lives, and no longer."""

import asyncio
import json
import os
import stat
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from pipeline.bus import binary
from pipeline.bus.config import BusConfig
from pipeline.bus.nats import NatsBus
from pipeline.bus.server import EmbeddedServer
from pipeline.errors import Overloaded, Setup
from pipeline.folder import DataFolder
from pipeline.signal import Signal
from tests.support.buses import answered, message, until
from tests.support.processes import close, gone, line, python

LEASHES = pytest.mark.parametrize("leash", [(), ("--poll",)], ids=["kernel", "poll"])

PARENT = """
import asyncio, sys
from pathlib import Path
from pipeline.bus.config import BusConfig
from pipeline.bus.server import EmbeddedServer
from pipeline.folder import DataFolder

async def main():
    with DataFolder(Path(sys.argv[1])) as folder:
        async with EmbeddedServer(BusConfig(), folder, tuple(sys.argv[2:])) as server:
            print(server.pid, server.url, flush=True)
            await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path):
    with DataFolder(tmp_path / "data") as opened:
        yield opened


@LEASHES
@pytest.mark.slow
async def test_the_server_is_gone_soon_after_aura_was_killed(leash, tmp_path):
    parent = python(PARENT, tmp_path / "data", *leash)
    try:
        pid, url = line(parent).split()
        with pytest.raises(Setup, match=f"is in use by process {parent.pid}"):
            DataFolder(tmp_path / "data").__enter__()
    finally:
        close(parent)

    # The lock comes free when the server, which inherited it, is really gone.
    with DataFolder(tmp_path / "data"):
        await until(lambda: gone(int(pid)), 10)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))


@LEASHES
@pytest.mark.slow
async def test_a_killed_server_is_started_again_where_it_was(leash, folder):
    async with EmbeddedServer(BusConfig(), folder, leash) as server:
        url, pid = server.url, server.pid
        async with NatsBus(BusConfig(), [url]) as bus:
            await bus.publish(Signal.LOGS, message(b"1"))
            for process in children(pid) or [pid]:
                os.kill(process, 9)
            await until(lambda: server.pid not in {None, pid})
            await answered(lambda: bus.publish(Signal.LOGS, message(b"2")))
            assert (await answered(lambda: bus.state(Signal.LOGS, 0))).last >= 2
        assert server.url == url


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@LEASHES
@pytest.mark.slow
async def test_leaving_stops_the_server_and_frees_the_folder(leash, tmp_path):
    with DataFolder(tmp_path / "data") as folder:
        async with EmbeddedServer(BusConfig(), folder, leash) as server:
            pids = [server.pid, *children(server.pid)]
        assert server.pid is None
        assert all(gone(pid) for pid in pids)
    with DataFolder(tmp_path / "data", orphan_wait_s=0):
        pass


async def test_only_this_user_on_this_machine_can_talk_to_it(folder):
    async with EmbeddedServer(BusConfig(), folder) as server:
        path = folder.path / "nats" / "server.conf"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        config = json.loads(path.read_text())
        assert config["host"] == "127.0.0.1"
        assert f":{config['authorization']['password']}@" in server.url
        assert len(config["authorization"]["password"]) >= 32
        assert "http" not in config
        first = server.url
    async with EmbeddedServer(BusConfig(), folder) as server:
        assert server.url != first


async def test_ctrl_c_in_the_terminal_does_not_reach_it(folder):
    async with EmbeddedServer(BusConfig(), folder) as server:
        assert os.getpgid(server.pid or 0) != os.getpgid(0)


async def test_it_may_sync_every_message(folder):
    async with EmbeddedServer(BusConfig(sync="always"), folder) as server:
        assert "always" in (folder.path / "nats" / "server.conf").read_text()
        async with NatsBus(BusConfig(), [server.url]) as bus:
            await bus.publish(Signal.LOGS, message())


async def test_a_server_that_cannot_start_is_a_matter_of_setup(folder, tmp_path):
    broken = tmp_path / "nats-server"
    broken.write_text('#!/bin/sh\necho "nats-server: no such luck" >&2\nexit 3\n')
    broken.chmod(0o755)
    server = EmbeddedServer(BusConfig(), folder, find=lambda: broken)
    with pytest.raises(Setup, match="ended with 3: nats-server: no such luck"):
        async with server:
            pass
    assert server.pid is None


async def test_a_cancelled_start_leaves_no_process(folder, tmp_path):
    mute = tmp_path / "nats-server"
    mute.write_text("#!/bin/sh\nexec sleep 600\n")
    mute.chmod(0o755)
    server = EmbeddedServer(BusConfig(), folder, find=lambda: mute)
    starting = asyncio.create_task(server.__aenter__())
    await until(lambda: server.pid)
    pid = server.pid
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert pid
    assert gone(pid)


@pytest.mark.slow
async def test_a_server_that_is_stuck_is_killed_in_the_end(folder, monkeypatch):
    monkeypatch.setattr("pipeline.bus.server.STOP_WAIT_S", 0.2)
    async with EmbeddedServer(BusConfig(), folder, ("--poll",)) as server:
        pids = [server.pid, *children(server.pid)]
        os.kill(pids[1], 19)  # SIGSTOP
    await until(lambda: all(gone(pid) for pid in pids), 10)


@pytest.mark.slow
async def test_a_disk_that_fills_up_stops_publishing_and_restarts_the_server(folder, monkeypatch):
    monkeypatch.setattr("pipeline.bus.server.DISK_LOOK_S", 0.01)
    free = 1000
    config = BusConfig(disk_reserve=100)
    async with AsyncExitStack() as up:
        server = EmbeddedServer(config, folder, free=lambda _: free)
        await up.enter_async_context(server)
        bus = NatsBus(config, [server.url], has_room=server.has_room)
        await up.enter_async_context(bus)
        await bus.publish(Signal.LOGS, message())
        pid = server.pid

        free = 99
        await until(lambda: not server.has_room())
        with pytest.raises(Overloaded, match="disk_reserve"):
            await bus.publish(Signal.LOGS, message())
        await bus.purge(Signal.LOGS, 0, 2)
        free = 100
        await until(server.has_room)
        await bus.publish(Signal.LOGS, message())
        assert server.pid == pid

        free = 0
        await until(lambda: not server.has_room())
        assert server.pid == pid
        free = 1000
        await until(lambda: server.pid not in {None, pid})


@pytest.mark.slow
async def test_a_disk_that_is_full_for_half_a_second_restarts_the_server(folder):
    looks: list[float] = []

    def free(_: object) -> int:
        looks.append(time.monotonic())
        return 0 if 0.05 < looks[-1] - looks[0] < 0.55 else 2**40

    async with EmbeddedServer(BusConfig(), folder, free=free) as server:
        pid = server.pid
        await until(lambda: server.pid not in {None, pid})


def fake(path, version):
    path.mkdir()
    server = path / "nats-server"
    server.write_text(f"#!/bin/sh\necho 'nats-server: {version}'\n")
    server.chmod(0o755)
    return server


def test_a_recent_server_on_the_path_is_taken(tmp_path):
    server = fake(tmp_path / "bin", "v2.12.0")
    assert binary.find(str(server.parent)) == server


@pytest.mark.parametrize("version", ["v2.11.9", "v1.4.1", "unknown"])
def test_an_older_one_gives_way_to_the_wheels(tmp_path, version):
    server = fake(tmp_path / "bin", version)
    found = binary.find(str(server.parent))
    assert found != server
    assert (binary.version(found) or (0, 0)) >= binary.OLDEST


def test_the_wheels_is_found_without_a_path():
    assert binary.find("").name.startswith("nats-server")
