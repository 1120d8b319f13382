"""Aura in front of a ClickHouse server: what was answered is stored once, whoever is killed."""

import os
import random

import clickhouse_connect
import pytest

from pipeline.signal import Signal
from tests.support.aura_process import Aura, poll
from tests.support.clickhouse.server import ClickHouseServer
from tests.support.numbered import Sender, check, settle
from tests.support.stores import PASSWORD, USERS


class ServedAura(Aura):
    """Aura whose store is a server, by the name that people know it by."""

    def __init__(self, folder, server):
        url = server.url("telemetry", "aura", "http")
        super().__init__(folder, AURA_STORAGE_URL=url, AURA_STORAGE_PASSWORD=PASSWORD)
        self.server = server

    def sql(self, *statements):
        client = clickhouse_connect.get_client(
            host="127.0.0.1",
            port=self.server.port,
            username="aura",
            password=PASSWORD,
            database="telemetry",
        )
        with client:
            return [client.query(one).result_rows for one in statements]


@pytest.mark.slow
def test_kills_of_aura_and_of_the_server_lose_and_double_nothing(tmp_path):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    with ClickHouseServer(tmp_path, users=USERS) as server, ServedAura(tmp_path, server) as aura:
        load = [
            Sender(one, str(one), aura.ports["ingestor.http"], "http", pause_s=0.1)
            for one in Signal
        ]
        for one in load:
            one.start()

        def more(number):
            wanted = sum(len(one.answered) for one in load) + number
            poll(lambda: sum(len(one.answered) for one in load) >= wanted, 30, f"{wanted} answers")

        more(50)
        # An insert of its last moment is still on its way when the next Aura begins.
        server.fault("late", table="logs")
        poll(lambda: server.late, 20, "an insert under way")
        aura.kill()
        aura.start()
        server.release()
        poll(lambda: server.late != [""], 20, "what came of that insert")
        assert "taken this log over" in server.late[0]
        more(chance.randrange(20, 100))
        server.kill()
        more(chance.randrange(10, 50))  # answered all the same: they lie on the bus
        server.start()
        more(chance.randrange(10, 100))
        for one in load:
            one.finish()

        settle(aura, load)
        assert aura.stop() == 0
        check(aura, load)
    assert PASSWORD not in (tmp_path / "stderr.log").read_text()
