"""What the user writes about the router: how work is grouped, and the chain of each signal."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline.signal import Signal
from pipeline.units import Seconds, Size

Chain = Sequence[Mapping[str, Any]]


class RouterConfig(BaseModel):
    """`router`: how messages become groups. A group is written at once and committed at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group_records_max: Annotated[int, Field(gt=0)] = Field(
        100_000, description="Records in one group; larger ones insert cheaper and use more memory"
    )
    group_bytes_max: Annotated[Size, Field(gt=0)] = Field(
        64 * 1024 * 1024, description="Bytes of OTLP in one group"
    )
    groups_bytes_max: Annotated[Size, Field(gt=0)] = Field(
        96 * 1024 * 1024,
        description="Bytes of OTLP in the groups of all logs; bounds the router's memory",
    )
    group_wait_s: Seconds = Field(
        1.0, description="How long a group may gather while messages keep coming"
    )
    idle_wait_s: Seconds = Field(
        0.2, description="How long a group gathers when little comes: the delay until found"
    )
    retry_wait_max_s: Annotated[Seconds, Field(gt=0)] = Field(
        10.0, description="Longest pause between attempts to commit while a store is down"
    )
    past: Seconds = Field(
        30 * 86400.0,
        description="Record times further back than this from arrival are not believed",
    )
    future: Seconds = Field(
        86400.0, description="Record times further ahead than this of arrival are not believed"
    )


class ChainConfig(BaseModel):
    """`pipeline`: the processors of each signal, in order, named as in the Collector."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    traces: Chain = Field((), description="Processors that every batch of spans runs through")
    logs: Chain = Field((), description="Processors that every batch of log records runs through")
    metrics: Chain = Field((), description="Processors that every batch of points runs through")

    def of(self, signal: Signal) -> Chain:
        """Return the chain of one signal."""
        chain: Chain = getattr(self, signal.value)
        return chain
