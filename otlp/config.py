"""What the user says about the ingestor."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pipeline.address import Address
from pipeline.errors import RETRY_S_MAX
from pipeline.keyring import tenant
from pipeline.tls import TlsConfig
from pipeline.units import Seconds, Size


def _origin(pattern: str) -> str:
    scheme, _, host = pattern.rpartition("://")
    if not host or re.search(r"[/\s]", scheme + host):
        raise ValueError(
            f'"{pattern}" is not an origin such as "https://app.example.com" or '
            '"https://*.example.com:8443"; it has no path'
        )
    return pattern.lower()


Origin = Annotated[str, AfterValidator(_origin)]
"""A setting "scheme://host[:port]", as browsers write it, in which `*` is any text."""


Tenant = Annotated[str, AfterValidator(tenant)]
"""A setting that names a tenant."""


class CorsConfig(BaseModel):
    """Which web pages may send (OTLP/HTTP and `api`); without allowed_origins none may."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allowed_origins: tuple[Origin, ...] = Field(
        (), description="Origins of pages, such as https://*.example.com; *: of any page"
    )
    allowed_headers: tuple[str, ...] = Field(
        (),
        description="Headers that pages may set besides Accept and those of content; *: any",
    )
    max_age: Seconds = Field(0.0, description="How long browsers remember the permission")


class DeadLettersConfig(BaseModel):
    """What doors leave of what they refuse; bus.dead_letters_… say how long it is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_letters_max: Annotated[int, Field(ge=0, le=100_000)] = Field(
        100, description="Refused records of one request that are kept; 0 keeps none, nor bodies"
    )
    letter_bytes_max: Annotated[Size, Field(gt=0)] = Field(
        256 * 2**10, description="Bytes of one; of what is longer only the beginning is kept"
    )
    waiting_bytes_max: Annotated[Size, Field(gt=0)] = Field(
        8 * 2**20, description="Bytes that wait to be written; beyond it letters are dropped"
    )
    rate: Annotated[float, Field(gt=0, le=10_000)] = Field(
        100.0, description="Letters that are written in a second"
    )


class TenantLimits(BaseModel):
    """Limits of one tenant; what is not given is as for everybody."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    records_per_s: Annotated[float, Field(ge=0)] | None = Field(
        None, description="Records a second; 0: no limit"
    )
    bytes_per_s: Size | None = Field(None, description="Bytes a second, decompressed; 0: no limit")


class LimitsConfig(BaseModel):
    """What each tenant may send to one ingestor; beyond it senders are told when to come back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    records_per_s: Annotated[float, Field(ge=0)] = Field(
        0.0, description="Records a second; 0: no limit"
    )
    bytes_per_s: Size = Field(0, description="Bytes a second, decompressed; 0: no limit")
    burst: Annotated[Seconds, Field(gt=0, le=RETRY_S_MAX)] = Field(
        5.0,
        description="What may come at once, in seconds of these rates; a request of more never "
        "passes",
    )
    tenants: Mapping[Tenant, TenantLimits] = Field(
        default_factory=dict, description="Other limits, by tenant: {acme: {bytes_per_s: 20MB}}"
    )

    @model_validator(mode="after")
    def _lets_something_in(self) -> Self:
        for name, limits in [("", self.of("")), *((name, self.of(name)) for name in self.tenants)]:
            for setting, rate in limits:
                if rate and rate * self.burst < 1:
                    place = f"tenants.{name}.{setting}" if name else setting
                    raise ValueError(
                        f"{place} ({rate:g}) and burst ({self.burst:g} s) let nothing in: "
                        "their product must be at least 1"
                    )
        return self

    def of(self, tenant: str) -> TenantLimits:
        """Return the limits of a tenant."""
        own = self.tenants.get(tenant, _AS_ALL)
        given = {name: value for name, value in own if value is not None}
        everybodys = {"records_per_s": self.records_per_s, "bytes_per_s": self.bytes_per_s}
        return TenantLimits(**(everybodys | given))


_AS_ALL: Final = TenantLimits()


class IngestorConfig(BaseModel):
    """`ingestor`: where telemetry comes in, and how much of it may be in memory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grpc: Address = Field("127.0.0.1:4317", description="Where OTLP/gRPC listens")
    http: Address = Field("127.0.0.1:4318", description="Where OTLP/HTTP listens")
    api: Address = Field(
        "127.0.0.1:8080", description="Where the ingestor's health, metrics and plain JSON listen"
    )
    request_bytes_max: Size = Field(
        64 * 2**20,
        gt=0,
        le=2**31 - 1,
        description="The largest request, as sent and again as decompressed",
    )
    in_flight_bytes_max: Size = Field(
        256 * 2**20,
        gt=0,
        description="Bytes of all unanswered requests together; beyond it senders are to come back",
    )
    join_bytes_max: Size = Field(
        2**20, description="Bytes up to which waiting small requests share one bus message"
    )
    publishes_max: int = Field(
        4,
        ge=1,
        le=1000,
        description="Unacknowledged messages of one signal and tenant; meanwhile requests gather",
    )
    read_timeout_s: Seconds = Field(
        30.0, gt=0, description="How long a sender may take to deliver a request's body"
    )
    stop_timeout_s: Seconds = Field(
        10.0, description="How long a stop waits for the requests that are under way"
    )
    tls: TlsConfig = Field(default_factory=TlsConfig)
    cors: CorsConfig = Field(default_factory=CorsConfig)
    limits: LimitsConfig = Field(default_factory=LimitsConfig)
    dead_letters: DeadLettersConfig = Field(default_factory=DeadLettersConfig)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        # A request and what it is turned into are in memory side by side for a moment. With less
        # room the largest request would be told to come back for ever.
        if self.in_flight_bytes_max < 2 * self.request_bytes_max:
            raise ValueError(
                f"in_flight_bytes_max ({self.in_flight_bytes_max}) must be at least twice "
                f"request_bytes_max ({self.request_bytes_max})"
            )
        return self
