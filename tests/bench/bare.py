"""The floor: the same rows into the same tables by the driver's own inserts, merges until quiet.

`python -m tests.bench.bare SIGNAL RECORDS BLOCK END_NS` prints CPU seconds per million records of
this process, its threads included, without what making the rows takes.
"""

import sys
import tempfile
import time
from collections.abc import Iterator

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from otlp.codec import Decoder
from pipeline.batch import Batch
from pipeline.signal import Signal
from pipeline.window import TimeWindow
from storage.migrate import migrate
from storage.tables import RECORD_TABLES, joined, record_tables
from tests.bench.load import Load

QUIET_S, QUIET_MAX_S = 3.0, 120.0
KEEP_S = 30 * 86_400


def blocks(load: Load, block: int) -> Iterator[dict[str, pa.Table]]:
    """Yield the rows of each table, `block` records at a time."""
    decoder, held = Decoder(load.signal, TimeWindow()), 0
    for sequence, payload in enumerate(load, 1):
        decoder.append(payload, sequence, load.end_ns, load.size)
        held += load.size
        if held >= block:
            yield _tables(decoder, load.signal)
            held = 0
    if held:
        yield _tables(decoder, load.signal)


def _tables(decoder: Decoder, signal: Signal) -> dict[str, pa.Table]:
    batch = Batch(signal, "default", decoder.finish())
    return joined([record_tables(batch, 1, 0, lambda *_: KEEP_S)])


def insert_s(client: Client, load: Load, block: int) -> float:
    """Insert a load; return the CPU seconds that it and its merges took."""
    # Merges run beside the making of rows, which is one thread's: this one's.
    began, making = time.process_time(), 0.0
    source = blocks(load, block)
    while True:
        before = time.thread_time()
        tables = next(source, None)
        making += time.thread_time() - before
        if tables is None:
            break
        for table in RECORD_TABLES[load.signal]:
            if table in tables:
                client.insert_arrow(table, tables[table].combine_chunks())
    quiet(client)
    return time.process_time() - began - making


def quiet(client: Client) -> None:
    """Wait until no merge runs and the parts have not changed for a while."""
    end, last, since = time.monotonic() + QUIET_MAX_S, None, time.monotonic()
    while time.monotonic() < end and time.monotonic() - since < QUIET_S:
        parts = client.query("SELECT count(), max(name) FROM system.parts WHERE active").result_rows
        merges = client.query("SELECT count() FROM system.merges").result_rows[0][0]
        if merges or parts != last:
            last, since = parts, time.monotonic()
        time.sleep(0.2)


def main() -> None:
    name, records, block, end_ns = sys.argv[1:]
    load = Load(Signal(name), int(records), int(end_ns))
    with tempfile.TemporaryDirectory() as folder:
        client = clickhouse_connect.get_client(dsn=f"chdb://{folder}/data")
        migrate(client)
        print(insert_s(client, load, int(block)) * 1e6 / load.records)
        client.close()


if __name__ == "__main__":
    main()
