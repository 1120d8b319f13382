"""What the messages of a log say of themselves: a consumer brings their headers alone."""

import asyncio
import json
from contextlib import suppress
from typing import Final

import nats.errors
from nats.aio.msg import Msg

from pipeline.bus import streams
from pipeline.bus.connection import Connection
from pipeline.bus.verdicts import RefusalError
from pipeline.bus.wire import head
from pipeline.ports import Delivery

WAIT_S: Final = 5.0
"""Within which the headers that are asked for must come: 10,000 take about a fifth of a second."""

IDLE_S: Final = 10
"""After which the server removes a consumer that could not be removed here."""


async def heads(
    connection: Connection, stream: str, name: str, after: int, most: int
) -> list[Delivery]:
    """
    Return the deliveries above `after`, at most `most`, their payloads empty.

    `name` is that of the consumer. Errors are those that `verdicts.verdicts` translates.
    """
    found: list[Delivery] = []
    ended = asyncio.Event()

    async def receive(message: Msg) -> None:
        if not message.reply:  # the server says that there are no more
            ended.set()
            return
        place = streams.place(message.reply)
        found.append(Delivery(place.sequence, place.stored_ns, head(message.headers)))
        if len(found) == most:
            ended.set()

    inbox = connection.live().new_inbox()
    subscription = await connection.subscribe(inbox, receive)
    try:
        await connection.request(
            f"CONSUMER.CREATE.{stream}.{name}",
            {
                "stream_name": stream,
                "config": streams.consumer(name, after, IDLE_S) | {"headers_only": True},
            },
        )
        await connection.tell(
            f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}",
            json.dumps({"batch": most, "no_wait": True}).encode(),
            reply=inbox,
        )
        async with asyncio.timeout(WAIT_S):
            await ended.wait()
    finally:
        with suppress(nats.errors.Error, RefusalError, TimeoutError):
            await connection.request(f"CONSUMER.DELETE.{stream}.{name}", {})
            await subscription.unsubscribe()
    return found
