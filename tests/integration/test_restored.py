"""A log that is not the one that was committed: made anew, restored, or full."""

import http.client
import shutil
from collections import Counter

import grpc
import pytest

from pipeline.signal import Signal
from tests.support.aura_process import Aura, poll
from tests.support.numbered import METHODS, PER_REQUEST, request, stored

pytestmark = pytest.mark.slow


def post(aura: Aura, name: str, first: int, padding: int = 0) -> tuple[int, str | None]:
    """Send one request of logs; return the status and Retry-After."""
    body = request(Signal.LOGS, name + "x" * padding, first, 1)
    connection = http.client.HTTPConnection("127.0.0.1", aura.ports["ingestor.http"], timeout=10)
    try:
        headers = {"Content-Type": "application/x-protobuf"}
        connection.request("POST", "/v1/logs", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Retry-After")
    finally:
        connection.close()


def send(aura: Aura, name: str, requests: int) -> None:
    for first in range(0, requests * PER_REQUEST, PER_REQUEST):
        assert post(aura, name, first)[0] == 200


def found(aura: Aura, name: str, records: int) -> None:
    def there() -> bool:
        logs = aura.ask("/v1/logs", start="now-3d", limit=5000)["logs"]
        labels = {str(log["attributes"]["label"]) for log in logs}
        return len([one for one in labels if one.startswith(f"{name}-")]) >= records

    poll(there, 30, f"{records} records of {name}")


def each_once(aura: Aura, **records: int) -> None:
    counts = stored(aura)
    assert {label: number for label, number in counts.items() if number > 1} == {}
    names = Counter(label.split("-")[0] for label in counts)
    assert dict(names) == records


def epochs(aura: Aura) -> list[int]:
    ((row,),) = aura.sql("SELECT groupUniqArray(epoch) FROM logs")
    return sorted(row[0])  # type: ignore[call-overload]


def test_a_log_made_anew_is_read_from_its_start(tmp_path):
    aura = Aura(tmp_path)
    try:
        aura.start()
        send(aura, "old", 3)
        found(aura, "old", 24)
        aura.stop()
        shutil.rmtree(tmp_path / "data" / "nats")
        # More messages than before lie in the new log when the router looks: their sequences alone
        # would pass for the old log's.
        aura.start("--role", "ingestor")
        send(aura, "new", 6)
        aura.stop()
        aura.start()
        found(aura, "new", 48)
        aura.stop()
        each_once(aura, old=24, new=48)
        assert epochs(aura) == [1, 2]
    finally:
        aura.kill()


def test_a_restored_older_log_doubles_nothing_and_skips_nothing(tmp_path):
    aura = Aura(tmp_path)
    nats, copy = tmp_path / "data" / "nats", tmp_path / "copy"
    try:
        aura.start()
        send(aura, "first", 3)
        found(aura, "first", 24)
        aura.stop()
        shutil.copytree(nats, copy)
        aura.start()
        send(aura, "second", 2)
        found(aura, "second", 16)
        aura.stop()
        shutil.rmtree(nats)
        shutil.move(copy, nats)
        # New messages take the sequences that "second" had, and go beyond them.
        aura.start("--role", "ingestor")
        send(aura, "third", 5)
        aura.stop()
        aura.start()
        found(aura, "third", 40)
        aura.stop()
        each_once(aura, first=24, second=16, third=40)
        assert epochs(aura) == [1, 2]
    finally:
        aura.kill()


def test_a_full_log_pushes_back_and_has_room_again(tmp_path):
    # The replay window alone, 1000 messages, would keep all that fits in so small a log.
    small = {"AURA_BUS_STREAM_BYTES_MAX": "200000", "AURA_BUS_MESSAGE_BYTES_MAX": "20000"}
    aura = Aura(tmp_path, **small)
    try:
        aura.start("--role", "ingestor")
        kept = 0
        for first in range(0, 100_000, PER_REQUEST):
            status, retry = post(aura, "kept", first)
            if status != 200:
                break
            kept += PER_REQUEST
        assert (status, retry) == (503, "1")
        assert kept
        with grpc.insecure_channel(f"127.0.0.1:{aura.ports['ingestor.grpc']}") as channel:
            body = request(Signal.LOGS, "refused", 0, 1)
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary(METHODS[Signal.LOGS])(body, timeout=10)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "google.rpc.retryinfo-bin" in dict(refused.value.trailing_metadata())
        aura.stop()
        aura.start()
        found(aura, "kept", min(kept, 4000))
        # Twice as much again: there is room for as long as the router keeps up.
        for first in range(0, 2 * kept, PER_REQUEST):
            poll(lambda first=first: post(aura, "later", first)[0] == 200, 20, "room again")
        last = f'label="later-{first + PER_REQUEST - 1} 1"'
        poll(lambda: aura.ask("/v1/logs", q=last, start="now-3d")["logs"], 20, last)
        aura.stop()
        each_once(aura, kept=kept, later=2 * kept)
    finally:
        aura.kill()
