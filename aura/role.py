"""What a process does, and whether its storage is within its reach."""

from enum import StrEnum

from pipeline.errors import Setup
from storage import StorageConfig


class Role(StrEnum):
    """What a process does."""

    INGESTOR = "ingestor"
    ROUTER = "router"
    STORAGE = "storage"
    QUERY = "query"


def check(roles: frozenset[Role], storage: StorageConfig) -> None:
    """Raise Setup for roles that need an embedded engine whose owner is another process."""
    if Role.STORAGE in roles or not storage.embedded:
        return
    if Role.ROUTER in roles:
        raise Setup(
            "--role router: an embedded engine has one owner: run both in one process "
            "(--role router,storage), or set storage.url to a ClickHouse server"
        )
    if Role.QUERY in roles and not storage.remote.url:
        raise Setup(
            "--role query: an embedded engine has one owner: set storage.remote.url to where the "
            "role storage listens (grpc://host:50051), or storage.url to a ClickHouse server"
        )


def asks_another(roles: frozenset[Role], storage: StorageConfig) -> bool:
    """Tell whether questions go to the storage role of another process."""
    return Role.QUERY in roles and Role.STORAGE not in roles and bool(storage.remote.url)
