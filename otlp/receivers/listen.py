"""What both listeners have in common."""

from pipeline.errors import Setup


def taken(setting: str, address: str, error: Exception) -> Setup:
    """Return the error of an address that cannot be listened on, with its setting."""
    reason = getattr(error, "strerror", None) or str(error)
    return Setup(f"ingestor.{setting}: cannot listen on {address}: {reason}")


def joined(host: str, port: int) -> str:
    """Return "host:port", with brackets where the host is an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
