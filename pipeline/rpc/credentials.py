"""TLS for gRPC: the listeners' certificate in the terms of its library."""

from typing import Any

import grpc
from grpc import aio

from pipeline.errors import Forbidden
from pipeline.tls import Identity, Tls


def credentials(tls: Tls) -> grpc.ServerCredentials:
    """Return credentials that give each handshake the newest identity."""
    given = tls.identity

    def newest() -> grpc.ServerCertificateConfiguration | None:
        nonlocal given
        if tls.identity is given:
            return None
        given = tls.identity
        return _configuration(given)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(given),
        newest,  # type: ignore[arg-type] # None says that nothing is new; its stubs have no word for it
        require_client_authentication=bool(given.client_ca),
    )


def check_version(tls: Tls | None, context: "aio.ServicerContext[Any, Any]") -> None:
    """
    Raise Forbidden for a call over a version of TLS that is older than `min_version`.

    The library speaks 1.2 and 1.3 and cannot be told otherwise, so that the call is refused, before
    its message is read, instead of the handshake.
    """
    if tls is None or tls.config.min_version == "1.2":
        return
    spoken = b"".join(context.auth_context().get("ssl_tls_version", ())).decode()
    least = tls.config.min_version
    if spoken < f"TLSv{least}":
        raise Forbidden(f"{spoken} is spoken here; {tls.setting}.min_version is {least}")


def _configuration(identity: Identity) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(identity.key, identity.chain)], identity.client_ca or None
    )
