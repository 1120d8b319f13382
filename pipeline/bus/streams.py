"""The JetStream streams of the bus: their names, their settings, what they hold."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import nats.errors

from pipeline.bus.config import BusConfig
from pipeline.bus.connection import Connection
from pipeline.bus.verdicts import STREAM_EXISTS, RefusalError, checked
from pipeline.errors import Setup, Unavailable
from pipeline.ports import LogState
from pipeline.position import Position
from pipeline.signal import Signal

DEAD_LETTERS: Final = "AURA_DEAD_LETTERS"
FIXED: Final = ("subjects", "retention", "discard", "storage")
"""Settings of any stream that Aura's promises rest on."""

ENDLESS: Final = {"max_age": 0, "max_msgs": -1}
"""Further ones of a log."""

DUPLICATES_S: Final = 120
"""JetStream's own window for them, which must not be longer than the age."""

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def name(signal: Signal, partition: int) -> str:
    """Return the stream's name: one for each log, so that its sequences have no holes."""
    return f"AURA_{signal.value.upper()}_{partition}"


def subject(signal: Signal, partition: int) -> str:
    """Return the one subject of a log's stream."""
    return f"otlp.{signal.value}.{partition}"


def refused_subject(signal: Signal) -> str:
    """Return the subject of the dead letters that doors write."""
    return f"dead.{signal.value}.refused"


def buried_subject(signal: Signal, partition: int, position: Position) -> str:
    """Return the subject of a dead letter that the committer writes: one for each position."""
    return f"dead.{signal.value}.{partition}.{position.epoch}.{position.sequence}"


async def ensure(connection: Connection, config: BusConfig) -> None:
    """
    Create the streams that are missing and bring the sizes of the others up to date.

    Raises Setup when a stream of the same name is none of ours.
    """
    for signal in Signal:
        for partition in range(config.partitions):
            await _ensure(
                connection,
                {
                    "name": name(signal, partition),
                    "subjects": [subject(signal, partition)],
                    # A full log refuses what is new. The other policy, and any max_age, would
                    # drop messages that nobody has read.
                    "discard": "new",
                    "max_bytes": config.stream_bytes_max,
                    **ENDLESS,
                },
                (*FIXED, *ENDLESS),
                config.replicas,
            )
    letters = {
        "name": DEAD_LETTERS,
        "subjects": ["dead.>"],
        "discard": "old",
        "max_bytes": config.dead_letters_bytes_max,
        "max_msgs": config.dead_letters_max,
        "max_age": round(config.dead_letters_age * 10**9),
        "duplicate_window": round(min(config.dead_letters_age, DUPLICATES_S) * 10**9),
    }
    await _ensure(connection, letters, FIXED, config.replicas)


async def _ensure(
    connection: Connection, own: Mapping[str, Any], fixed: Sequence[str], replicas: int
) -> None:
    wanted = {**own, "retention": "limits", "storage": "file", "num_replicas": replicas}
    stream = wanted["name"]
    try:
        await connection.request(f"STREAM.CREATE.{stream}", wanted)
    except RefusalError as error:
        if error.code != STREAM_EXISTS:
            raise
    else:
        return
    found = (await connection.request(f"STREAM.INFO.{stream}", {}))["config"]
    for setting in fixed:
        if found.get(setting) != wanted[setting]:
            raise Setup(
                f"bus.url: the stream {stream} has {setting} {found.get(setting)!r} "
                f"where Aura needs {wanted[setting]!r}"
            )
    await connection.request(f"STREAM.UPDATE.{stream}", {**found, **wanted})


async def append(
    connection: Connection, stream: str, subject: str, data: bytes, headers: Mapping[str, str]
) -> None:
    """Publish and wait for the acknowledgement; errors as `verdicts.verdicts` translates them."""
    size = len(data) + sum(len(key) + 4 * len(value) + 4 for key, value in headers.items())
    if size > connection.message_bytes_max:
        # The server would answer by closing the connection under everybody else.
        raise nats.errors.MaxPayloadError
    try:
        ack = checked(await connection.publish(subject, data, dict(headers)))
    except nats.errors.NoRespondersError:
        connection.renew()
        raise
    if ack.get("stream") != stream or ack.get("duplicate"):
        raise Unavailable(f"{subject} was acknowledged as {dict(ack)}, not by {stream}")


async def state(connection: Connection, stream: str) -> LogState:
    """Return what a stream holds; its identity is the time of its creation, to the nanosecond."""
    info = await connection.request(f"STREAM.INFO.{stream}", {})
    last = int(info["state"]["last_seq"])
    first = int(info["state"]["first_seq"]) if info["state"]["messages"] else last + 1
    room = int(info["config"]["max_bytes"])
    return LogState(str(info["created"]), first, last, int(info["state"]["bytes"]) / room)


class Place(NamedTuple):
    """Where a consumer says that a message stands; `number` is its own count of them."""

    consumer: str
    sequence: int
    number: int
    stored_ns: int


def place(reply: str) -> Place:
    """Read the subject on which a delivery could be acknowledged."""
    # $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<tries>.<stream sequence>.
    # <consumer sequence>.<nanoseconds>.<pending>[.<token>]
    tokens = reply.split(".")
    fields = tokens[2:] if len(tokens) == 9 else tokens[4:]
    return Place(fields[1], int(fields[3]), int(fields[4]), int(fields[5]))


def consumer(name: str, after: int, idle_s: int) -> dict[str, Any]:
    """Return the settings of a consumer that reads above a sequence and acknowledges nothing."""
    return {
        "name": name,
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": after + 1,
        "ack_policy": "none",
        "replay_policy": "instant",
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": idle_s * 10**9,
    }


def time_ns(text: str) -> int:
    """Return the Unix nanoseconds of an RFC 3339 time; a datetime would lose the last three."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time")
    zone = "+00:00" if match[3] == "Z" else match[3]
    whole_s = int(datetime.fromisoformat(match[1] + zone).timestamp())
    return whole_s * 10**9 + int((match[2] or "").ljust(9, "0"))
