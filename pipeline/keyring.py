"""Who asks, what they may, and whose data it is: Bearer keys, kept as hashes only."""

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Final, TypeAlias

from pipeline.errors import Forbidden, Rejected, Unauthenticated
from pipeline.ports import DEFAULT_TENANT

AUTHORIZATION: Final = "authorization"
TENANT: Final = "x-scope-orgid"
"""The header in which Loki, Tempo and Mimir are told the tenant."""

KEY_CHARACTERS_MAX: Final = 512
HASH_PREFIX: Final = "sha256:"
PREFIX: Final = "aura_"
"""How keys of our making begin, so that scanners for lost secrets know them."""

_KEY: Final = re.compile(rf"[A-Za-z0-9._~+/-]{{1,{KEY_CHARACTERS_MAX}}}={{0,2}}", re.ASCII)
"""RFC 6750, section 2.1: what a Bearer header can carry, at a length that costs nothing to hash."""
_HASH: Final = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)
# The characters and the length that Mimir and Loki allow, without the two that folders have.
_TENANT: Final = re.compile(r"(?!\.\.?$)[A-Za-z0-9!_.*'()-]{1,150}", re.ASCII)

_SEND: Final = 'send it as "Authorization: Bearer <key>"'

Headers: TypeAlias = Callable[[str], Sequence[str]]
"""Returns all values of a request's header, named in lower case."""


class Access(StrEnum):
    """What a key may; none includes another."""

    WRITE = "write"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: the name of the key (empty: no key was asked for), and whose data it is about."""

    name: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept; an empty tenant leaves it to the request's `TENANT` header."""

    name: str
    digest: bytes
    scopes: frozenset[Access]
    tenant: str


NOBODY: Final = Key("", bytes(sha256().digest_size), frozenset(), DEFAULT_TENANT)


class Keyring:
    """
    The keys that are taken; without any, everybody may do everything.

    Then the tenant is `DEFAULT_TENANT`, or with `tenant_header` what the request says: something
    in front of Aura vouches for it. A key that names a tenant is not overruled by that header.
    """

    def __init__(self, keys: Iterable[Key] = (), *, tenant_header: bool = False) -> None:
        self._keys = {key.digest: key for key in keys}
        tenant = "" if tenant_header else DEFAULT_TENANT
        self._anybody = Key("", b"", frozenset(Access), tenant)

    def admit(self, headers: Headers, *scopes: Access) -> Identity:
        """
        Return who asks, if they may do one of `scopes`; needs a request's head only.

        Raises Unauthenticated without a known key, Forbidden for one that lacks the scopes,
        Rejected for a tenant header that counts and is no tenant. No message repeats a key.
        """
        key = self._key(headers(AUTHORIZATION)) if self._keys else self._anybody
        if key.scopes.isdisjoint(scopes):
            may, needed = " and ".join(sorted(key.scopes)), " or ".join(scopes)
            raise Forbidden(f'the key "{key.name}" may {may}; this takes a key that may {needed}')
        return Identity(key.name, key.tenant or _said(headers(TENANT)))

    def _key(self, values: Sequence[str]) -> Key:
        if len(values) != 1:
            given = "several keys are given" if values else "no key is given"
            raise Unauthenticated(f"{given}; {_SEND}")
        scheme, _, text = values[0].partition(" ")
        text = text.strip(" ")
        if scheme.lower() != "bearer" or not _KEY.fullmatch(text):
            raise Unauthenticated(f"the Authorization header holds no key; {_SEND}")
        sent = _digest(text)
        # The time tells nothing of the keys: a dictionary compares bytes only where their keyed
        # 64-bit hashes are equal, so a digest that shares a beginning with a stored one fares as
        # any other, and a miss takes the steps of a hit. Which digest a guess has, a guesser cannot
        # steer either.
        key = self._keys.get(sent, NOBODY)
        if not compare_digest(key.digest, sent):
            raise Unauthenticated("this key is not known here; auth.keys lists those that are")
        return key


def new_key() -> str:
    """Return a new key of 256 random bits, which makes a fast hash of it as good as a slow one."""
    return PREFIX + secrets.token_urlsafe(32)


def hashed(key: str) -> str:
    """Return the hash to store for a key; raises ValueError for what no header can carry."""
    if not _KEY.fullmatch(key):
        raise ValueError(
            f"a key has 1 to {KEY_CHARACTERS_MAX} letters, digits or characters of -._~+/ "
            "(and may end in =)"
        )
    return HASH_PREFIX + _digest(key).hex()


def digest(stored: str) -> bytes:
    """Return the bytes of a hash as it is stored; raises ValueError, which does not repeat it."""
    found = _HASH.fullmatch(stored)
    if found is None:
        raise ValueError(
            f'not a hash as `aura keys new` prints it: "{HASH_PREFIX}" and 64 hexadecimal digits '
            "in lower case (`aura keys hash` makes it of a key that you have)"
        )
    return bytes.fromhex(found[1])


def tenant(text: str) -> str:
    """Return a text that can be a tenant; raises ValueError for any other."""
    if not _TENANT.fullmatch(text):
        raise ValueError("a tenant has 1 to 150 letters, digits or characters of !-_.*'()")
    return text


def _said(values: Sequence[str]) -> str:
    if not values:
        return DEFAULT_TENANT
    if len(values) > 1:
        raise Rejected("X-Scope-OrgID is given more than once")
    try:
        return tenant(values[0])
    except ValueError as error:
        raise Rejected(f"X-Scope-OrgID: {error}") from None


def _digest(key: str) -> bytes:
    return sha256(key.encode("ascii")).digest()
