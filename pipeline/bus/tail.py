"""The tail on plain NATS subjects: records that the server keeps for nobody."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Self, TypeAlias

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from pipeline.batch import Batch
from pipeline.bus.config import BusConfig
from pipeline.bus.connection import Connection
from pipeline.bus.pieces import PIECE_BYTES_MAX, pieces, read
from pipeline.bus.sights import Backlog, newest
from pipeline.bus.verdicts import verdicts
from pipeline.errors import AuraError, Setup
from pipeline.ports import Group
from pipeline.schema import SCHEMAS
from pipeline.signal import Signal

INTEREST: Final = "tail.interest"
"""Where followers say what they follow: JSON, a list of tenants by signal."""
INTEREST_EVERY_S: Final = 1.0
INTEREST_LASTS_S: Final = 3.5
"""How long after its last word a follower that died is still shown what is committed."""
FOLLOWED_MAX: Final = 10_000
"""Signals and tenants that others may follow: a stranger's words take no more memory."""

MISSED: Final = "Aura-Missed"
OUTBOX_BYTES_MAX: Final = 32 * 2**20
"""What waits to be sent; what comes then is missed."""
HEADERS_ROOM: Final = 4096
OPEN_WAIT_S: Final = 5.0

_Key: TypeAlias = tuple[Signal, str]
_log = structlog.get_logger(__name__)


def subject(signal: Signal, tenant: str) -> str:
    """Return the subject of a tenant's records; any text is a tenant, so it is written in hex."""
    return f"tail.{signal.value}.{tenant.encode(errors='surrogatepass').hex()}"


