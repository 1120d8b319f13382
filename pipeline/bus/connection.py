"""One connection to NATS: requests, publishes with acknowledgements, and what when it breaks."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any, Final, Self, TypeVar

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from pipeline.bus.verdicts import checked, verdicts
from pipeline.errors import Setup, Unavailable

RECONNECT_WAIT_S: Final = 0.2
GIVE_UP_S: Final = 5.0
"""A client that did not come back for so long is replaced: nats-py first waits for its old socket
to empty, which takes a quarter of an hour when the other machine is gone."""

CANCELS_MAX: Final = 3
CLOSE_WAIT_S: Final = 2.0
CONNECT_TIMEOUT_S: Final = 2

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class Connection:
    """
    A connection that comes back by itself, and says so at once while it is away.

    Nothing is queued while NATS is away: requests and publishes fail with Unavailable. What was
    handed over but not acknowledged when the connection broke fails with Unavailable too; up to
    2 MB of it may lie in the client and be sent when NATS is back, as an attempt whose outcome is
    unknown may.

    `prepare` runs after every connect, until it succeeds. Errors of the client and the server come
    out as they are: callers use `verdicts.verdicts`.
    """

    def __init__(
        self,
        servers: list[str],
        name: str,
        timeout_s: float,
        prepare: Callable[["Connection"], Awaitable[None]] | None = None,
    ) -> None:
        self._servers = servers
        self._prepare = prepare
        self._name = name
        self._timeout_s = timeout_s
        self._client: Client | None = None
        self._inbox = ""
        self._tokens = count()
        self._acks: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self._renewal = asyncio.Event()
        self._connected = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._error: Exception | None = None
        # A refused log-in is often followed by a mere reset: the last error alone tells too little.
        self._told: deque[str] = deque(maxlen=4)
        self._closed = False
        self.breaks = 0
        """How often the connection broke: what lives on the server's side of it may be gone."""
        self.on_break: set[Callable[[], None]] = set()

    async def open(self, wait_s: float) -> None:
        """Connect and prepare; raises Setup when no server lets us within `wait_s`."""
        try:
            async with asyncio.timeout(wait_s):
                await self._connect()
                await self._until_prepared()
        except TimeoutError as error:
            raise Setup(
                f"bus.url: no NATS with JetStream took us within {wait_s:g} s: "
                f"{'; '.join(self._told) or 'no answer'}"
            ) from error
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Close; whoever still waits for an acknowledgement gets Unavailable."""
        self._closed = True
        if self._keeper:
            await _end(self._keeper)
        if self._client:
            await _close(self._client)
        self._break()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def message_bytes_max(self) -> int:
        """What the server takes at once, headers included."""
        return self.live().max_payload

    def live(self) -> Client:
        """Return the client; raises Unavailable while there is no connection."""
        if self._client is None or not self._client.is_connected:
            raise Unavailable(f"NATS is away: {self._error or 'not connected'}")
        return self._client

    async def request(self, subject: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask JetStream's API; raises `verdicts.RefusalError` when it says no."""
        asking = self.live().request(
            f"$JS.API.{subject}", json.dumps(body).encode(), timeout=self._timeout_s
        )
        reply = await _uncancelled(asking)
        return checked(json.loads(reply.data))

    async def subscribe(
        self, subject: str, callback: Callable[[Msg], Awaitable[None]]
    ) -> Subscription:
        """Have the callback run for each message of a subject, in order."""
        cancelling = _Cancelling()
        subscription = await self.live().subscribe(subject, cb=callback)
        if cancelling.swallowed:
            await subscription.unsubscribe()  # nobody will
            raise asyncio.CancelledError
        return subscription

    async def tell(
        self, subject: str, data: bytes, headers: dict[str, str] | None = None, reply: str = ""
    ) -> None:
        """Publish on a subject that no stream keeps: nothing acknowledges it."""
        await _uncancelled(self.live().publish(subject, data, reply, headers))

    async def publish(
        self, subject: str, data: bytes, headers: dict[str, str]
    ) -> Mapping[str, Any]:
        """
        Publish and return JetStream's acknowledgement.

        Any number may be under way at once: nobody waits for another's acknowledgement.
        """
        # nats-py's own publish_async never ends when JetStream refuses (its reply handler raises
        # the refusal instead of handing it on), so the acknowledgements are matched here.
        client = self.live()
        loop = asyncio.get_running_loop()
        token = str(next(self._tokens))
        ack: asyncio.Future[Mapping[str, Any]] = loop.create_future()
        self._acks[token] = ack
        timer = loop.call_later(self._timeout_s, _fail, ack, TimeoutError())
        try:
            await _uncancelled(client.publish(subject, data, f"{self._inbox}.{token}", headers))
            return await ack
        finally:
            timer.cancel()
            del self._acks[token]
            if not ack.cancel() and not ack.cancelled():
                ack.exception()  # seen, also when the publish itself failed

    def renew(self) -> None:
        """Prepare once more: something that was prepared has gone."""
        self._renewal.set()

    async def _until_prepared(self) -> None:
        while True:
            if await self._prepared():
                return
            await asyncio.sleep(RECONNECT_WAIT_S)

    async def _prepared(self) -> bool:
        if self._prepare is None:
            return True
        try:
            with verdicts():
                await self._prepare(self)
        except Unavailable as error:
            self._note(error)
            return False
        return True

    async def _connect(self) -> None:
        client = _Client()
        try:
            await _uncancelled(
                client.connect(
                    self._servers,
                    name=self._name,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnect,
                    reconnected_cb=self._on_reconnect,
                    closed_cb=self._on_close,
                    connect_timeout=CONNECT_TIMEOUT_S,
                    reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # it sleeps this
                    max_reconnect_attempts=-1,
                    # A server that stops reading must not hold a publisher for longer than this.
                    flush_timeout=self._timeout_s,
                    ping_interval=10,
                )
            )
            inbox = client.new_inbox()
            await _uncancelled(client.subscribe(f"{inbox}.*", cb=self._on_ack))
        except BaseException:
            await _close(client)
            raise
        self._client, self._inbox = client, inbox
        self._connected.set()

    async def _keep(self) -> None:
        while True:
            await self._renewal.wait()
            self._renewal.clear()
            await self._back()
            try:
                done = await self._prepared()
            except Setup as error:
                # The streams were replaced by others while we ran.
                self._note(error)
                done = False
            if done:
                _log.info("bus.connected", connection=self._name)
            else:
                _log.warning("bus.not_ready", connection=self._name, error=str(self._error))
                self._renewal.set()
            await asyncio.sleep(RECONNECT_WAIT_S)

    async def _back(self) -> None:
        """Return when there is a connection again, with another client where need be."""
        client = self._client
        # nats-py gives up for good when the server reports an error that it does not know to be
        # harmless.
        if client and not client.is_closed:
            try:
                async with asyncio.timeout(GIVE_UP_S):
                    await self._connected.wait()
            except TimeoutError:
                self._client = None
                await _close(client)
            else:
                return
        await self._connect()

    def _note(self, error: Exception) -> None:
        self._error = error
        text = str(error) or type(error).__name__
        if text not in self._told:
            self._told.append(text)

    def _break(self) -> None:
        self.breaks += 1
        for ack in self._acks.values():
            _fail(ack, Unavailable("the connection to NATS broke before it acknowledged"))
        for callback in tuple(self.on_break):
            callback()

    async def _on_ack(self, message: Msg) -> None:
        ack = self._acks.get(message.subject.rpartition(".")[2])
        if ack is None or ack.done():
            return
        if message.headers and message.headers.get("Status") == "503":
            ack.set_exception(nats.errors.NoRespondersError())
            return
        try:
            ack.set_result(json.loads(message.data))
        except ValueError as error:
            ack.set_exception(nats.errors.ProtocolError(f"no acknowledgement: {error}"))

    async def _on_error(self, error: Exception) -> None:
        self._note(error)
        if isinstance(error, nats.errors.SlowConsumerError):
            _log.warning("bus.slow_consumer", connection=self._name)

    async def _on_disconnect(self) -> None:
        if not self._closed:
            _log.warning("bus.disconnected", connection=self._name)
        self._connected.clear()
        self._renewal.set()
        self._break()

    async def _on_reconnect(self) -> None:
        self._connected.set()

    async def _on_close(self) -> None:
        self._break()
        self._renewal.set()


