"""All settings of Aura, each package's under its name; `config.yaml` is the reference."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aura.auth import AuthConfig
from aura.conditions import condition
from aura.log import LogConfig
from otlp.config import IngestorConfig
from pipeline import processors
from pipeline.address import host_and_port
from pipeline.bus import BusConfig
from pipeline.bus.config import HEADERS_BYTES_MAX
from pipeline.config import ChainConfig, RouterConfig
from pipeline.signal import Signal
from query.cache.config import CacheConfig
from query.config import Config as QueryConfig
from storage.config import StorageConfig

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Config(BaseModel):
    """Everything that a user may set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(
        Path("data"), description="Folder of all that is embedded; one Aura at a time"
    )
    ingestor: IngestorConfig = Field(default_factory=IngestorConfig)
    bus: BusConfig = Field(default_factory=BusConfig)
    router: RouterConfig = Field(default_factory=RouterConfig)
    pipeline: ChainConfig = Field(default_factory=ChainConfig)
    storage: StorageConfig = Field(default_factory=StorageConfig)
    query: QueryConfig = Field(default_factory=QueryConfig)
    cache: CacheConfig = Field(default_factory=CacheConfig)
    auth: AuthConfig = Field(default_factory=AuthConfig)
    log: LogConfig = Field(default_factory=LogConfig)

    @model_validator(mode="after")
    def _chains(self) -> Self:
        for signal in Signal:
            try:
                processors.check(self.pipeline.of(signal), signal, condition)
            except ValueError as error:
                first = str(error).splitlines()[0]
                raise ValueError(f"pipeline.{first}") from None
        return self

    @model_validator(mode="after")
    def _room(self) -> Self:
        # The last committed message stays in a log while the next one comes.
        needed = 2 * (self.bus.message_bytes_max + HEADERS_BYTES_MAX)
        if self.bus.stream_bytes_max < needed:
            raise ValueError(
                f"bus.stream_bytes_max ({self.bus.stream_bytes_max}) must be at least {needed}: "
                "two messages of bus.message_bytes_max and their headers"
            )
        return self

    @model_validator(mode="after")
    def _private(self) -> Self:
        for name, address in self._listeners().items():
            try:
                host, _ = host_and_port(address)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            if self.auth.mode != "none" and not self.auth.keys and host not in _LOOPBACK:
                raise ValueError(
                    f"{name}: other machines reach {address}, and nobody is asked for a key: "
                    "name keys in auth.keys (`aura keys new` makes one), or write "
                    "auth.mode: none if that is what you want"
                )
        return self

    def exposed(self) -> list[str]:
        """Return the listeners where keys travel in the clear, each with what to do."""
        tls = {
            "ingestor": self.ingestor.tls,
            "storage": self.storage.tls,
            "query": self.query.tls,
        }
        found = []
        for name, address in self._listeners().items():
            role = name.partition(".")[0]
            host, _ = host_and_port(address)
            if self.auth.keys and host not in _LOOPBACK and not tls[role].on:
                found.append(
                    f"{name}: keys cross the network to {address} as plain text; "
                    f"set {role}.tls, unless a proxy in front of Aura holds the certificate"
                )
        return found

    def _listeners(self) -> dict[str, str]:
        found = {
            "ingestor.grpc": self.ingestor.grpc,
            "ingestor.http": self.ingestor.http,
            "ingestor.api": self.ingestor.api,
            "storage.listen": self.storage.listen,
            "query.listen": self.query.listen,
        }
        optional = {
            "query.jaeger.listen": self.query.jaeger.listen,
            "query.jaeger.grpc": self.query.jaeger.grpc,
        }
        return found | {name: address for name, address in optional.items() if address}
