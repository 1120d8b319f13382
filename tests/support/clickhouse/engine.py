"""chdb as the engine of a test server: many requests at once, each with its own settings."""

import asyncio
import re
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import chdb

THREADS = 24
OF_STATEMENT = ("log_comment",)
"""Settings that change with the statement; a handle keeps all others."""


class Refused(Exception):  # noqa: N818 - a verdict
    """An answer with ClickHouse's error code."""


@dataclass
class Asked:
    """A request as the engine takes it."""

    statement: str
    data: bytes
    database: str
    settings: dict[str, str]
    parameters: dict[str, str]
    format: str = "TabSeparated"

    @property
    def kind(self) -> str:
        return self.statement.split(None, 1)[0].upper()


class Engine:
    """chdb with a handle for each query that runs."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._keep = chdb.connect(folder)
        self._free: dict[Any, list[Any]] = defaultdict(list)
        self.threads = ThreadPoolExecutor(THREADS)

    async def run(self, asked: Asked, row_s: float = 0.0) -> tuple[bytes, dict[str, str]]:
        """Return the answer and the server's summary of it; `row_s` slows a fenced insert down."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, self._run, asked, row_s)

    def _run(self, asked: Asked, row_s: float) -> tuple[bytes, dict[str, str]]:
        own = {k: v for k, v in asked.settings.items() if k in OF_STATEMENT}
        kept = tuple(sorted(asked.settings.items() - own.items()))
        free = self._free[kept]
        handle = None
        try:
            handle = free.pop() if free else self._handle(kept)
            handle.query(f"USE `{asked.database}`", "TabSeparated")
            if asked.data:
                found = self._insert(handle, asked, own, row_s)
            else:
                settings = clause(own) if asked.kind in {"SELECT", "WITH"} else ""
                found = handle.query(
                    asked.statement + settings, asked.format, params=asked.parameters
                )
            return found.bytes() or b"", _summary(found)
        except Exception as error:  # noqa: BLE001 - chdb has no error of its own
            message = str(error)
            raise Refused(message[max(0, message.find("Code: ")) :]) from None
        finally:
            if handle is not None:
                free.append(handle)

    def _handle(self, settings: tuple[tuple[str, str], ...]) -> Any:
        handle = chdb.connect(self._folder)
        if settings:
            handle.query(f"SET {assignments(dict(settings))}", "TabSeparated")
        return handle

    def _insert(self, handle: Any, asked: Asked, own: dict[str, str], row_s: float) -> Any:
        head, name = re.split(r"\s+FORMAT\s+", asked.statement)
        with tempfile.NamedTemporaryFile() as file:
            file.write(asked.data)
            file.flush()
            if " FROM input(" in head:  # chdb has no data behind a statement: the file is its input
                sql = head.replace(" FROM input(", f" FROM file('{file.name}', '{name}', ")
                sql += f" AND sleepEachRow({row_s}) = 0" if row_s else ""
                sql += clause(own)
            else:
                sql = f"{head} FROM INFILE '{file.name}'{clause(own)} FORMAT {name}"
            return handle.query(sql, asked.format)


def _summary(found: Any) -> dict[str, str]:
    """Return what `X-ClickHouse-Summary` says; what an insert wrote is what it read."""
    figures = {
        "read_rows": found.storage_rows_read(),
        "read_bytes": found.storage_bytes_read(),
        "written_rows": found.rows_read(),
        "elapsed_ns": int(found.elapsed() * 1e9),
    }
    return {name: str(figure) for name, figure in figures.items()}


def clause(settings: dict[str, str]) -> str:
    return f" SETTINGS {assignments(settings)}" if settings else ""


def assignments(settings: dict[str, str]) -> str:
    quoted = ("'" + v.replace("\\", "\\\\").replace("'", "\\'") + "'" for v in settings.values())
    return ", ".join(f"{k} = {v}" for k, v in zip(settings, quoted, strict=True))
