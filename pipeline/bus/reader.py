"""Reads one log of JetStream in order, through consumers that are made anew whenever in doubt."""

import asyncio
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, NamedTuple

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from pipeline.bus import streams
from pipeline.bus.connection import Connection
from pipeline.bus.verdicts import verdicts
from pipeline.bus.wire import Codec, Parcel
from pipeline.errors import Unavailable
from pipeline.ports import Delivery

PULL_BYTES: Final = 4 * 2**20
"""What one pull may bring. One is under way at a time and the next is sent only when less than this
is held, so a reader holds at most twice as much, and one message."""

PULL_MESSAGES: Final = 16_384
PULL_EXPIRES_S: Final = 30
HEARTBEAT_S: Final = 2
SILENCE_S: Final = 2 * HEARTBEAT_S + 1
"""A pull that brings neither message nor heartbeat for so long was lost with its consumer."""

CONSUMER_IDLE_S: Final = 60
"""A consumer that nobody asks for so long is removed by the server, and made anew when needed."""


class Arrival(NamedTuple):
    """A message as it came, still packed."""

    sequence: int
    stored_ns: int
    headers: Mapping[str, str] | None
    data: bytes


@dataclass(slots=True)
class Consumer:
    """What we know of the server's side: an ephemeral consumer without acknowledgements."""

    name: str = ""
    inbox: str = ""
    lost: bool = True
    number: int = 0
    """The consumer's own number of the last message that came from it."""
    asked: int = 0
    """Messages that the pull under way was for, and how many of them are still to come."""
    coming: int = 0
    alone: bool = False
    """The next message is larger than a whole pull."""
    heard_s: float = 0.0


