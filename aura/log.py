"""What Aura says about itself: on stderr, and never at the cost of its work."""

import io
import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal, TextIO, cast

import structlog
from pydantic import BaseModel, ConfigDict, Field


class LogConfig(BaseModel):
    """`log`: what Aura says about itself, on stderr."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severity that is worth a line"
    )
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto: text on a terminal, else JSON"
    )


class Unfailing(io.TextIOBase):
    """
    A stream that takes every line and drops those that cannot be written.

    Without it a log on a full disk, or a reader that has gone, would end whatever wanted to say so.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError, ValueError):  # ValueError: it is closed
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with suppress(OSError, ValueError):
            self._stream.flush()


def tell(line: str) -> None:
    """Write a line for a person to stdout."""
    print(line, file=Unfailing(sys.stdout), flush=True)


def configure(config: LogConfig, stream: TextIO = sys.stderr) -> None:
    """Write from now on what `config` asks for, in its format."""
    # What it warns of it raises as well, and that is told with the setting.
    logging.getLogger("clickhouse_connect").setLevel(logging.ERROR)
    as_text = config.format == "text" or (config.format == "auto" and stream.isatty())
    shown: Sequence[structlog.typing.Processor] = (
        (structlog.dev.ConsoleRenderer(),)
        if as_text
        else (structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelName(config.level.upper())
        ),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", Unfailing(stream))),
        cache_logger_on_first_use=True,
    )
