"""What a store holds, counted: records by label, and whether the ledger agrees with them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from pipeline.signal import Signal
from tests.support.aura_process import Aura
from tests.support.numbered import COUNTED, asking, counted

KINDS = ("received", "filtered", "sampled", "buried", "stored")


@dataclass(frozen=True)
class Entry:
    """A commit record."""

    signal: str
    partition: int
    epoch: int
    first: int
    last: int
    received: int
    filtered: int
    sampled: int
    buried: int
    stored: int


@dataclass(frozen=True)
class Count:
    """How often each label is stored, what the ledger says of it all, and where it is wrong."""

    labels: Counter[str]
    received: int
    filtered: int
    wrong: tuple[str, ...]
    recorded: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By signal: what its commit records say, in all, and as `rows` what its tables hold."""


def count(aura: Aura) -> Count:
    """Count all that is in the folder of an Aura that is down."""
    questions = asking()
    columns = ", ".join(f"arraySum(counts.{name})" for name in KINDS)
    order = "ORDER BY signal, partition, epoch, last"
    statements = [f"SELECT signal, partition, epoch, first, last, {columns} FROM commits {order}"]
    for signal in Signal:
        for table in COUNTED[signal]:
            newest = (
                "(SELECT partition, max((epoch, last)) AS newest FROM commits "
                f"WHERE signal = '{signal}' GROUP BY partition)"
            )
            statements.append(
                f"SELECT countIf((epoch, sequence) <= newest), countIf((epoch, sequence) > newest) "
                f"FROM {table} INNER JOIN {newest} AS c USING (partition)"
            )
    # Starting an engine costs more than all that it is asked here.
    answers = aura.sql(*questions, *statements)
    labels = counted(answers[: len(questions)])
    rows, *tables = answers[len(questions) :]
    entries = [Entry(*row) for row in rows]  # type: ignore[arg-type]
    committed: Counter[Signal] = Counter()
    names = [signal for signal in Signal for _ in COUNTED[signal]]
    for signal, ((below, _above),) in zip(names, tables, strict=True):
        committed[signal] += int(str(below))
    recorded = {
        signal.value: {
            **{kind: sum(getattr(one, kind) for one in entries if one.signal == signal)
               for kind in KINDS},
            "rows": committed[signal],
        }
        for signal in Signal
    }  # fmt: skip
    return Count(
        labels,
        sum(entry.received for entry in entries),
        sum(entry.filtered for entry in entries),
        tuple(_complaints(entries, committed)),
        recorded,
    )


def ledger(aura: Aura) -> Mapping[str, dict[str, int]]:
    """Return what `/v1/ledger` of a running Aura tells of all times, by signal."""
    answer = aura.ask("/v1/ledger", start="1970-01-01T00:00:00Z", end="2200-01-01T00:00:00Z")
    assert "warnings" not in answer, answer["warnings"]
    return {str(one["signal"]): one for one in answer["ledger"]}  # type: ignore[misc]


def unbalanced(told: Mapping[str, dict[str, int]], counted: Count) -> Iterator[str]:
    """Say where the ledger that was told does not balance, or is not what was counted."""
    for signal, numbers in told.items():
        kept = sum(numbers[kind] for kind in KINDS[1:]) + numbers["in_flight"]
        if numbers["received"] != kept or numbers["in_flight"] or numbers["refused"]:
            yield f"the ledger of {signal} does not balance: {numbers}"
        recorded = counted.recorded[signal]
        found = {kind: numbers[kind] for kind in KINDS}
        found["rows"] = numbers["stored"] - numbers["expired"]
        if found != recorded:
            yield f"the ledger of {signal} tells {found}, counted are {recorded}"


def _complaints(entries: list[Entry], committed: Counter[Signal]) -> list[str]:
    found = []
    for entry in entries:
        kept = entry.filtered + entry.sampled + entry.buried + entry.stored
        if entry.received != kept:
            found.append(f"received {entry.received}, kept {kept}: {entry}")
        if entry.buried:
            found.append(f"buried: {entry}")
        if entry.epoch != 1:
            found.append(f"a log was taken for another: {entry}")
    for before, after in pairwise(entries):
        same = (before.signal, before.partition) == (after.signal, after.partition)
        if same and after.first != before.last + 1:
            found.append(f"a hole or an overlap: {before}, {after}")
    for signal in Signal:
        said = sum(entry.stored for entry in entries if entry.signal == signal)
        if said != committed[signal]:
            found.append(f"{signal}: {said} stored by the ledger, {committed[signal]} rows")
    return found
