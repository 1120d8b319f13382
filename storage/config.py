"""What the user writes about storage."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pipeline.signal import Signal
from pipeline.units import Seconds, Size


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
        pattern=r"^$|^chdb://|^clickhouses?://|^memory://$",
        description="Empty: chdb in the data folder; or chdb:///path, clickhouse://user@host/db",
    )
    readers: Annotated[int, Field(gt=0, le=64)] = Field(
        4, description="Queries that run at the same time; more wait"
    )
    query_memory_bytes_max: Annotated[Size, Field(gt=0)] = Field(
        1024 * 1024 * 1024, description="Memory that one query may take, its answer included"
    )
    query_time_max: Annotated[Seconds, Field(gt=0)] = Field(
        60.0, description="How long one query may run in the engine"
    )
    retention: RetentionConfig = Field(default_factory=RetentionConfig)
