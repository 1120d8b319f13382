"""Aura with a hatch to its engine: what no API offers, and the bench needs in the same process.

`python -m tests.bench.hatch up …` is `aura up …` and answers SQL on the socket `hatch` in its
folder: chdb is one engine a process, so only from within can its caches be emptied.
"""

import threading
import time
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any, Final

import clickhouse_connect

from aura.command import main
from tests.support.aura_process import Aura, poll

CACHES: Final = (
    "MARK",
    "UNCOMPRESSED",
    "INDEX MARK",
    "INDEX UNCOMPRESSED",
    "PRIMARY INDEX",
    "QUERY CONDITION",
    "MMAP",
)
"""What is emptied before a cold question; the operating system's own cache stays warm."""


class Hatched(Aura):
    """An Aura whose engine can be asked past its API."""

    module = "tests.bench.hatch"

    def __enter__(self) -> "Hatched":
        super().__enter__()
        socket = self.folder / "hatch"
        poll(socket.exists)
        self._hatch: Connection[Any, Any] = Client(str(socket))
        return self

    def sql_s(self, statement: str) -> tuple[list[tuple[Any, ...]], float, float]:
        """Return a statement's rows, and its seconds: on the clock, and of CPU."""
        self._hatch.send(statement)
        answer = self._hatch.recv()
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer

    def cpu_s(self) -> float:
        """Return the CPU seconds of the process so far."""
        self._hatch.send("")
        return float(self._hatch.recv())

    def forget(self) -> None:
        """Empty the engine's caches."""
        for cache in CACHES:
            self.sql_s(f"SYSTEM DROP {cache} CACHE")


def _answer(client: Any, statement: str) -> Any:
    began, before = time.monotonic(), time.process_time()
    try:
        if statement.startswith("SYSTEM"):
            client.command(statement)
            rows: list[Any] = []
        else:
            rows = client.query_arrow(statement).to_pylist()
    except Exception as error:  # noqa: BLE001 - told to who asked
        return str(error)
    took = time.monotonic() - began, time.process_time() - before
    return [tuple(one.values()) for one in rows], *took


def _watch(socket: Path) -> None:
    socket.unlink(missing_ok=True)
    client = None
    with Listener(str(socket)) as listener, listener.accept() as caller:
        while True:
            try:
                statement = caller.recv()
            except EOFError:
                return
            if not statement:
                caller.send(time.process_time())
                continue
            # Only now: the engine is opened by Aura.
            path = str(socket.parent / "data" / "clickhouse")
            client = client or clickhouse_connect.get_client(interface="chdb", path=path)
            caller.send(_answer(client, statement))


if __name__ == "__main__":
    threading.Thread(target=_watch, args=(Path.cwd() / "hatch",), daemon=True).start()
    main()
