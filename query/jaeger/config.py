"""What a user may set of the Jaeger API."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.units import Seconds, Size

Count = Annotated[int, Field(ge=1, strict=True)]

YEAR_S: Final = 365 * 86_400
"""Seconds in a year."""


class JaegerConfig(BaseModel):
    """Jaeger's query API and UI, on a port of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    listen: str = "127.0.0.1:16686"
    """Address of the HTTP API and the UI; "" leaves them out."""
    grpc: str = "127.0.0.1:16685"
    """Address of the gRPC APIs, Jaeger's storage API among them; "" leaves them out."""
    calls_max: Count = 64
    """Calls over gRPC at once; more are told to come again."""
    base_path: str = ""
    """What stands before every path, such as /jaeger."""
    ui_dir: Path | None = None
    """Folder of a built Jaeger UI, where its index.html lies."""
    ui_config: Path | None = None
    """File with the UI's own settings, .json or .js as Jaeger takes it."""
    trace_spans_max: Count = 200_000
    """Spans of one trace in an answer; what is beyond is left out, and a warning says so."""
    answer_spans_max: Count = 1_000_000
    """Spans of all the traces of one search; of the traces beyond them none comes."""
    batch_spans_max: Count = 20_000
    """Spans that one search has in memory at once, or one trace if that has more."""
    traces_max: Count = 1500
    """The largest limit that a search may name."""
    clock_skew_max: Seconds = 0.0
    """By how much a span's times may be moved to lie within its parent's; 0 leaves all as sent."""
    archive_for: Annotated[Seconds, Field(le=100 * YEAR_S)] = float(YEAR_S)
    """How long after its own time an archived trace is kept; 0: there is no archive."""
    archive_spans_max: Count = 10_000_000
    """Spans in the archive of a tenant; what is beyond is refused."""
    monitor: bool = True
    """Whether the Monitor tab has figures; they are computed from spans, a scan each."""
    transform_bytes_max: Size = 64_000_000
    """Bytes of a file that the UI has turned into its own form."""

    @field_validator("base_path")
    @classmethod
    def _path(cls, given: str) -> str:
        if given in ("", "/"):
            return ""
        if not given.startswith("/") or given.endswith("/") or set(given) & set("{}?#% "):
            raise ValueError(f"a path that starts with / and does not end with it, not {given!r}")
        return given

    @property
    def cut(self) -> str:
        """What is said of a trace of which there is more."""
        return (
            f"only the first {self.trace_spans_max} spans of this trace are shown "
            "(query.jaeger.trace_spans_max)"
        )
