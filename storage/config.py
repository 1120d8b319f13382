"""What the user writes about storage."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from pipeline.signal import Signal
from pipeline.units import Seconds, Size
from storage.target import Target


class Rule(BaseModel):
    """One exception to a signal's retention; every condition that is given must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signal: Signal | None = Field(None, description="Only this signal")
    tenant: str | None = Field(None, description="Only this tenant")
    service: str | None = Field(None, description="Only this service.name")
    keep: Seconds = Field(description="How long these records are kept")


class RetentionConfig(BaseModel):
    """`storage.retention`: how long records are kept after their effective time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    traces: Seconds = Field(30 * 86400.0, description="How long spans are kept")
    logs: Seconds = Field(30 * 86400.0, description="How long log records are kept")
    metrics: Seconds = Field(90 * 86400.0, description="How long data points are kept")
    rules: Sequence[Rule] = Field((), description="Exceptions; the first that matches counts")

    def keep_s(self, signal: Signal, tenant: str, service: str) -> int:
        """Return how many seconds a record of this service is kept."""
        for rule in self.rules:
            if (
                rule.signal in (None, signal)
                and rule.tenant in (None, tenant)
                and rule.service in (None, service)
            ):
                return int(rule.keep)
        return int(getattr(self, signal.value))


class StorageConfig(BaseModel):
    """`storage`: where records are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        "",
        pattern=r"^$|^chdb://|^clickhouses?://|^https?://|^memory://$",
        description="Empty: chdb in the data folder; or chdb:///path, http://host:8123/database "
        "(clickhouse:// too), https://host:8443/database?ca_cert=FILE; options behind the ?: "
        "ARCHITECTURE.md 4; all others are settings of ClickHouse",
        repr=False,
    )
    user: str = Field("", description="The user of a server, when its URL names none")
    password: SecretStr = Field(
        SecretStr(""), description="The password of that user: AURA_STORAGE_PASSWORD in production"
    )
    readers: Annotated[int, Field(gt=0, le=64)] = Field(
        8, description="Searches and scans that run at the same time; more wait"
    )
    tenant_readers: Annotated[int, Field(gt=0, le=64)] = Field(
        6, description="Those of one tenant; more of its wait, and the others' do not"
    )
    lookup_readers: Annotated[int, Field(gt=0, le=64)] = Field(
        4, description="Look-ups (a trace by its ID, lists, completion) beside them"
    )
    query_threads_max: Annotated[int, Field(ge=0, le=1024)] = Field(
        0,
        description="Threads that searches and scans share; 0: as many as cores, or a server's own",
    )
    query_rows_max: Annotated[int, Field(gt=0)] = Field(
        2_000_000_000, description="Rows that one query may read"
    )
    query_bytes_max: Annotated[Size, Field(gt=0)] = Field(
        200 * 1024**3, description="Bytes that one query may read, before compression"
    )
    writers: Annotated[int, Field(gt=0, le=256)] = Field(
        2, description="Groups that are written at the same time, about 100 MB each; more wait"
    )
    query_memory_bytes_max: Annotated[Size, Field(gt=0)] = Field(
        1024 * 1024 * 1024, description="Memory that one query may take, its answer included"
    )
    query_time_max: Annotated[Seconds, Field(gt=0)] = Field(
        60.0, description="How long one query may run in the engine"
    )
    retention: RetentionConfig = Field(default_factory=RetentionConfig)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if "://" in self.url and not self.url.startswith("memory:"):
            try:
                self.target()
            except ValueError as error:
                raise ValueError(f"url: {error}") from None
        return self

    def limits(self) -> dict[str, float]:
        """Return what bounds a query, by the names of the settings."""
        names = ("query_rows_max", "query_bytes_max", "query_memory_bytes_max", "query_time_max")
        return {name: getattr(self, name) for name in names}

    def target(self) -> Target:
        """Return what the URL names; raises ValueError, without any secret."""
        return Target.parse(self.url, self.user, self.password.get_secret_value())
