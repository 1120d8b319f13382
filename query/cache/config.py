"""What a user may set for what is kept of answers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pipeline.units import Seconds, Size


class CacheConfig(BaseModel):
    """`cache`: answers about time ranges that are over, for who asks again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        "",
        pattern=r"^$|^none$|^rediss?://.",
        description="Empty: in the memory of each query process; redis://user:password@host:6379/0,"
        " or rediss:// with TLS: shared by all; none: nothing is kept",
        repr=False,
    )
    bytes_max: Annotated[Size, Field(gt=0)] = Field(
        64 * 1024 * 1024,
        description="Bytes in memory, the least recently used go first; Redis has its own bound",
    )
    answer_bytes_max: Annotated[Size, Field(gt=0)] = Field(
        8 * 1024 * 1024, description="Bytes of the largest answer that is kept"
    )
    worth: Seconds = Field(
        0.02,
        description="Answers that took the engine less are not kept: a check takes as long",
    )
    ttl: Annotated[Seconds, Field(gt=0, le=86_400)] = Field(
        3600.0, description="How long an answer is kept; what is stored late makes it void at once"
    )
    settle: Seconds = Field(
        60.0, description="How long a range has to be over before answers about it are kept"
    )
    timeout: Annotated[Seconds, Field(gt=0)] = Field(
        0.25, description="How long Redis may take; then the store is asked, and Redis left alone"
    )
    wait: Seconds = Field(
        5.0, description="How long to wait for another process that asks the same of the store"
    )
