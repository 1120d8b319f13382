"""Aura as three processes that share one NATS, asked as if they were one."""

import json
import subprocess
import time
from pathlib import Path

from pipeline.bus import binary
from tests.support.aura_process import Aura, free_port

DOORS = {"ingestor": "ingestor.api", "router,storage": "storage.listen", "query": "query.listen"}
"""The roles of each process, and the door that says when it is ready."""


class Nats:
    """A nats-server of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.url = f"nats://127.0.0.1:{free_port()}"
        settings = {
            "listen": self.url.removeprefix("nats://"),
            "max_payload": 8 * 2**20,
            # Its logs' bounds together may be more than what is free on the disk: none is filled.
            "jetstream": {"store_dir": str(folder / "nats"), "max_file_store": 2**40},
        }
        file = folder / "nats.conf"
        file.write_text(json.dumps(settings))
        self._process = subprocess.Popen(
            [binary.find(), "-c", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Cluster(Aura):
    """An `Aura` of three processes; its `config.yaml`, if there is one, is that of all."""

    def __init__(self, folder: Path, **settings: str) -> None:
        super().__init__(folder, **settings)
        self.nats_server = Nats(folder)
        self.parts = {role: self._part(role) for role in DOORS}

    def _part(self, role: str) -> Aura:
        home = self.folder / role
        home.mkdir()
        for file in self.folder.glob("config.yaml"):
            (home / file.name).write_bytes(file.read_bytes())
        part = Aura(home, AURA_BUS_URL=self.nats_server.url, **self.settings)
        part.ports = self.ports
        if role == "query":
            where = f"grpc://127.0.0.1:{self.ports['storage.listen']}"
            part.settings["AURA_STORAGE_REMOTE_URL"] = where
        return part

    def start(self, *arguments: str, **settings: str) -> float:
        """Start all of them at once, to come up in whatever order."""
        for role, part in self.parts.items():
            part.begin("--role", role, *arguments, **settings)
        began = time.monotonic()
        for role, door in DOORS.items():
            self.parts[role].wait(door)
        return time.monotonic() - began

    def __enter__(self) -> "Cluster":
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> int:
        return max(part.stop() for part in self.parts.values())

    def kill(self) -> None:
        for part in self.parts.values():
            part.kill()
        self.nats_server.kill()
