"""The embedded NATS server: a supervised child."""

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

import structlog

from pipeline.bus import binary, leash
from pipeline.bus.config import HEADERS_BYTES_MAX, BusConfig
from pipeline.bus.disk import Disk
from pipeline.errors import Setup
from pipeline.folder import DataFolder
from pipeline.signal import Signal

HOST: Final = "127.0.0.1"
USER: Final = "aura"
READY_WAIT_S: Final = 60.0
"""A large store is read through after a crash before the server answers."""

STOP_WAIT_S: Final = 10.0
BACKOFF_MIN_S: Final = 0.1
BACKOFF_MAX_S: Final = 10.0
HEALTHY_S: Final = 60.0
"""A child that ran for so long starts the back-off anew."""

HEAP_BYTES: Final = 64 * 2**20
LOG_HEAP_BYTES: Final = 16 * 2**20
"""What the server's heap is to stay below, and more for each log; a soft limit."""

START_ATTEMPTS: Final = 3
DISK_LOOK_S: Final = 0.1
"""A stream that once found the disk full never answers again: a full disk must not be missed."""
LOG_BYTES_MAX: Final = 10 * 2**20
LOG_FILES_MAX: Final = 3

_log = structlog.get_logger(__name__)


class EmbeddedServer:
    """
    A nats-server with JetStream in the data folder; an async context manager.

    Listens on loopback only, on a port of the system's choice, behind a random password. Entering
    returns when JetStream answers, raises Setup otherwise. A child that dies is started again on
    the same port with the same password, at first at once, then with back-off. Leaving stops it.
    It dies with this process (`leash`): enter from the thread that lives as long as the process.
    It holds the data folder's lock while it lives, and is started again when the disk has room
    after it had none.
    """

    def __init__(
        self,
        config: BusConfig,
        folder: DataFolder,
        leash_arguments: tuple[str, ...] = (),
        find: Callable[[], Path] = binary.find,
        free: Callable[[Path], int] | None = None,
    ) -> None:
        self._find = find
        self._disk = Disk(folder.path, config.disk_reserve, free)
        self._config = config
        self._folder = folder
        self._leash_arguments = leash_arguments
        self._home = folder.path / "nats"
        self._password = secrets.token_urlsafe(32)
        self._port = 0
        self._child: Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._binary: Path | None = None

    @property
    def url(self) -> str:
        """Where it listens, credentials included."""
        return f"nats://{USER}:{self._password}@{HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        child = self._child
        return child.pid if child and child.returncode is None else None

    def has_room(self) -> bool:
        """Whether the disk has more than its reserve, as of a moment ago."""
        return self._disk.room

    async def __aenter__(self) -> Self:
        """Start the child and wait until JetStream answers; raises Setup."""
        self._binary = await asyncio.to_thread(self._find)
        try:
            await self._begin()
        except OSError as error:
            raise Setup(f"the embedded nats-server in {self._home}: {error}") from error
        return self

    async def _begin(self) -> None:
        self._home.mkdir(mode=0o700, exist_ok=True)
        for left in reversed(range(START_ATTEMPTS)):
            # Between our look and the server's bind another program may take the port.
            self._port = _free_port()
            self._write_config()
            child = self._child = await self._start()
            try:
                await self._ready(child)
                break
            except Setup:
                await self._stop()
                if not left:
                    raise
            except BaseException:
                await self._stop()
                raise
        self._tasks = [
            asyncio.create_task(self._supervise(child)),
            asyncio.create_task(self._watch()),
        ]

    async def __aexit__(self, *_: object) -> None:
        """Stop the child: SIGTERM, and SIGKILL when that takes too long."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stop()

    async def _start(self) -> Process:
        command = [
            sys.executable,
            "-I",
            "-S",
            str(Path(leash.__file__)),
            *self._leash_arguments,
            str(os.getpid()),
            str(self._binary),
            "--config",
            str(self._home / "server.conf"),
        ]
        # Go lets its heap double before it collects; with a limit it does so earlier when there is
        # much. What the operator says counts.
        limit = HEAP_BYTES + LOG_HEAP_BYTES * len(Signal) * self._config.partitions
        environment = {"GOMEMLIMIT": str(limit), **os.environ}
        with (self._home / "start.log").open("wb") as complaints:
            return await create_subprocess_exec(
                *command,
                stdin=DEVNULL,
                stdout=complaints,
                stderr=complaints,
                cwd=self._home,
                env=environment,
                pass_fds=(self._folder.lock,),
                # Ctrl-C goes to a whole process group; the bus must outlive the drain it starts.
                start_new_session=True,
            )

    async def _supervise(self, child: Process) -> None:
        loop = asyncio.get_running_loop()
        backoff_s = BACKOFF_MIN_S
        while True:
            started_s = loop.time()
            status = await child.wait()
            _log.error("nats_server.ended", status=status, log=str(self._home / "nats.log"))
            if loop.time() - started_s >= HEALTHY_S:
                backoff_s = BACKOFF_MIN_S
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)
            try:
                child = self._child = await self._start()
            except OSError as error:
                _log.error("nats_server.not_started", error=str(error))

    async def _watch(self) -> None:
        while True:
            if self._disk.recovered() and self.pid:
                _log.warning("nats_server.restarting", reason="the disk was full")
                os.killpg(self.pid, signal.SIGKILL)
            await asyncio.sleep(DISK_LOOK_S)

    async def _ready(self, child: Process) -> None:
        """Return when JetStream answers; raises Setup when the child ends or never gets there."""
        ended = asyncio.create_task(child.wait())
        answering = asyncio.create_task(self._answering())
        try:
            await asyncio.wait(
                {ended, answering}, timeout=READY_WAIT_S, return_when=asyncio.FIRST_COMPLETED
            )
            if answering.done():
                return
            what = f"ended with {child.returncode}" if ended.done() else "does not answer"
            raise Setup(f"the embedded nats-server {what}: {self._complaint()}")
        finally:
            ended.cancel()
            answering.cancel()
            await asyncio.gather(ended, answering, return_exceptions=True)

    async def _answering(self) -> None:
        while True:
            if await self._answers():
                return
            await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        """Ask JetStream for its account in NATS's text protocol, on a connection of its own."""
        login = json.dumps({"user": USER, "pass": self._password, "verbose": False})
        question = f"CONNECT {login}\r\nSUB ready 1\r\nPUB $JS.API.INFO ready 0\r\n\r\nPING\r\n"
        try:
            reader, writer = await asyncio.open_connection(HOST, self._port)
        except OSError:
            return False
        try:
            async with asyncio.timeout(1):
                writer.write(question.encode())
                await reader.readuntil(b"MSG ready 1 ")
                answer = await reader.readuntil(b"}\r\n")
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return False
        else:
            return b'"error"' not in answer
        finally:
            writer.close()

    def _complaint(self) -> str:
        lines: list[str] = []
        for name in ("start.log", "nats.log"):
            path = self._home / name
            if path.exists():
                lines += path.read_text(errors="replace").splitlines()[-20:]
        told = [
            line for line in lines if "[ERR]" in line or "[FTL]" in line or "nats-server" in line
        ]
        return (told or lines or ["it said nothing"])[-1]

    async def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None or child.returncode is not None:
            return
        _signal(child, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_WAIT_S):
                await child.wait()
        except TimeoutError:
            # The child leads a group of its own: this reaches the server behind a polling leash.
            os.killpg(child.pid, signal.SIGKILL)
            await child.wait()

    def _write_config(self) -> None:
        config = {
            "host": HOST,
            "port": self._port,
            "server_name": "aura",
            "max_payload": self._config.message_bytes_max + HEADERS_BYTES_MAX,
            "authorization": {"user": USER, "password": self._password},
            "jetstream": {
                "store_dir": str(self._home),
                "max_memory_store": 64 * 2**20,
                # The streams have bounds of their own; this one only must not come before them.
                "max_file_store": 2**60,
                **({"sync_interval": "always"} if self._config.sync == "always" else {}),
            },
            "log_file": str(self._home / "nats.log"),
            "logfile_size_limit": LOG_BYTES_MAX,
            "logfile_max_num": LOG_FILES_MAX,
        }
        path = self._home / "server.conf"
        path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(path, flags, mode=0o600), "w") as file:
            # The server's own language takes JSON.
            json.dump(config, file, indent=1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _signal(child: Process, number: signal.Signals) -> None:
    try:
        child.send_signal(number)
    except ProcessLookupError:
        return
