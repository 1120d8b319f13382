"""The processors that a configured chain may hold, named as in the OpenTelemetry Collector.

A chain is a list of one-key mappings, in their order; `name/alias` tells two of a kind apart::

    traces:
      - attributes/mask: {actions: [{key: password, action: delete}]}
      - probabilistic_sampler: {sampling_percentage: 15}
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from pipeline.ports import Processor
from pipeline.processors.attributes import Attributes
from pipeline.processors.filter import Filter
from pipeline.processors.options import Around, Compile, Options, no_language
from pipeline.processors.probabilistic_sampler import ProbabilisticSampler
from pipeline.processors.redaction import Redaction
from pipeline.processors.resource import Resources
from pipeline.signal import Signal

PROCESSORS: Final[dict[str, type[Options]]] = {
    "attributes": Attributes,
    "resource": Resources,
    "filter": Filter,
    "redaction": Redaction,
    "probabilistic_sampler": ProbabilisticSampler,
}


def build(
    configs: Sequence[Mapping[str, Any]], signal: Signal, language: Compile = no_language
) -> tuple[Processor, ...]:
    """Return the processors of a signal, in their order; raises ValueError as `check` does."""
    return tuple(options.build() for options in check(configs, signal, language))


def check(
    configs: Sequence[Mapping[str, Any]], signal: Signal, language: Compile = no_language
) -> tuple[Options, ...]:
    """
    Return the options of a signal's processors; `language` reads the conditions of a `filter`.

    Raises ValueError with a line for each fault, which starts with where it is:
    ``traces[0].attributes.actions[1].key: …``.
    """
    if isinstance(configs, str) or not isinstance(configs, Sequence):
        raise ValueError(f"{signal}: must be a list of processors")
    faults: list[str] = []
    around = Around(signal, language)
    read = [
        _options(config, around, f"{signal}[{at}]", faults) for at, config in enumerate(configs)
    ]
    if faults:
        raise ValueError("\n".join(faults))
    return tuple(options for options in read if options is not None)


def _options(config: Any, around: Around, place: str, faults: list[str]) -> Options | None:
    """Read one processor; on a fault note it and return None."""
    if not isinstance(config, Mapping) or len(config) != 1:
        faults.append(f"{place}: must be one processor's name and its options")
        return None
    ((label, raw),) = config.items()
    name, slash, alias = str(label).partition("/")
    kind = PROCESSORS.get(name)
    if kind is None or (slash and not alias):
        faults.append(f"{place}.{label}: is no processor; there are {', '.join(PROCESSORS)}")
        return None
    if around.signal not in kind.signals:
        faults.append(f"{place}.{label}: is not for {around.signal}")
        return None
    try:
        options = kind.model_validate({} if raw is None else raw, context=around)
    except ValidationError as error:
        faults.extend(
            f"{place}.{label}{_path(fault['loc'])}: {_reason(fault)}"
            for fault in error.errors(include_url=False)
        )
        return None
    refusal = options.refused(around.signal)
    if refusal:
        faults.append(f"{place}.{label}.{refusal[0]}: {refusal[1]}")
    return options


def _path(location: tuple[int | str, ...]) -> str:
    """Return pydantic's location as a path; an action's tag, which follows a number, is no key."""
    path, before = "", None
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not isinstance(before, int):
            path += f".{part}"
        before = part
    return path


def _reason(fault: Any) -> str:
    """Return what is wrong, in one line and without pydantic's preamble."""
    return str(fault["msg"]).removeprefix("Value error, ").splitlines()[0]
