"""What was measured, for people: tables, each stage's share as bars, and the ratios to reach."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from pipeline.signal import Signal
from tests.bench.path import Path, Receiving
from tests.bench.stages import Stages

WHOLE_MAX = {Signal.TRACES: 1.6, Signal.LOGS: 1.6, Signal.METRICS: 2.0}
DECODE_MAX, BEFORE_MAX_S, ROTEL_MAX, LOAD_MAX, STORED_MAX, PEAK_MIB_MAX = (
    0.8,
    2.5,
    0.8,
    11,
    1.2,
    1024,
)
WIDTH = 120
CASE = (512, False)
"""Of the table of receiving: size and gzip of the requests that the whole path is sent."""


@dataclass(frozen=True)
class Ratio:
    """A figure beside the largest that it may be."""

    name: str
    found: float
    most: float


def ratios(
    stages: Mapping[Signal, Stages],
    paths: Sequence[Path],
    received: Sequence[Receiving],
    peak_mib: float | None,
) -> Iterator[Ratio]:
    """Yield what there is a bound for, of what was measured."""
    for signal, one in stages.items():
        yield Ratio(f"{signal}: decode / protobuf's parse", one.ratio, DECODE_MAX)
    for path in paths:
        name = path.signal
        yield Ratio(
            f"{name}: whole path / bare insert", path.all.whole / path.floor, WHOLE_MAX[name]
        )
        more = 10 * path.all.whole / path.first.whole
        yield Ratio(f"{name}: 10 x the load / the load", more, LOAD_MAX)
        stored = path.later.whole / path.first.whole
        yield Ratio(f"{name}: with 10 x the data stored, a record", stored, STORED_MAX)
    for case in received:
        if case.signal is Signal.TRACES and (case.size, case.gzip) == CASE:
            yield Ratio("traces: s/M before the store", case.aura, BEFORE_MAX_S)
            if "rotel" in case.peers:
                beside = case.aura / case.peers["rotel"]
                yield Ratio("traces: before the store / Rotel's receiving", beside, ROTEL_MAX)
    if peak_mib is not None:
        yield Ratio("peak MiB at saturation", peak_mib, PEAK_MIB_MAX)


def table_of_paths(paths: Sequence[Path]) -> Table:
    """Return the whole path beside the bare inserts."""
    table = _table("whole path, CPU-s per million records, all processes", "signal", "records")
    blocks = list(dict.fromkeys(block for path in paths for block in path.bare))
    names = ["aura", "nats", "whole", *(f"bare {int(block) // 1000}k" for block in blocks)]
    for name in (*names, "first 10 %", "later 10 %", "peak MiB"):
        table.add_column(name, justify="right")
    for path in paths:
        used = [path.all.aura, path.all.nats, path.all.whole]
        used += [path.bare.get(block, float("nan")) for block in blocks]
        used += [path.first.whole, path.later.whole]
        cells = [f"{value:.2f}" for value in used]
        table.add_row(path.signal, f"{path.records:,}", *cells, f"{path.peak_mib:.0f}")
    return table


def table_of_receiving(received: Sequence[Receiving]) -> Table:
    """Return what comes before the store beside the peers' receiving."""
    table = _table("before the store, CPU-s per million records", "signal", "records a request")
    names = list(dict.fromkeys(name for case in received for name in case.peers))
    for name in ("gzip", "aura", "of it nats", *names):
        table.add_column(name, justify="right")
    for case in received:
        figures = [case.aura, case.nats, *(case.peers[name] for name in names)]
        cells = [f"{value:.2f}" for value in figures]
        table.add_row(case.signal, str(case.size), "yes" if case.gzip else "no", *cells)
    return table


def table_of_shares(
    stages: Mapping[Signal, Stages], paths: Sequence[Path], received: Sequence[Receiving]
) -> Table:
    """Return each stage's share of the whole path."""
    table = _table("where it goes, CPU-s per million records", "signal", "stage")
    table.add_column("s", justify="right")
    table.add_column("", min_width=40)
    before = {one.signal: one for one in received if (one.size, one.gzip) == CASE}
    for path in paths:
        shares = shares_of(path, stages[path.signal], before[path.signal])
        for stage, spent in shares.items():
            bar = Bar(path.all.whole, 0, max(0.0, spent), width=40)
            table.add_row(path.signal, stage, f"{spent:.2f}", bar)
        table.add_section()
    return table


def shares_of(path: Path, alone: Stages, before: Receiving) -> dict[str, float]:
    """Return CPU-seconds per million records by stage; the rest of each part by subtraction."""
    codec = alone.validate + alone.decode + alone.pack + alone.unpack
    return {
        "receive, join, publish, fetch": before.aura - before.nats - codec,
        "validate": alone.validate,
        "zstd": alone.pack + alone.unpack,
        "nats-server": before.nats,
        "decode": alone.decode,
        "derive, insert": path.all.whole - before.aura - path.all.merges,
        "merges": path.all.merges,
    }


def table_of_ratios(found: Sequence[Ratio]) -> Table:
    """Return the ratios beside their bounds."""
    table = _table("to reach", "", "found")
    for name in ("at most", ""):
        table.add_column(name, justify="right")
    for one in found:
        mark = "[green]yes[/]" if one.found <= one.most else "[red]no[/]"
        table.add_row(one.name, f"{one.found:.2f}", f"{one.most:g}", mark)
    return table


def show(*tables: Table) -> None:
    """Print tables; where nobody looks at a terminal they are as wide as they need."""
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    for table in tables:
        console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    for name in columns:
        table.add_column(name)
    return table
