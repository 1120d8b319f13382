"""What the user says about the bus."""

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline.units import Seconds, Size

MEMORY: Final = "memory://"
SCHEMES: Final = ("nats", "tls")

HEADERS_BYTES_MAX: Final = 64 * 1024
"""What the server must take above `message_bytes_max`: headers, and zstd's worst growth."""


def _known(url: str) -> str:
    if url in {"", MEMORY}:
        return url
    for part in url.split(","):
        try:
            parts = urlsplit(part.strip())
            sound = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound:
            # The text may hold a password, so it is not repeated here.
            raise ValueError(
                'not a bus: "" (embedded), "memory://", "nats://host:port" or "tls://host:port" '
                "(several of a cluster joined by commas)"
            )
    return url


class BusConfig(BaseModel):
    """`bus`: where payloads are kept between the answer to a client and the commit to a store."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(_known)] = Field(
        "",
        description="Empty: a nats-server of Aura's own; nats:// or tls://: a server or, by "
        "commas, a cluster; memory://: nothing outlives the process",
    )
    partitions: Annotated[int, Field(ge=1, le=256)] = Field(
        1, description="Logs of each signal; each has its own committer"
    )
    stream_bytes_max: Annotated[Size, Field(gt=0)] = Field(
        10 * 2**30, description="Bytes one log may hold; when it is full senders must come back"
    )
    dead_letters_bytes_max: Annotated[Size, Field(gt=0)] = Field(
        2**30, description="Bytes of all dead letters together; beyond it the oldest go"
    )
    dead_letters_max: Annotated[int, Field(ge=1, le=10**9)] = Field(
        100_000, description="Dead letters that are kept; beyond it the oldest go"
    )
    dead_letters_age: Annotated[Seconds, Field(ge=1)] = Field(
        30 * 86400.0, description="How long a dead letter is kept"
    )
    disk_reserve: Size = Field(
        256 * 2**20,
        description="Free bytes on the disk of Aura's own nats-server below which senders must "
        "come back",
    )
    message_bytes_max: Annotated[Size, Field(gt=0, le=32 * 2**20)] = Field(
        8 * 2**20 - HEADERS_BYTES_MAX,
        description="Largest payload before compression; NATS advises to stay below 8 MiB",
    )
    replay_window: Annotated[int, Field(ge=0)] = Field(
        1000, description="Messages kept below the committed position"
    )
    sync: Literal["default", "always"] = Field(
        "default",
        description="Aura's own nats-server: default survives the death of processes, always also "
        "that of the machine",
    )
    replicas: Annotated[int, Field(ge=1, le=5)] = Field(
        1, description="Copies of each log in a NATS cluster"
    )
    publish_timeout_s: Annotated[Seconds, Field(gt=0)] = Field(
        5.0, description="How long the bus may take to answer before a client is told to come back"
    )
    publishes_max: Annotated[int, Field(ge=1, le=8000)] = Field(
        1000, description="Publishes without acknowledgement at any moment; more wait for a place"
    )
    tail_bytes_max: Annotated[Size, Field(gt=0)] = Field(
        8 * 2**20,
        description="Bytes of one group and tenant that go to live tails; of more the newest do",
    )
