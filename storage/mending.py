"""Looks after the writes of chdb where nothing is inserted: merges fail there, too."""

import asyncio
from typing import Final

import structlog

from pipeline.errors import AuraError
from storage.connection import Connection
from storage.verdicts import writing
from storage.writes import Writes

log = structlog.get_logger()

LOOK_S: Final = 5.0
"""Between two looks: well within the time for which `chdb.xml` keeps what was merged."""


async def mending(connection: Connection, writes: Writes) -> None:
    """Mend what has failed again and again, until it is cancelled."""
    while True:
        try:
            with writing():
                parts = await connection.run(writes.mend)
            if parts:
                log.warning("storage.mended", parts=parts[:10], count=len(parts))
        except AuraError as error:
            log.warning("storage.mend_again", error=str(error))
        await asyncio.sleep(LOOK_S)
