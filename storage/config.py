"""What the user writes about storage."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from pipeline.address import Address
from pipeline.signal import Signal
from pipeline.tls import TlsConfig
from pipeline.units import Seconds, Size
from storage.target import Target
from storage.timescale.server import Server


class Rule(BaseModel):
    """One exception to a signal's retention; every condition that is given must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signal: Signal | None = Field(None, description="Only this signal")
    tenant: str | None = Field(None, description="Only this tenant")
    service: str | None = Field(None, description="Only this service.name")
    keep: Seconds = Field(description="How long these records are kept")


class RetentionConfig(BaseModel):
    """`storage.retention`: how long records are kept after their effective time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    traces: Seconds = Field(30 * 86400.0, description="How long spans are kept")
    logs: Seconds = Field(30 * 86400.0, description="How long log records are kept")
    metrics: Seconds = Field(90 * 86400.0, description="How long data points are kept")
    rules: Sequence[Rule] = Field((), description="Exceptions; the first that matches counts")

    def keep_s(self, signal: Signal, tenant: str, service: str) -> int:
        """Return how many seconds a record of this service is kept."""
        for rule in self.rules:
            if (
                rule.signal in (None, signal)
                and rule.tenant in (None, tenant)
                and rule.service in (None, service)
            ):
                return int(rule.keep)
        return int(getattr(self, signal.value))

    def longest_s(self, signal: Signal) -> int:
        """Return how many seconds the record of a signal that is kept for longest is kept."""
        rules = [int(one.keep) for one in self.rules if one.signal in (None, signal)]
        return max(int(getattr(self, signal.value)), *rules, 0)


class MetricsConfig(BaseModel):
    """`storage.metrics`: a store of their own for points, TimescaleDB or PostgreSQL."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        "",
        pattern=r"^$|^postgres(ql)?://",
        description="Empty: points lie with spans and logs. Else TimescaleDB, or PostgreSQL: "
        "postgresql://host:5432/database?schema=aura&sslmode=verify-full",
        repr=False,
    )
    user: str = Field("", description="The user of that server, when its URL names none")
    password: SecretStr = Field(
        SecretStr(""),
        description="The password of that user: AURA_STORAGE_METRICS_PASSWORD in production",
    )
    writers: Annotated[int, Field(gt=0, le=64)] = Field(
        2, description="Commits of points that run at the same time; more wait"
    )
    write_time_max: Annotated[Seconds, Field(gt=0)] = Field(
        60.0, description="How long one statement of a commit may run, or wait for a lock"
    )
    series_max: Annotated[int, Field(gt=0)] = Field(
        1_000_000,
        description="Series that are known to be written, 16 to 32 bytes each; beyond it anew",
    )
    compress_after: Annotated[Seconds, Field(gt=0)] = Field(
        2 * 86400.0, description="How old a day of points is when TimescaleDB compresses it"
    )
    upkeep_interval: Annotated[Seconds, Field(gt=0)] = Field(
        600.0, description="How often expired points are deleted"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.url:
            try:
                self.server()
            except ValueError as error:
                raise ValueError(f"url: {error}") from None
        return self

    def server(self) -> Server:
        """Return what the URL names; raises ValueError, without any secret."""
        return Server.parse(self.url, self.user, self.password.get_secret_value())


class RemoteConfig(BaseModel):
    """`storage.remote`: the storage role of another process, for a query role without one here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        "",
        pattern=r"^$|^grpcs?://(\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$",
        description="Where it listens: grpc://host:50051, or grpcs:// with TLS",
    )
    key: SecretStr = Field(
        SecretStr(""),
        description="A key of its that may read: AURA_STORAGE_REMOTE_KEY in production; with "
        'several tenants one whose tenant is ""',
    )
    ca_file: str = Field(
        "", description="Authorities in PEM that its certificate is one of; empty: public ones"
    )
    cert_file: str = Field("", description="Certificate in PEM to show to it (mTLS)")
    key_file: str = Field("", description="Its private key in PEM, not encrypted")
    server_name_override: str = Field(
        "", description="The name in its certificate, when that is not the host's"
    )

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.url.startswith("grpcs:")

    @property
    def address(self) -> str:
        """Host and port."""
        return self.url.partition("://")[2]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.cert_file) != bool(self.key_file):
            given, missing = ("cert_file", "key_file")[:: 1 if self.cert_file else -1]
            raise ValueError(f"{given} is set, and {missing} is not: mTLS needs both")
        tls = ("ca_file", "cert_file", "server_name_override")
        without = [name for name in tls if getattr(self, name) and not self.secure]
        if without:
            raise ValueError(f"{without[0]} is set, and url is not grpcs://: it has no effect")
        return self


class StorageConfig(BaseModel):
    """`storage`: where records are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        "",
        pattern=r"^$|^chdb://|^clickhouses?://|^https?://|^memory://$",
        description="Empty: chdb in the data folder; or chdb:///path, http://host:8123/database "
        "(clickhouse:// too), https://host:8443/database?ca_cert=FILE; options behind the ?: "
        "storage/README.md; all others are settings of ClickHouse",
        repr=False,
    )
    user: str = Field("", description="The user of a server, when its URL names none")
    password: SecretStr = Field(
        SecretStr(""), description="The password of that user: AURA_STORAGE_PASSWORD in production"
    )
    readers: Annotated[int, Field(gt=0, le=64)] = Field(
        8, description="Searches and scans that run at the same time; more wait"
    )
    tenant_readers: Annotated[int, Field(gt=0, le=64)] = Field(
        6, description="Those of one tenant; more of its wait, and the others' do not"
    )
    lookup_readers: Annotated[int, Field(gt=0, le=64)] = Field(
        4, description="Look-ups (a trace by its ID, lists, completion) beside them"
    )
    query_threads_max: Annotated[int, Field(ge=0, le=1024)] = Field(
        0,
        description="Threads that searches and scans share; 0: as many as cores, or a server's own",
    )
    query_rows_max: Annotated[int, Field(gt=0)] = Field(
        2_000_000_000, description="Rows that one query may read"
    )
    query_bytes_max: Annotated[Size, Field(gt=0)] = Field(
        200 * 1024**3, description="Bytes that one query may read, before compression"
    )
    writers: Annotated[int, Field(gt=0, le=256)] = Field(
        2, description="Groups that are written at the same time, about 100 MB each; more wait"
    )
    query_memory_bytes_max: Annotated[Size, Field(gt=0)] = Field(
        1024 * 1024 * 1024, description="Memory that one query may take, its answer included"
    )
    query_time_max: Annotated[Seconds, Field(gt=0)] = Field(
        60.0, description="How long one query may run in the engine"
    )
    retention: RetentionConfig = Field(default_factory=RetentionConfig)
    metrics: MetricsConfig = Field(default_factory=MetricsConfig)
    listen: Address = Field(
        "127.0.0.1:50051", description="Where the storage role answers other processes, over gRPC"
    )
    tls: TlsConfig = Field(default_factory=TlsConfig)
    calls_max: Annotated[int, Field(gt=0)] = Field(
        64, description="Questions of other processes at once; more are told to come again"
    )
    rows_max: Annotated[int, Field(gt=0)] = Field(
        1_000_000,
        description="Rows, groups, candidates that a question of another process may name at most",
    )
    remote: RemoteConfig = Field(default_factory=RemoteConfig)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if "://" in self.url and not self.url.startswith("memory:"):
            try:
                self.target()
            except ValueError as error:
                raise ValueError(f"url: {error}") from None
        return self

    @property
    def embedded(self) -> bool:
        """Whether the engine lives inside a process, which then is its one owner."""
        return self.url.startswith(("chdb:", "memory:")) or not self.url

    def limits(self) -> dict[str, float]:
        """Return what bounds a query, by the names of the settings."""
        names = ("query_rows_max", "query_bytes_max", "query_memory_bytes_max", "query_time_max")
        return {name: getattr(self, name) for name in names}

    def target(self) -> Target:
        """Return what the URL names; raises ValueError, without any secret."""
        return Target.parse(self.url, self.user, self.password.get_secret_value())