class NatsReader:
    """
    A `Reader` of one stream.

    A consumer numbers what it delivers: a missing number means that something got lost on the way
    (a broken connection, a restarted server), and the reader starts a new consumer after the last
    message it has. A hole in the stream's numbers with none in the consumer's is a hole in the log.

    A reader belongs to the log it first saw. When the stream was made anew, or ends before what was
    read from it, every further `take` raises Unavailable: read it again from a known position.
    """

    def __init__(
        self,
        connection: Connection,
        codec: Codec,
        stream: str,
        after: int,
        names: str,
        *,
        pull_bytes: int = PULL_BYTES,
    ) -> None:
        self._pull_bytes = pull_bytes
        self._connection = connection
        self._codec = codec
        self._stream = stream
        self._names = (f"{names}_{number}" for number in count())
        self._seen = after
        self._identity: str | None = None
        self._arrivals: deque[Arrival] = deque()
        self._held_bytes = 0
        self._changed = asyncio.Event()
        self._consumer = Consumer()
        self._subscription: Subscription | None = None
        connection.on_break.add(self._lose)

    async def take(self, bytes_max: int, wait_s: float) -> Sequence[Delivery]:
        """Return what is there, still packed, as `ports.Reader` says; for one task at a time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        with verdicts():
            while True:
                if self._consumer.lost and not self._arrivals:
                    await self._open()
                if not self._consumer.lost:
                    await self._pull()
                if self._arrivals:
                    return self._delivered(bytes_max)
                now = loop.time()
                if now >= deadline:
                    return []
                await self._wait(deadline - now)

    async def close(self) -> None:
        """Remove the consumer if NATS is there to do it; otherwise it expires."""
        self._connection.on_break.discard(self._lose)
        consumer, self._consumer = self._consumer, Consumer()
        await self._unsubscribe()
        if consumer.lost:
            return
        try:
            with verdicts():
                await self._connection.request(
                    f"CONSUMER.DELETE.{self._stream}.{consumer.name}", {}
                )
        except Unavailable:
            return

    def _delivered(self, bytes_max: int) -> list[Delivery]:
        # No await between the first look and the last removal: a cancellation loses nothing.
        deliveries: list[Delivery] = []
        size = 0
        for arrival in self._arrivals:
            parcel = Parcel(self._codec, arrival.headers, arrival.data)
            deliveries.append(Delivery(arrival.sequence, arrival.stored_ns, parcel))
            size += parcel.size
            if size >= bytes_max:
                break
        for _ in deliveries:
            self._held_bytes -= len(self._arrivals.popleft().data)
        return deliveries

    async def _wait(self, wait_s: float) -> None:
        loop = asyncio.get_running_loop()
        silent_s = self._consumer.heard_s + SILENCE_S
        try:
            async with asyncio.timeout(min(wait_s, silent_s - loop.time())):
                await self._changed.wait()
        except TimeoutError:
            if loop.time() >= self._consumer.heard_s + SILENCE_S:
                self._lose()
        self._changed.clear()

    async def _open(self) -> None:
        """Start a consumer after the last message that is here."""
        await self._unsubscribe()
        log = await streams.state(self._connection, self._stream)
        known = self._identity is not None
        if known and (self._identity != log.identity or log.last < self._seen):
            raise Unavailable(f"{self._stream} is not the log that was read; read it anew")
        breaks = self._connection.breaks
        inbox = self._connection.live().new_inbox()
        self._subscription = await self._connection.subscribe(inbox, self._receive)
        name = next(self._names)
        await self._connection.request(
            f"CONSUMER.CREATE.{self._stream}.{name}",
            {
                "stream_name": self._stream,
                "config": streams.consumer(name, self._seen, CONSUMER_IDLE_S),
            },
        )
        if breaks != self._connection.breaks:
            raise Unavailable("the connection to NATS broke")
        self._identity = log.identity
        self._consumer = Consumer(name, inbox, lost=False)

    async def _pull(self) -> None:
        """Ask for more when nothing is under way and there is room for it."""
        consumer = self._consumer
        if consumer.coming or self._held_bytes >= self._pull_bytes:
            return
        request: dict[str, Any] = {
            "batch": PULL_MESSAGES,
            "max_bytes": self._pull_bytes,
            "expires": PULL_EXPIRES_S * 10**9,
            "idle_heartbeat": HEARTBEAT_S * 10**9,
        }
        if consumer.alone:
            request["batch"] = 1
            del request["max_bytes"]
        consumer.coming = consumer.asked = request["batch"]
        consumer.heard_s = asyncio.get_running_loop().time()
        try:
            await self._connection.live().publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{consumer.name}",
                json.dumps(request).encode(),
                reply=consumer.inbox,
            )
        except BaseException:
            self._lose()  # nobody knows whether it went out
            raise

    async def _receive(self, message: Msg) -> None:
        consumer = self._consumer
        consumer.heard_s = asyncio.get_running_loop().time()
        if not message.reply:
            self._answered(message.headers or {})
            return
        place = streams.place(message.reply)
        if consumer.lost or place.consumer != consumer.name:
            return
        if place.number != consumer.number + 1 or place.sequence <= self._seen:
            self._lose()
            return
        consumer.number, self._seen = place.number, place.sequence
        consumer.coming -= 1
        consumer.alone = False
        self._held_bytes += len(message.data)
        self._arrivals.append(
            Arrival(place.sequence, place.stored_ns, message.headers, message.data)
        )
        self._changed.set()

    def _answered(self, headers: Mapping[str, str]) -> None:
        """Heed what the server says about the pull that is under way."""
        consumer = self._consumer
        status, reason = headers.get("Status"), headers.get("Description", "")
        if status == "100":
            return
        if status in {"404", "408"} or reason.startswith(("Message Size", "Batch Completed")):
            consumer.alone = reason.startswith("Message Size") and consumer.coming == consumer.asked
            consumer.coming = 0
            self._changed.set()
        else:
            self._lose()

    def _lose(self) -> None:
        """Trust the consumer no more; what arrived before is in order and stays."""
        self._consumer.lost = True
        self._changed.set()

    async def _unsubscribe(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        try:
            await subscription.unsubscribe()
        except nats.errors.Error:
            return  # the connection it belonged to is closed