class _Client(Client):
    """The client, which would send credentials in the clear when a server claims no TLS."""

    def _connect_command(self) -> bytes:
        server = self._current_server
        if server and server.uri.scheme == "tls" and not self._server_info.get("tls_required"):
            raise nats.errors.SecureConnWantedError
        return super()._connect_command()


async def _close(client: Client) -> None:
    """Close a client for good; what it still had to send may be lost after `CLOSE_WAIT_S`."""
    # In a task of its own: it may wait for a full socket, and it raises the cancellation of another
    # task of its own.
    closing = asyncio.create_task(client.close())
    await asyncio.wait({closing}, timeout=CLOSE_WAIT_S)
    await _end(closing)


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task; again, and in the end no more, when nats-py swallows the cancellation."""
    for _ in range(CANCELS_MAX):
        task.cancel()
        await asyncio.wait({task}, timeout=CLOSE_WAIT_S)
        if task.done():
            if not task.cancelled():
                task.exception()  # seen
            return


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


class _Cancelling:
    """
    Whether the running task was cancelled since, and nobody told.

    nats-py swallows cancellations: while it flushes, and by `asyncio.wait_for`, which before Python
    3.12 returns an answer that comes together with one. Whoever cancelled would wait for ever.
    """

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._before = self._task.cancelling() if self._task else 0

    @property
    def swallowed(self) -> bool:
        """Tell whether the call that has returned kept a cancellation to itself."""
        return self._task is not None and self._task.cancelling() > self._before


async def _uncancelled(asked: Awaitable[T]) -> T:
    """Await a call of nats-py's, and raise the cancellation that it swallows."""
    cancelling = _Cancelling()
    answer = await asked
    if cancelling.swallowed:
        raise asyncio.CancelledError
    return answer
