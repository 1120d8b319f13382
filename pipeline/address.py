"""Where a listener listens."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator

_ADDRESS: Final = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._-]*):([0-9]{1,5})", re.ASCII)


def host_and_port(address: str) -> tuple[str, int]:
    """Split "host:port"; an empty host means every interface, port 0 one of the system's choice."""
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match[2]) > 65535:
        raise ValueError(f'"{address}" is not an address such as "127.0.0.1:4317" or ":4317"')
    return match[1].strip("[]"), int(match[2])


def joined(host: str, port: int) -> str:
    """Return "host:port", with brackets where the host is an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _checked(address: str) -> str:
    host_and_port(address)
    return address


Address = Annotated[str, AfterValidator(_checked)]
"""A setting "host:port" to listen on."""
