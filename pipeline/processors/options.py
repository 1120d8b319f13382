"""What every processor's options share: how they are checked, refused by name and built."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict

from pipeline.errors import Rejected
from pipeline.plan import Condition
from pipeline.ports import Processor
from pipeline.signal import Signal

Compile: TypeAlias = Callable[[str, Signal], Condition]
"""From text to a condition on a signal's records; raises Rejected for what is none."""


def no_language(text: str, signal: Signal) -> Condition:
    """Refuse every condition: the language is not known here."""
    del text, signal
    raise Rejected("no query language was given to read conditions with")


@dataclass(frozen=True, slots=True)
class Around:
    """What options are checked with: pydantic hands it to validators as their context."""

    signal: Signal
    compile: Compile = no_language


class Strict(BaseModel):
    """A part of the configuration: unknown keys are refused, and nothing changes later."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Options(Strict, ABC):
    """The options of one processor, named as in the OpenTelemetry Collector."""

    signals: ClassVar[frozenset[Signal]]
    """The signals whose pipelines may hold the processor."""

    @abstractmethod
    def build(self) -> Processor:
        """Return the processor."""

    def refused(self, signal: Signal) -> tuple[str, str] | None:
        """Return the option that this signal has no use for, and why; None when all is well."""
        del signal
        return None


def _unavailable(value: Any) -> Any:
    message = "is not available in Aura"
    raise ValueError(message if value is not None else f"{message}; leave it out")


Unavailable = Annotated[Any, BeforeValidator(_unavailable)]
"""An option of the Collector's that Aura refuses by name instead of ignoring it."""
