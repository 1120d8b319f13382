"""What keeps a store of points small: policies of TimescaleDB, and what Aura does itself.

TimescaleDB compresses chunks and drops those that nobody keeps, by policies that its background
workers run, or Aura where there are none. What is kept for less long than the longest, and all of
it in plain PostgreSQL, Aura deletes: a day of a table at a time.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog

from pipeline.errors import AuraError
from pipeline.signal import Signal
from pipeline.window import DAY_NS
from storage.compile.series_ranges import HOUR_NS
from storage.config import StorageConfig
from storage.tables import POINT_TABLES
from storage.timescale.migrate import Abilities
from storage.timescale.server import Connection, Pool, Server
from storage.timescale.verdicts import writing

log = structlog.get_logger()

_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('aura upkeep ' || $1, 0))"
_LISTS: Final = ("series", "resources", "scopes", "attribute_keys")
_DAYS_MAX: Final = 400
"""Days of one table that are deleted in one run; the rest comes with the next."""
_COMMITS_DAYS: Final = 400
_REFRESHED_DAYS: Final = 60


class Upkeep:
    """Runs in the background until it is closed; of several Auras, one at a time does the work."""

    def __init__(
        self,
        pool: Pool,
        server: Server,
        config: StorageConfig,
        can: Abilities,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._pool = pool
        self._server = server
        self._config = config
        self._can = can
        self._clock_ns = clock_ns
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to run, at once and then again and again."""
        self._task = asyncio.create_task(self._forever(), name="upkeep")

    async def close(self) -> None:
        """End what runs: it goes on where it was when it is run again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _forever(self) -> None:
        while True:
            try:
                await self.run()
            except AuraError as error:
                log.warning("storage.upkeep_again", error=str(error))
            await asyncio.sleep(self._config.metrics.upkeep_interval)

    async def run(self) -> None:
        """Do all that is due; raises the verdicts of writing."""
        with writing():
            if self._can.compression:
                await self._alone(self._policies)
            if self._can.hypertables and not self._can.jobs:
                await self._run_jobs()
            for table in POINT_TABLES:
                for _ in range(_DAYS_MAX):
                    if not await self._alone(partial(self._expire, table)):
                        break
            await self._alone(self._forget)

    async def _alone(self, work: Callable[[Connection], Awaitable[bool]]) -> bool:
        """Do work in a transaction of its own, unless another Aura is at it."""
        async with self._pool.transaction() as connection:
            ours = await connection.fetchval(_LOCK, self._server.schema)
            return bool(ours and await work(connection))

    async def _policies(self, connection: Connection) -> bool:
        """Have chunks compressed and dropped as the settings say."""
        wanted = {
            "compression": ("compress_after", int(self._config.metrics.compress_after * 10**9)),
            "retention": ("drop_after", self._longest_s() * 10**9),
        }
        for table in POINT_TABLES:
            for policy, (option, nanoseconds) in wanted.items():
                now = await connection.fetchval(
                    "SELECT config ->> $1 FROM timescaledb_information.jobs WHERE proc_name = $2 "
                    "AND hypertable_schema = $3 AND hypertable_name = $4",
                    option,
                    f"policy_{policy}",
                    self._server.schema,
                    table,
                )
                if now != str(nanoseconds):
                    await connection.execute(
                        f"SELECT remove_{policy}_policy($1::text::regclass, if_exists => true)",
                        table,
                    )
                    await connection.execute(
                        f"SELECT add_{policy}_policy($1::text::regclass, $2::int8)",
                        table,
                        nanoseconds,
                    )
        await connection.execute(
            "SELECT add_continuous_aggregate_policy('number_hours', $1::int8, $2::int8, "
            "interval '1 hour', if_not_exists => true)",
            self._refreshed_ns(),
            HOUR_NS,
        )
        return True

    def _refreshed_ns(self) -> int:
        """Return how far back hours are refreshed: not where points were dropped already."""
        return min(self._longest_s() * 10**9, _REFRESHED_DAYS * DAY_NS)

    async def _run_jobs(self) -> None:
        async with self._pool.transaction(readonly=True) as connection:
            jobs = await connection.fetch(
                "SELECT job_id FROM timescaledb_information.jobs "
                "WHERE hypertable_schema = $1 AND proc_name LIKE 'policy%' ORDER BY job_id",
                self._server.schema,
            )
        for job in jobs:
            await self._pool.call(f"CALL public.run_job({int(job['job_id'])})")
        if self._can.compression:
            now_ns = self._clock_ns()
            window = f"{now_ns - self._refreshed_ns()}, {now_ns // HOUR_NS * HOUR_NS}"
            hours = f"'{self._server.schema}.number_hours'"
            await self._pool.call(f"CALL public.refresh_continuous_aggregate({hours}, {window})")

    async def _expire(self, table: str, connection: Connection) -> bool:
        """Delete what has expired of the oldest day that has any; tell whether there was one."""
        now_ns = self._clock_ns()
        kept = await connection.fetch("SELECT DISTINCT keep_for_s AS seconds FROM series")
        found = False
        for seconds in sorted(row["seconds"] for row in kept):
            if self._can.compression and seconds >= self._longest_s():
                continue  # whole chunks of it are dropped
            before = now_ns - seconds * 10**9
            oldest = await connection.fetchval(
                f"SELECT min(time) FROM {table} WHERE time < $1 AND series IN "  # noqa: S608
                "(SELECT id FROM series WHERE keep_for_s = $2)",
                before,
                seconds,
            )
            if oldest is None:
                continue
            until = min(before, (oldest // DAY_NS + 1) * DAY_NS)
            await connection.execute(
                f"DELETE FROM {table} WHERE time >= $1 AND time < $2 AND series IN "  # noqa: S608
                "(SELECT id FROM series WHERE keep_for_s = $3)",
                oldest,
                until,
                seconds,
            )
            found = True
        return found

    async def _forget(self, connection: Connection) -> bool:
        """Forget what no point refers to any more."""
        today = self._clock_ns() // DAY_NS
        for table in _LISTS:
            await connection.execute(f"DELETE FROM {table} WHERE expires_day <= $1", today)  # noqa: S608
        await connection.execute(
            "DELETE FROM commits WHERE committed_at < now() - make_interval(days => $1)",
            _COMMITS_DAYS,
        )
        return True

    def _longest_s(self) -> int:
        return self._config.retention.longest_s(Signal.METRICS)
