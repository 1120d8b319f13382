"""Jaeger's names for what OTLP has numbers for, or nothing at all."""

from typing import Final

KIND_NAMES: Final = ("", "internal", "server", "client", "producer", "consumer")
"""The kinds of spans, at their numbers in OTLP."""

KINDS: Final = {name: number for number, name in enumerate(KIND_NAMES) if name}
"""The numbers of kinds, without the unspecified one."""

SERVICE_NAME: Final = "service.name"
"""The attribute of a resource that names its service."""

MISSING_SERVICE: Final = "missing-service-name"
"""What a service is called whose resource has no `service.name`, or an empty one."""


NO_ATTRIBUTES: Final = "OTLPResourceNoServiceName"
"""What it is called in a file that was never stored, whose resource says nothing at all."""


def kind_name(number: int) -> str:
    """Return the name of a kind; "" for the unspecified one and for those that OTLP has not."""
    return KIND_NAMES[number] if 0 <= number < len(KIND_NAMES) else ""
