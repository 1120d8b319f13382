"""Keys of three tenants, and a keyring that knows them."""

from collections.abc import Iterable

from pipeline.keyring import Access, Key, Keyring, digest, hashed
from pipeline.ports import DEFAULT_TENANT

WRITE = "aura-write-key-secret-123"
READ = "aura-read-key-secret-456"


def kept(key: str, *scopes: Access, tenant: str = DEFAULT_TENANT, name: str = "") -> Key:
    """The key as it is stored."""
    return Key(name or key[:12], digest(hashed(key)), frozenset(scopes), tenant)


def ring(*more: Key) -> Keyring:
    """A keyring of `WRITE`, `READ` and more."""
    return Keyring([kept(WRITE, Access.WRITE), kept(READ, Access.READ), *more])


def bearer(key: str) -> dict[str, str]:
    """The header that carries a key."""
    return {"Authorization": f"Bearer {key}"}


def entries(keys: Iterable[Key]) -> list[dict[str, object]]:
    """The keys as `auth.keys` lists them."""
    return [
        {
            "name": key.name,
            "hash": f"sha256:{key.digest.hex()}",
            "scopes": sorted(key.scopes),
            "tenant": key.tenant,
        }
        for key in keys
    ]
