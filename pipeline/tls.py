"""TLS of the listeners: what a user sets, and what the files say.

Settings have the names and the meaning of the Collector's `configtls`. Only `reload_interval` has
a default of its own, so that a renewed certificate does not need a restart.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Final, Literal, Self

import structlog
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pipeline.errors import Setup
from pipeline.units import Seconds

FILE_BYTES_MAX: Final = 4 * 2**20
"""A bundle of all public authorities has a quarter of a megabyte."""

VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_FOREIGN_KEY: Final = {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}

log = structlog.get_logger()


def _text(value: object) -> object:
    return str(value) if isinstance(value, float) else value  # YAML reads 1.3 as a number


class TlsConfig(BaseModel):
    """TLS; plain text without a certificate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cert_file: str = Field("", description="Certificate in PEM, then what it is signed with")
    key_file: str = Field("", description="Its private key in PEM, not encrypted")
    client_ca_file: str = Field(
        "", description="Authorities in PEM; clients must show a certificate of one (mTLS)"
    )
    min_version: Annotated[Literal["1.2", "1.3"], BeforeValidator(_text)] = Field(
        "1.2", description="Oldest version of TLS that is spoken: 1.2 or 1.3"
    )
    reload_interval: Seconds = Field(
        60.0, description="How often it is looked whether the files have changed; 0: never"
    )

    @property
    def on(self) -> bool:
        """Whether TLS is spoken."""
        return bool(self.cert_file)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.cert_file) != bool(self.key_file):
            given, missing = ("cert_file", "key_file")[:: 1 if self.cert_file else -1]
            raise ValueError(f"{given} is set, and {missing} is not: TLS needs both")
        if self.client_ca_file and not self.on:
            raise ValueError("client_ca_file is set, and cert_file is not: mTLS needs both")
        return self


@dataclass(frozen=True, slots=True)
class Identity:
    """What the files say, once it is known that it fits together."""

    chain: bytes
    key: bytes
    client_ca: bytes
    """Empty: clients are not asked for a certificate."""
    context: ssl.SSLContext
    objection: str
    """Why clients will not trust the certificate (it has expired, …), or nothing."""


def read(config: TlsConfig, setting: str) -> Identity:
    """Read and check the files; raises Setup with the setting, whose group is `setting`."""
    chain = _bytes(config.cert_file, f"{setting}.cert_file")
    key = _bytes(config.key_file, f"{setting}.key_file")
    client_ca = b""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[config.min_version]
    context.set_alpn_protocols(["http/1.1"])
    authorities = _authorities(chain, f"{setting}.cert_file: {config.cert_file}")
    _load(context, config, setting)
    if _bytes(config.cert_file, setting) != chain or _bytes(config.key_file, setting) != key:
        raise Setup(f"{setting}: the files changed while they were read")
    objection = _objection(context, authorities)
    if config.client_ca_file:
        where = f"{setting}.client_ca_file"
        client_ca = _bytes(config.client_ca_file, where)
        _authorities(client_ca, f"{where}: {config.client_ca_file}")
        context.load_verify_locations(cadata=_ascii(client_ca))
        context.verify_mode = ssl.CERT_REQUIRED
        # Who resumes a session shows no certificate: it would outlive its authority.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
    return Identity(chain, key, client_ca, context, objection)


def _bytes(path: str, where: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Setup(f"{where}: cannot read {path}: {reason}") from error
    if len(content) > FILE_BYTES_MAX:
        raise Setup(f"{where}: {path} has more than {FILE_BYTES_MAX} bytes")
    return content


def _ascii(pem: bytes) -> str:
    return pem.decode("ascii", "ignore")  # bundles have names in any encoding between the blocks


def _authorities(pem: bytes, where: str) -> ssl.SSLContext:
    """Return a client's context that trusts these certificates; raises Setup if there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=_ascii(pem))
    except (ssl.SSLError, ValueError) as error:
        raise Setup(f"{where} holds no certificate in PEM") from error
    return context


def _load(context: ssl.SSLContext, config: TlsConfig, setting: str) -> None:
    def ask() -> str:
        raise Setup(
            f"{setting}.key_file: {config.key_file} is encrypted, and nobody is asked for its "
            "password; `openssl pkey` decrypts it"
        )

    try:
        context.load_cert_chain(config.cert_file, config.key_file, ask)
    except ssl.SSLError as error:
        if error.reason in _FOREIGN_KEY:
            text = f"{setting}.key_file: {config.key_file} is not the key of {config.cert_file}"
        elif error.reason is None or error.reason == "PEM_LIB":
            text = f"{setting}.key_file: {config.key_file} holds no private key in PEM"
        else:
            text = f"{setting}.cert_file: {config.cert_file} cannot be used: {error.reason}"
        raise Setup(text) from error
    except OSError as error:
        raise Setup(f"{setting}: the files cannot be read: {error.strerror}") from error


def _objection(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """Return what a client would say that trusts the certificate as such, by asking one."""
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)
    try:
        for side in sides * 2:  # two flights from each, in TLS 1.2
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    return ""


class Tls:
    """
    The certificate of one role's listeners; an async context manager.

    Making one reads the files; raises Setup. Inside it they are read again when they change; what
    cannot be used then is logged, and the last good one stays. Connections keep what they began
    with.
    """

    def __init__(self, config: TlsConfig, setting: str) -> None:
        self.config = config
        self.setting = setting
        self._seen = self._stamps()
        self.identity = read(config, setting)
        self._complain()
        self.context = self.identity.context
        """For servers of asyncio: each handshake gets the newest identity."""
        # Loading into a context that is in use is not atomic, and never takes an authority away.
        self.context.sni_callback = self._newest
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self.config.reload_interval:
            self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching

    def _newest(self, handshake: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        handshake.context = self.identity.context

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.config.reload_interval)
            stamps = await asyncio.to_thread(self._stamps)
            if stamps == self._seen:
                continue
            try:
                self.identity = await asyncio.to_thread(read, self.config, self.setting)
            except Setup as error:  # half of a renewal: the other half comes
                log.warning("the certificate cannot be read anew", reason=str(error))
                continue
            self._seen = stamps
            log.info("the certificate was read anew", setting=self.setting)
            self._complain()

    def _complain(self) -> None:
        if self.identity.objection:
            log.warning(
                "clients will not trust the certificate",
                setting=f"{self.setting}.cert_file",
                reason=self.identity.objection,
            )

    def _stamps(self) -> list[tuple[int, int, int]]:
        """Return what changes with the files."""
        stamps = []
        for path in (self.config.cert_file, self.config.key_file, self.config.client_ca_file):
            with suppress(OSError):
                stat = Path(path).stat()
                stamps.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return stamps
