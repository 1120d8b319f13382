"""
Compare physical ClickHouse layouts for spans, logs and points: insert, merge, size and cold search.

Every candidate is the recommended layout with one thing changed. CPU is that of the whole process
(chdb's threads too), without the generator's; compare ratios within one run. Queries run without
the condition, mark and uncompressed caches; the operating system's page cache stays warm.
"""

# The pyarrow stubs know neither unparametrised arrays nor numpy arguments.
# mypy: disable-error-code="arg-type,attr-defined,call-overload,no-any-return,type-arg"

import argparse
import re
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from tests.bench.trial_layouts import LOGS, POINTS, SPANS, Candidate
from tests.bench.trial_rows import HOUR_NS, Load, logs, points, resources, spans


def cpu_s() -> float:
    """Return the CPU seconds of this process so far, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def settle(client: Client, quiet_s: float = 2.5) -> None:
    """Wait until nothing merges and the parts stay the same."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < quiet_s:
        busy = client.query("SELECT count() FROM system.merges").result_rows[0][0]
        parts_now = client.query(
            "SELECT count() FROM system.parts WHERE active AND table = 'trial'"
        ).result_rows[0][0]
        if busy or parts_now != seen:
            seen, since = parts_now, time.monotonic()
        time.sleep(0.2)


def searches(candidate: Candidate, block: pa.Table, unique: str) -> Iterator[tuple[str, str]]:
    """Yield the name and SQL of each search that the signal is asked."""
    if candidate.signal == "points":
        series = block["series_id"][17].as_py()
        yield "series", f"SELECT sum(double) FROM trial WHERE series_id = {series}"
        yield "replay", "SELECT DISTINCT sequence FROM trial WHERE epoch = 1 AND sequence > 1990"
        return
    newest = "ORDER BY time DESC LIMIT 20"
    row = f"SELECT * FROM trial WHERE {{}} {newest}"
    user = "user-104857"
    if candidate.name == "Map + types":
        pair = candidate.has.format(f"'{user}'") + f" AND attributes['user.id'] = '{user}'"
    else:
        pair = candidate.has.format(f"'{user}'") + (
            f" AND arrayExists((k, v) -> k = 'user.id' AND v = '{user}',"
            " attributes.key, attributes.value)"
        )
    yield "unique", row.format(candidate.has.format(f"'{unique}'"))
    yield "pair+svc", row.format(f"service_name = 'service-3' AND {pair}")
    yield "pair", row.format(pair)
    pod = f"resource IN ('{resources()[77]}', 'another')"
    yield "pod", row.format(pod)
    yield "any", row.format(f"{candidate.has.format(repr(unique))} OR {pod}")
    yield "svc new", row.format("service_name = 'service-3'")
    yield "new", row.format("1")
    at = block["time"][77].as_py()
    yield "new till", row.format(f"time BETWEEN {at - HOUR_NS} AND {at}")
    yield (
        "replay",
        "SELECT DISTINCT sequence FROM trial WHERE epoch = 1 AND sequence > "
        + str(block["sequence"][-1].as_py() - 300),
    )
    if candidate.signal == "logs":
        body = block["body"][77].as_py()
        token = re.search("request_id: ([0-9a-f]+)", body)
        assert token is not None
        yield "token", row.format(candidate.body.format(token[1]))
        return
    trace = f"trace_id = unhex('{block['trace_id'][77].as_py().hex()}')"
    bounds = f"time BETWEEN {at - 60 * 10**9} AND {at + 60 * 10**9}"
    yield "trace", f"SELECT * FROM trial WHERE {bounds} AND {trace}"
    yield "trace nb", f"SELECT * FROM trial WHERE {trace}"


def search_ms(client: Client, sql: str) -> float:
    """Return the least CPU milliseconds of three cold runs."""
    spent = []
    for _ in range(3):
        for cache in ("MARK", "UNCOMPRESSED", "INDEX MARK", "INDEX UNCOMPRESSED", "PRIMARY INDEX"):
            client.command(f"SYSTEM DROP {cache} CACHE")
        before = cpu_s()
        client.query_arrow(f"{sql} SETTINGS use_query_condition_cache = 0")
        spent.append((cpu_s() - before) * 1e3)
    return min(spent)


CANDIDATES = {"spans": SPANS, "logs": LOGS, "points": POINTS}
MAKERS = {"spans": spans, "logs": logs, "points": points}


def trial(client: Client, candidate: Candidate, blocks: Sequence[pa.Table]) -> dict[str, float]:
    """Fill a table with the blocks, let it settle, search it and drop it."""
    client.command("DROP TABLE IF EXISTS trial SYNC")
    client.command(candidate.ddl("trial"))
    client.command("SYSTEM STOP MERGES trial")
    millions = sum(map(len, blocks)) / 1e6
    insert = 0.0
    for block in blocks:
        converted = candidate.convert(block).combine_chunks()
        before = cpu_s()
        client.insert_arrow("trial", converted)
        insert += cpu_s() - before
    before = cpu_s()
    client.command("SYSTEM START MERGES trial")
    settle(client)
    merge = cpu_s() - before
    stored, size, count = client.query(
        "SELECT sum(rows), sum(bytes_on_disk), count() FROM system.parts"
        " WHERE active AND table = 'trial'"
    ).result_rows[0]
    assert stored == sum(map(len, blocks)), (stored, candidate.name)
    result = {
        "insert": insert / millions, "+merge": (insert + merge) / millions,
        "B/row": size / stored, "parts": float(count),
    }  # fmt: skip
    middle = blocks[len(blocks) // 2]
    unique = ""
    if candidate.signal != "points":
        unique = middle["attributes"][77].as_py()[0]["value"]
    for name, sql in searches(candidate, middle, unique):
        result[name] = search_ms(client, sql)
    return result


def main() -> None:
    """Run the candidates of the chosen signals and print a table each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--block", type=int, default=200_000, help="rows an insert")
    parser.add_argument("--signal", choices=MAKERS, action="append")
    parser.add_argument("--only", default="", help="a regular expression for candidates' names")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=4, help="the rows' time range")
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    load = Load(options.seed, options.rows, options.hours)
    with tempfile.TemporaryDirectory() as folder:
        client = clickhouse_connect.get_client(dsn=f"chdb://{folder}/data")
        for signal in options.signal or MAKERS:
            blocks = [
                MAKERS[signal](load, first, options.block)
                for first in range(0, options.rows, options.block)
            ]
            print(
                f"\n{signal}: {options.rows:,} rows, {options.block:,} an insert; "
                "CPU-s per million rows, bytes a row, searches in CPU-ms"
            )
            chosen = [c for c in CANDIDATES[signal] if re.search(options.only, c.name)]
            trial(client, CANDIDATES[signal][0], blocks[:1])  # the first run pays for starting up
            for number, candidate in enumerate(chosen * options.repeat):
                result = trial(client, candidate, blocks)
                if number == 0:
                    print(f"{'candidate':36}" + "".join(f"{name:>9}" for name in result))
                print(
                    f"{candidate.name:36}" + "".join(f"{v:9.1f}" for v in result.values()),
                    flush=True,
                )


if __name__ == "__main__":
    main()
