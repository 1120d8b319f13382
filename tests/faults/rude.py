"""Clients that send half a request and fall silent, are slow, or go before they are answered."""

import socket
import struct
import threading
from contextlib import suppress
from random import Random
from typing import Final

import grpc

from pipeline.signal import Signal
from tests.support.numbered import METHODS, labels, request

RECORDS: Final = 20
HELD_MAX: Final = 40
"""Connections that are left open in silence at any moment."""

PAUSE_S: Final = 0.05
HTTP2: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
"""The preface of HTTP/2 and empty SETTINGS: the start of every call."""


class Rude(threading.Thread):
    """Behaves badly to both ports until stopped; `unanswered` holds what may have been taken."""

    def __init__(self, ports: dict[str, int], name: str, chance: Random) -> None:
        super().__init__(daemon=True, name=name)
        self.unanswered: set[str] = set()
        self._grpc, self._http = ports["ingestor.grpc"], ports["ingestor.http"]
        self._chance = chance
        self._held: list[socket.socket] = []
        self._stopped = threading.Event()
        self._first = 0

    def stop(self) -> None:
        """Ask to end."""
        self._stopped.set()

    def run(self) -> None:
        """Go on until stopped."""
        ways = (self._vanish, self._linger, self._drip, self._cancel)
        while not self._stopped.is_set():
            with suppress(OSError):
                self._chance.choice(ways)()
            self._stopped.wait(PAUSE_S)
        for held in self._held:
            held.close()

    def _next(self) -> tuple[Signal, bytes]:
        signal = self._chance.choice(tuple(Signal))
        self.unanswered.update(labels(self.name, self._first, 1, RECORDS))
        body = request(signal, self.name, self._first, 1, RECORDS)
        self._first += RECORDS
        return signal, body

    def _post(self) -> bytes:
        signal, body = self._next()
        head = f"POST /v1/{signal} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def _vanish(self) -> None:
        """Send all or a part, then reset the connection."""
        whole = self._post()
        some = whole[: self._chance.choice((len(whole), self._chance.randrange(len(whole))))]
        with socket.create_connection(("127.0.0.1", self._http), timeout=5) as raw:
            raw.sendall(some)
            if self._chance.random() < 0.5:
                self._stopped.wait(self._chance.uniform(0, 0.02))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _linger(self) -> None:
        """Send a part and keep the connection, in silence."""
        port = self._chance.choice((self._http, self._grpc))
        begun = HTTP2 if port == self._grpc else self._post()
        raw = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._held.append(raw)
        raw.sendall(begun[: self._chance.randrange(len(begun))])
        if len(self._held) > HELD_MAX:
            self._held.pop(0).close()

    def _drip(self) -> None:
        """Send a request piece by piece; its answer is not read."""
        whole = self._post()
        with socket.create_connection(("127.0.0.1", self._http), timeout=5) as raw:
            step = -(-len(whole) // 5)
            for start in range(0, len(whole), step):
                raw.sendall(whole[start : start + step])
                self._stopped.wait(0.05)

    def _cancel(self) -> None:
        """Call over gRPC and give the call up."""
        signal, body = self._next()
        with grpc.insecure_channel(f"127.0.0.1:{self._grpc}") as channel:
            call = channel.unary_unary(METHODS[signal]).future(body, timeout=5)
            self._stopped.wait(self._chance.uniform(0, 0.03))
            call.cancel()
