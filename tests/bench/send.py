"""The sender: OTLP/gRPC over a few connections, in this process, whose CPU is not counted."""

import queue
import threading
import time

import grpc

from tests.bench.load import Load
from tests.support.numbered import METHODS

SENDERS = 4
ATTEMPTS = 1000


def send(load: Load, port: int, *, gzip: bool = False) -> None:
    """Send all requests; one that is refused is sent again. Raises what a sender ran into."""
    waiting: queue.Queue[bytes | None] = queue.Queue(2 * SENDERS)
    failures: list[Exception] = []
    compression = grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression

    def work() -> None:
        with grpc.insecure_channel(
            f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)], compression
        ) as channel:
            export = channel.unary_unary(METHODS[load.signal])
            while (body := waiting.get()) is not None:
                try:
                    _sent(export, body)
                except grpc.RpcError as error:
                    failures.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for body in load:
        waiting.put(body)
        if failures:
            break
    for _ in threads:
        waiting.put(None)
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _sent(export: grpc.UnaryUnaryMultiCallable, body: bytes) -> None:
    for attempt in range(ATTEMPTS):
        try:
            export(body, timeout=30)
        except grpc.RpcError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(0.05)
        else:
            return
