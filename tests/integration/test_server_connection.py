"""A server is reached as its URL says, and what keeps Aura out is said in one line."""

import asyncio
import ssl
import subprocess
import sys

import pytest

from aura.settings import Settings
from pipeline.errors import Setup
from pipeline.signal import Signal
from storage import StorageConfig, open_store, pending
from storage.clickhouse import ClickHouse
from storage.connection import Connection
from storage.migrate import migrations
from storage.target import Target
from tests.support.aura_process import free_port
from tests.support.certificates import Authority, needs_openssl
from tests.support.clickhouse.server import ClickHouseServer
from tests.support.stores import (
    CONFIG,
    LOGIN,
    ask,
    database,
    everything,
    group,
    holds,
    messages,
    server,
    write,
)
