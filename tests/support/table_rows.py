"""Logs whose bodies are read by stages, as a group to commit."""

import pyarrow as pa

from pipeline import schema
from pipeline.batch import Batch
from pipeline.ports import Counts, Group
from pipeline.signal import Signal
from tests.support.corpus_rows import TENANT
from tests.support.sample_rows import log
from tests.support.stores import commit

BODIES = (
    '{"status": 500, "user": {"id": "u-1", "n": null}, "path": "/a", "elapsed": 1.5}',
    '{"status": "404", "user.id": "u-2", "path": "/a", "elapsed": 12, "a": true, "b": "xy"}',
    '{"status": 200, "user": "nobody", "path": "/b", "elapsed": -3, "a": [1, {"b": 2}], "b": 7}',
    '{"status": null, "level": "loud", "kind": "x", "a": "1", "elapsed": "7.25", "time": "now"}',
    '{"status": 503, "status": 1, "my key": "v", "a\\"b": "q", "c": "\\u00e9\\n\\"", "": 0}',
    '{"status": {"code": 5}, "a": 12345678901234567890, "b": -0.5, "c": 9007199254740993}',
    '["status"]',
    '{"status": 5',
    '"status"',
    "status=500 user_id=u-1 msg=\"it \\\"broke\\\"\" method=GET duration=12ms",
    'msg="a status=7 b" user_id= flag method="PO ST" duration=3 size=10',
    'ts=1 msg="unfinished user_id=u-9',
    "user_id=\"u\\x\" method=put, user_id=second",
    "user 17 logged in",
    "user 3 logged out",
    "user x logged in\nuser 5 logged in",
    "10 20",
)  # fmt: skip


def read_group(now: int) -> Group:
    """Return the records as a group of the tenant, behind the corpus in its log."""
    rows = [
        log(
            ("api", "web")[number % 2],
            now - (number * 60 + 30) * 10**9,
            body,
            sequence=100 + number,
            severity_number=(9, 17)[number % 2],
            attributes={"http.request.body": '{"a": 2}', "size": number} if number % 3 else {},
        )
        for number, body in enumerate(BODIES)
    ]
    batch = pa.RecordBatch.from_pylist(rows, schema=schema.LOGS)
    counts = {TENANT: Counts(received=len(rows), stored=len(rows))}
    place = commit(1, 100, 100 + len(rows))
    return Group(Signal.LOGS, 0, place, [Batch(Signal.LOGS, TENANT, batch)], counts)
