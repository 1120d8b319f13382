"""The settings of keys and tenants."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from pipeline import keyring
from pipeline.keyring import Access, Key, Keyring
from pipeline.ports import DEFAULT_TENANT

NAME: Final = r"^[A-Za-z0-9_.-]{1,64}$"


def _hash(text: str) -> str:
    keyring.digest(text)
    return text


def _tenant(text: str) -> str:
    return keyring.tenant(text) if text else text


class KeyConfig(BaseModel):
    """One key of `auth.keys`, as `aura keys new` prints it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=NAME, description="What tells the key from others; no secret")
    hash: Annotated[str, AfterValidator(_hash)] = Field(
        description="The key's hash; the key itself is stored nowhere"
    )
    scopes: Annotated[list[Access], Field(min_length=1)] = Field(
        description="write: send telemetry; read: ask for it and for /metrics; admin: manage Aura"
    )
    tenant: Annotated[str, AfterValidator(_tenant)] = Field(
        DEFAULT_TENANT,
        description='Whose data it is; "" leaves it to the X-Scope-OrgID of each request',
    )

    def kept(self) -> Key:
        """Return the key for a keyring."""
        return Key(self.name, keyring.digest(self.hash), frozenset(self.scopes), self.tenant)


class AuthConfig(BaseModel):
    """`auth`: who may come in."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    mode: Literal["", "none"] = Field(
        "",
        description="none: take anybody, also on addresses that other machines reach, and as the "
        "tenant that X-Scope-OrgID says",
    )
    keys: Annotated[Sequence[KeyConfig], Field(max_length=10_000)] = Field(
        (), description="The keys that are asked for; without any, a Bearer header is ignored"
    )

    @field_validator("keys")
    @classmethod
    def _apart(cls, keys: Sequence[KeyConfig], info: ValidationInfo) -> Sequence[KeyConfig]:
        if keys and info.data.get("mode") == "none":
            raise ValueError("auth.mode: none takes anybody; leave out the mode or the keys")
        for field in ("name", "hash"):
            first: dict[str, int] = {}
            for index, key in enumerate(keys):
                other = first.setdefault(getattr(key, field), index)
                if other != index:
                    raise ValueError(f"keys[{index}].{field} is that of keys[{other}] as well")
        return keys

    def keyring(self) -> Keyring:
        """Return the keys that are asked for."""
        return Keyring((key.kept() for key in self.keys), tenant_header=self.mode == "none")
