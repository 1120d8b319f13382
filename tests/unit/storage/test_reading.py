"""Connections that answer: turns by tenant, and what is given back."""

import asyncio
from concurrent.futures import Future

import pyarrow as pa
import pytest

from pipeline.errors import Rejected
from pipeline.ports import Cost
from storage.compile.parameters import Statement
from storage.config import StorageConfig
from storage.reading import Pool

COLUMNS = pa.schema([("a", pa.int64())])
ROWS = pa.table({"a": pa.array([1])})


class Held:
    """A connection whose answers come when the test says so."""

    def __init__(self):
        self.asked: list[Future] = []

    def start(self, _):
        self.asked.append(Future())
        return self.asked[-1]

    async def run(self, _):
        self.asked[-1].set_exception(OSError("killed"))


def answer(connection):
    connection.asked[-1].set_result((ROWS, Cost(rows=3, bytes=5, engine_ns=7)))


def pool(connections, tenant_max):
    return Pool(connections, connections[0], tenant_max, StorageConfig().limits())


async def asked(connections):
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return sum(len(one.asked) for one in connections)


async def test_one_tenant_leaves_a_connection_to_the_others():
    connections = [Held() for _ in range(3)]
    of = pool(connections, 2)

    def ask(tenant):
        return asyncio.create_task(of.ask(Statement("x"), COLUMNS, tenant, Cost()))

    first = [ask("a") for _ in range(4)]
    assert await asked(connections) == 2
    other = ask("b")
    assert await asked(connections) == 3
    answer(connections[2])
    await other
    assert await asked(connections) == 3, "the third of a still waits"
    answer(connections[0])
    assert await first[0] == ROWS
    assert await asked(connections) == 4
    first[3].cancel()
    for connection in connections:
        for future in connection.asked:
            if not future.done():
                future.set_result((ROWS, Cost()))
    await asyncio.gather(*first, return_exceptions=True)
    assert of._turns == {}


async def test_questions_share_threads():
    connections = [Held() for _ in range(4)]
    of = Pool(connections, connections[0], 4, StorageConfig().limits(), 6)
    shares = []
    for _ in connections:
        seat = await of._take("a")
        shares.append(of._share())
    of._give(seat)

    assert shares == [6, 3, 2, 1]
    assert of._share() == 2
    assert pool(connections, 1)._share() == 0, "the engine decides"


async def test_what_was_read_is_added_up():
    connections = [Held()]
    of, cost = pool(connections, 1), Cost(rows=1)
    running = asyncio.create_task(of.ask(Statement("x"), COLUMNS, "a", cost))
    await asked(connections)
    answer(connections[0])
    await running

    assert cost == Cost(rows=4, bytes=5, engine_ns=7)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("Code: 158. Limit for rows", r"more than 2000000000 \(storage\.query_rows_max\)"),
        ("Code: 158. Limit for rows to GROUP BY exceeded", "too many groups"),
        ("Code: 307. Limit", r"\(storage\.query_bytes_max\)"),
        ("Code: 241. Query memory limit exceeded", r"\(storage\.query_memory_bytes_max\)"),
        ("Code: 159. Timeout", r"more than 60 s \(storage\.query_time_max\)"),
    ],
)
async def test_a_broken_limit_is_told_by_its_setting_and_takes_time(error, said):
    from clickhouse_connect.driver.exceptions import DatabaseError

    connections = [Held()]
    of, cost = pool(connections, 1), Cost()
    running = asyncio.create_task(of.ask(Statement("x"), COLUMNS, "a", cost))
    await asked(connections)
    connections[0].asked[-1].set_exception(DatabaseError(error))

    with pytest.raises(Rejected, match=rf"{said}.*: narrow the time range or name a service"):
        await running
    assert cost.engine_ns > 0
    assert of._turns == {}


async def test_a_full_server_is_no_fault_of_the_question():
    from clickhouse_connect.driver.exceptions import DatabaseError

    from pipeline.errors import Overloaded

    connections = [Held()]
    running = asyncio.create_task(pool(connections, 1).ask(Statement("x"), COLUMNS, "a", Cost()))
    await asked(connections)
    error = "Code: 241. DB::Exception: (total) memory limit exceeded: would use 9.00 GiB"
    connections[0].asked[-1].set_exception(DatabaseError(error))

    with pytest.raises(Overloaded, match="no memory left"):
        await running
