"""Questions to a large store over HTTP, cold and warm, beside SQL that a hand would write.

`make bench-query RECORDS=1000000 FOLDER=build/shop`: the folder is filled at first and kept.
Milliseconds on the clock, p50 and p95 of so many questions, each about another record; `cpu` is the
p50 of Aura's CPU time, which a busy machine stretches least. Cold is without any cache of the
engine or of Aura, with the operating system's; `sql` is cold as well, in the same process.
"""

import argparse
import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from pipeline.signal import Signal
from tests.bench.hatch import Hatched
from tests.bench.questions import (
    JAEGER_QUESTIONS,
    LOG_QUESTIONS,
    QUESTIONS,
    Question,
    Row,
)
from tests.bench.shop import Shop, samples
from tests.bench.stock import shop
from tests.support.aura_process import ROOT, poll

SETTINGS: Final = {
    "AURA_CACHE_URL": "none",
    "AURA_QUERY_LIMITS_GROUPS_MAX": "1000000",
    "AURA_QUERY_LIMITS_TIMEOUT": "60s",
}
"""No answer is remembered; rates by minute over days are more groups than a person asks for."""
LISTS: Final = ("traces", "logs", "spans", "summaries", "data")
"""What answers call what was found."""
SQL_EACH: Final = 3
"""How often SQL is asked: what reads everything takes seconds."""


@dataclass
class Times:
    """What one kind of question took, each time, in milliseconds."""

    cold: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    over: list[float] = field(default_factory=list)
    sql: list[float] = field(default_factory=list)
    sql_cpu: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    found: list[int] = field(default_factory=list)


def ask(aura: Hatched, question: Question, row: Row, end_ns: int) -> tuple[float, Any]:
    """Return how long an answer took, in milliseconds, and the answer."""
    query = urllib.parse.urlencode(question.parameters(row, end_ns))
    began = time.monotonic()
    url = aura.url(f"{question.url(row)}?{query}", question.listener)
    with urllib.request.urlopen(url, timeout=120) as answer:
        body, cost = answer.read(), answer.headers.get("Aura-Cost")
    took = (time.monotonic() - began) * 1e3
    # Jaeger's API tells no cost: nothing is known of the engine's part in it.
    told = {"cost": json.loads(cost)} if cost else {}
    return took, {"cost": {}} | json.loads(body) | told


def measure(aura: Hatched, question: Question, rows: Sequence[Row], end_ns: int) -> Times:
    """Ask about each of these records."""
    times = Times()
    for at, row in enumerate(rows):
        aura.forget()
        before = aura.cpu_s()
        took, answer = ask(aura, question, row, end_ns)
        times.cpu.append((aura.cpu_s() - before) * 1e3)
        times.cold.append(took)
        times.rows.append(answer["cost"].get("rows", 0))
        lists = (answer[name] for name in LISTS if name in answer)
        times.found.append(len(next(lists, [])))
        took, answer = ask(aura, question, row, end_ns)
        times.warm.append(took)
        if "engine_ms" in answer["cost"]:
            times.over.append(took - answer["cost"]["engine_ms"])
        if at >= SQL_EACH:
            continue
        aura.forget()
        _, clock_s, cpu_s = aura.sql_s(question.sql(row))
        times.sql.append(clock_s * 1e3)
        times.sql_cpu.append(cpu_s * 1e3)
    return times


def p95(times: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


def line(question: Question, times: Times) -> str:
    """Return the question's line of the table."""
    bound = f"{question.bound_ms}" if question.bound_ms else f"{question.ratio} x"
    ratio = median(times.cpu) / max(0.1, median(times.sql_cpu))
    return (
        f"{question.name:30}{bound:>6}{median(times.cold):9.0f}{p95(times.cold):7.0f}"
        f"{median(times.cpu):7.0f}{median(times.warm):8.0f}{p95(times.warm):6.0f}"
        f"{median(times.sql):8.0f}{p95(times.sql):6.0f}{median(times.sql_cpu):6.0f}{ratio:7.2f}"
        f"{median(times.rows) / 1e3:9.0f}{median(times.found):6.0f}"
    )


HEAD: Final = (
    f"{'':30}{'bound':>6}{'cold p50':>9}{'p95':>7}{'cpu':>7}{'warm p50':>8}{'p95':>6}"
    f"{'sql p50':>8}{'p95':>6}{'cpu':>6}{'ratio':>7}{'k rows':>9}{'found':>6}"
)


def filled(folder: Path, records: int) -> Shop:
    """Fill the folder in a process of its own, so that this one holds no engine."""
    words = [sys.executable, "-m", "tests.bench.stock", str(folder), str(records)]
    subprocess.run(words, cwd=ROOT, check=True)
    return shop(folder, records)


def quiet(aura: Hatched) -> bool:
    """Tell whether nothing merges."""
    return not aura.sql_s("SELECT count() AS n FROM system.merges")[0][0][0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "shop")
    parser.add_argument("--each", type=int, default=15, help="questions of each kind")
    parser.add_argument("--only", default="", help="kinds whose names have this")
    options = parser.parse_args()
    folder = options.folder.resolve()
    found = filled(folder, options.records)
    middle = found.blocks // 2
    spans, logs = (
        list(samples(found.block(signal, middle)[0], options.each))
        for signal in (Signal.TRACES, Signal.LOGS)
    )
    over: list[float] = []
    with Hatched(folder, **SETTINGS) as aura:
        poll(lambda: quiet(aura), 600, "merges are done")
        print(f"{options.records:,} spans and as many logs; {options.each} questions of a kind")
        print(HEAD)
        every = ((QUESTIONS, spans), (LOG_QUESTIONS, logs), (JAEGER_QUESTIONS, spans))
        for questions, rows in every:
            for question in questions:
                if options.only in question.name:
                    ask(aura, question, rows[0], found.end_ns)
                    few = rows[: 3 if question.ratio else None]
                    times = measure(aura, question, few, found.end_ns)
                    print(line(question, times), flush=True)
                    over += [] if question.ratio else times.over
        if over:
            print(f"over the engine's own time, warm: {median(over):.0f} p95 {p95(over):.0f} ms")


if __name__ == "__main__":
    main()