class NatsTail:
    """
    A `Tail` over a connection of its own, so that nothing waits behind what is shown.

    It connects in the background: neither the worker nor questions depend on it.
    """

    def __init__(
        self,
        config: BusConfig,
        servers: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._clock = clock
        timeout_s = config.publish_timeout_s
        self._connection = Connection(list(servers), "aura tail", timeout_s, self._prepare)
        self._client: Client | None = None
        self._until: dict[_Key, float] = {}
        self._heard = asyncio.Event()
        """Set, and another one, whenever somebody said what is followed."""
        self._backlogs: dict[Backlog, _Key] = {}
        self._subscriptions: dict[Backlog, Subscription] = {}
        self._outbox: asyncio.Queue[Batch] = asyncio.Queue()
        self._outbox_bytes = 0
        self._missed: Counter[_Key] = Counter()
        self._thread = ThreadPoolExecutor(1, "tail")
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        opening = asyncio.create_task(self._open())
        self._tasks = [
            opening,
            asyncio.create_task(self._send_all()),
            asyncio.create_task(self._repeat_interest()),
        ]
        await asyncio.wait({opening}, timeout=OPEN_WAIT_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self._connection.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def followed(self, signal: Signal) -> Collection[str]:
        """Return the tenants of whom somebody, in whatever process, follows the signal."""
        if not self._until:
            return ()
        now = self._clock()
        self._until = {key: until for key, until in self._until.items() if until > now}
        return {tenant for of, tenant in self._until if of is signal}

    def show(self, group: Group) -> None:
        """Show the group's records to who follows them; what finds no room is missed."""
        followed = self.followed(group.signal)
        for batch in group.batches:
            if batch.tenant in followed:
                self._put(batch)

    def _put(self, batch: Batch) -> None:
        rows = newest(batch.rows, self._config.tail_bytes_max)
        if self._outbox_bytes + rows.nbytes > OUTBOX_BYTES_MAX:
            rows = rows.slice(0, 0)
        self._missed[batch.signal, batch.tenant] += len(batch) - rows.num_rows
        if rows.num_rows:
            self._outbox_bytes += rows.nbytes
            self._outbox.put_nowait(batch.with_rows(rows))

    @asynccontextmanager
    async def follow(self, signal: Signal, tenant: str) -> AsyncIterator[Backlog]:
        """See what is committed from about now on; raises Unavailable while NATS is away."""
        backlog = Backlog(self._clock)
        with verdicts():
            subscription = await self._subscribe(backlog, (signal, tenant))
        self._backlogs[backlog] = signal, tenant
        self._subscriptions[backlog] = subscription
        try:
            with verdicts():
                await self._announce((signal, tenant))
            yield backlog
        finally:
            del self._backlogs[backlog]
            with suppress(Exception):  # it may be that of a connection that broke
                await self._subscriptions.pop(backlog).unsubscribe()

    async def _announce(self, key: _Key) -> None:
        """Say who is followed, until that came back: all that was asked before has been done."""
        # Not by a flush of nats-py's: a PONG that comes after its waiter was cancelled, or gave up,
        # ends the connection.
        asked = self._clock()
        async with asyncio.timeout(self._config.publish_timeout_s):
            await self._say_interest()
            while self._until.get(key, 0.0) < asked + INTEREST_LASTS_S:
                await self._heard.wait()

    async def _open(self) -> None:
        while True:
            try:
                await self._connection.open(OPEN_WAIT_S)
            except Setup as error:
                _log.warning("tail.away", error=str(error))
            else:
                return

    async def _prepare(self, connection: Connection) -> None:
        """Subscribe, where the client is another one; the same one has done so itself."""
        client = connection.live()
        if client is self._client:
            return
        await connection.subscribe(INTEREST, self._on_interest)
        for backlog, key in self._backlogs.items():
            self._subscriptions[backlog] = await self._subscribe(backlog, key)
        self._client = client

    async def _subscribe(self, backlog: Backlog, key: _Key) -> Subscription:
        async def arrived(message: Msg) -> None:
            backlog.miss(_count(message.headers))
            if message.data:
                rows = read(message.data, SCHEMAS[key[0]])
                if rows is None:  # of a stranger, or of another version of Aura
                    _log.warning("tail.unreadable", subject=message.subject)
                else:
                    backlog.add(rows)

        return await self._connection.subscribe(subject(*key), arrived)

    async def _on_interest(self, message: Msg) -> None:
        until = self._clock() + INTEREST_LASTS_S
        for key in _interest(message.data):
            if key in self._until or len(self._until) < FOLLOWED_MAX:
                self._until[key] = until
        heard, self._heard = self._heard, asyncio.Event()
        heard.set()

    async def _repeat_interest(self) -> None:
        while True:
            await asyncio.sleep(INTEREST_EVERY_S)
            if self._backlogs:
                with suppress(AuraError), verdicts():  # the next one is not far
                    await self._say_interest()

    async def _say_interest(self) -> None:
        by_signal: dict[str, list[str]] = {}
        for signal, tenant in set(self._backlogs.values()):
            by_signal.setdefault(signal.value, []).append(tenant)
        await self._connection.tell(INTEREST, json.dumps(by_signal).encode())

    async def _send_all(self) -> None:
        while True:
            batch = await self._outbox.get()
            self._outbox_bytes -= batch.rows.nbytes
            try:
                with verdicts():
                    await self._send(batch)
            except AuraError as error:
                _log.info("tail.not_sent", error=str(error), records=len(batch))
            except Exception:  # noqa: BLE001 - what one batch does must not end the tail
                _log.exception("tail.not_sent", records=len(batch))

    async def _send(self, batch: Batch) -> None:
        key = batch.signal, batch.tenant
        limit = min(PIECE_BYTES_MAX, self._connection.message_bytes_max - HEADERS_ROOM)
        loop = asyncio.get_running_loop()
        cut = await loop.run_in_executor(self._thread, lambda: list(pieces(batch.rows, limit)))
        self._missed[key] += len(batch) - sum(part.num_rows for part, _ in cut)
        for _, stream in cut:
            await self._tell(key, stream.to_pybytes())
        if self._outbox.empty():
            for other in list(self._missed):
                await self._tell(other, b"")

    async def _tell(self, key: _Key, data: bytes) -> None:
        missed = self._missed.pop(key, 0)
        if data or missed:
            headers = {MISSED: str(missed)} if missed else None
            await self._connection.tell(subject(*key), data, headers)


def _count(headers: Any) -> int:
    text = (headers or {}).get(MISSED, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _interest(data: bytes) -> list[_Key]:
    """Return what a message says that somebody follows; nothing of one that is none of ours."""
    try:
        said = json.loads(data)
        return [(signal, str(tenant)) for signal in Signal for tenant in said.get(signal.value, ())]
    except (ValueError, TypeError, AttributeError):
        return []
