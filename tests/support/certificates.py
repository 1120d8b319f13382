"""Certificates of a throw-away authority, made with the openssl command."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")


def openssl(*arguments: object) -> None:
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    cert: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Signs certificates for localhost in its folder."""

    folder: Path
    name: str = "authority"

    @property
    def cert(self) -> Path:
        return self.folder / f"{self.name}.pem"

    @property
    def _own_key(self) -> Path:
        return self.folder / f"{self.name}.key"

    def make(self) -> "Authority":
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", 2, "-subj", f"/CN={self.name}", "-keyout", self._own_key, "-out", self.cert,
        )  # fmt: skip
        return self

    def sign(self, name: str, days: int = 2) -> Pair:
        """Make a certificate that begins now; with days below zero it is over."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request, alternatives = self.folder / f"{name}.csr", self.folder / "alternatives"
        alternatives.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
        openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN={name}", "-keyout", pair.key, "-out", request,
        )  # fmt: skip
        openssl(
            "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self._own_key,
            "-CAcreateserial", "-days", days, "-extfile", alternatives, "-out", pair.cert,
        )  # fmt: skip
        return pair
