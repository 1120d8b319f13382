"""What the listeners have in common."""

from pipeline.address import joined
from pipeline.errors import Setup
from pipeline.tls import Tls


def patience_s(stop_timeout_s: float) -> float:
    """
    Return aiohttp's `shutdown_timeout` for a stop that takes at most `stop_timeout_s`.

    It waits twice as long: first for answers, then, once bodies that are still coming in are given
    up, for the rest.
    """
    return stop_timeout_s / 2


def taken(setting: str, address: str, error: Exception) -> Setup:
    """Return the error of an address that cannot be listened on, with its setting."""
    reason = getattr(error, "strerror", None) or str(error)
    return Setup(f"ingestor.{setting}: cannot listen on {address}: {reason}")


def url(tls: Tls | None, host: str, port: int) -> str:
    """Return where a listener for HTTP is found."""
    return f"{'https' if tls else 'http'}://{joined(host, port)}"
