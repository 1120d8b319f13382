"""The floor: the same rows into the same tables by bare inserts, merges until quiet.

`python -m tests.bench.bare SIGNAL RECORDS BLOCK END_NS` prints the CPU seconds of this process.
"""

import sys
import tempfile
import time

import clickhouse_connect
import pyarrow as pa

from otlp.codec import Decoder
from pipeline.batch import Batch
from pipeline.signal import Signal
from pipeline.window import TimeWindow
from storage.migrate import migrate
from storage.tables import RECORD_TABLES, joined, record_tables
from tests.bench.load import Load

QUIET_S = 2.0


def batches(load: Load, block: int) -> list[dict[str, pa.Table]]:
    """Return the rows of each table, `block` records at a time."""
    found, decoder, held = [], Decoder(load.signal, TimeWindow()), 0
    for sequence, payload in enumerate(load, 1):
        decoder.append(payload, sequence, load.end_ns, 512)
        held += 512
        if held >= block:
            found.append(_tables(decoder, load))
            held = 0
    if held:
        found.append(_tables(decoder, load))
    return found


def _tables(decoder: Decoder, load: Load) -> dict[str, pa.Table]:
    batch = Batch(load.signal, "default", decoder.finish())
    return joined([record_tables(batch, 1, 0, lambda *_: 30 * 86_400)])


def main() -> None:
    name, records, block, end_ns = sys.argv[1:]
    signal = Signal(name)
    blocks = batches(Load(signal, int(records), int(end_ns)), int(block))
    with tempfile.TemporaryDirectory() as folder:
        client = clickhouse_connect.get_client(dsn=f"chdb://{folder}")
        migrate(client)
        before = time.process_time()
        for tables in blocks:
            for table in RECORD_TABLES[signal]:
                if table in tables:
                    client.insert_arrow(table, tables[table].combine_chunks())
        quiet(client)
        print(time.process_time() - before)
        client.close()


def quiet(client) -> None:
    """Wait until no merge runs and the parts have not changed for a while; at most a minute."""
    end, last, since = time.monotonic() + 60, None, time.monotonic()
    while time.monotonic() < end and time.monotonic() - since < QUIET_S:
        parts = client.query("SELECT count(), max(name) FROM system.parts WHERE active").result_rows
        merges = client.query("SELECT count() FROM system.merges").result_rows[0][0]
        if merges or parts != last:
            last, since = parts, time.monotonic()
        time.sleep(0.2)


if __name__ == "__main__":
    main()
