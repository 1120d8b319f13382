"""What a user may set for asking."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.tls import TlsConfig
from pipeline.units import Seconds, Size
from query.jaeger.config import JaegerConfig

Count = Annotated[int, Field(ge=1, strict=True)]


class Limits(BaseModel):
    """What one question may cost, and how many run at once."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    rows: Count = 100
    """Records or traces in an answer when the question names no limit."""
    rows_max: Count = 10_000
    """The largest limit that a question may name."""
    trace_spans_max: Count = 10_000
    """Spans of one trace in an answer."""
    groups_max: Count = 100_000
    """Groups that a stage such as `stats` may make."""
    trace_candidates_max: Count = 10_000
    """Traces that are examined for what is asked of whole traces, the newest; more are named."""
    buckets_max: Count = 1000
    """Steps of a histogram."""
    facets_max: Count = 20
    """Fields of which one question asks for the most frequent values."""
    examined_max: Count = 200_000
    """Records that are looked at to complete a value of which there is no list."""
    answer_bytes_max: Size = 256_000_000
    """Arrow bytes of an answer's columns, in memory."""
    range: Seconds = 3600.0
    """How far back from its end a question reaches that names no start."""
    timeout: Seconds = 30.0
    """How long the engine may take over one question."""
    concurrent_max: Count = 32
    """Questions that run at once; more are told to come again."""
    tenant_concurrent_max: Count = 16
    """Those of one tenant; more are told to come again."""
    tenant_rows_per_minute: Count = 20_000_000_000
    """Rows that a tenant's questions may read in a minute; then they are told when to come."""
    tenant_bytes_per_minute: Annotated[Size, Field(gt=0)] = 2 * 1024**4
    """Bytes that they may read in a minute, before compression."""
    tenant_time_per_minute: Annotated[Seconds, Field(gt=0)] = 300.0
    """How long the engine may work for them in a minute, all of them together."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.rows > self.rows_max:
            raise ValueError(f"rows ({self.rows}) is more than rows_max ({self.rows_max})")
        return self


class TailConfig(BaseModel):
    """Live tails: how many, and what each may take."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    readers_max: Count = 1000
    """Tails that are open at once; more are told to come again."""
    tenant_readers_max: Count = 500
    """Tails of one tenant that are open at once."""
    records_per_s_max: Count = 500
    """Records a second that a tail shows; of more an even sample, and the count of the others."""
    backlog_bytes_max: Size = 1_000_000
    """Bytes that wait for a slow reader; what comes then is dropped and counted."""
    heartbeat: Annotated[Seconds, Field(gt=0)] = 15.0
    """After how much silence a tail says that it is still there."""


class Config(BaseModel):
    """The settings of the query role."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    listen: str = "127.0.0.1:8081"
    """Address of the query API."""
    tls: TlsConfig = TlsConfig()
    limits: Limits = Limits()
    tail: TailConfig = TailConfig()
    jaeger: JaegerConfig = JaegerConfig()
