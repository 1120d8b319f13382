"""What a user may set for asking."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.tls import TlsConfig
from pipeline.units import Seconds, Size

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
    answer_bytes_max: Size = 256_000_000
    """Arrow bytes of an answer's columns, in memory."""
    range: Seconds = 3600.0
    """How far back from its end a question reaches that names no start."""
    timeout: Seconds = 30.0
    """How long the engine may take over one question."""
    concurrent_max: Count = 16
    """Questions that run at once; more are told to come again."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.rows > self.rows_max:
            raise ValueError(f"rows ({self.rows}) is more than rows_max ({self.rows_max})")
        return self


class Config(BaseModel):
    """The settings of the query role."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    listen: str = "127.0.0.1:8081"
    """Address of the query API."""
    tls: TlsConfig = TlsConfig()
    limits: Limits = Limits()
