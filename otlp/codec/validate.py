"""The door's check: which records of a request are good, cut to pieces that the bus takes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from otlp.codec._native import check
from otlp.codec.pieces import Piece, join, pack, take_apart
from otlp.codec.request import NUMBERS, UNCLEAR, canonical, parse
from otlp.codec.rules import RULES
from pipeline.errors import Rejected
from pipeline.signal import Signal

NOUNS: Final[Mapping[Signal, tuple[str, str]]] = {
    Signal.TRACES: ("span", "spans"),
    Signal.LOGS: ("log record", "log records"),
    Signal.METRICS: ("data point", "data points"),
}
"""What is counted, one and many."""


@dataclass(frozen=True, slots=True)
class Part:
    """An Export…ServiceRequest of `records` valid records, at least one."""

    payload: bytes
    records: int


@dataclass(frozen=True, slots=True)
class Checked:
    """
    What became of a request: its valid records in their order, and the count of the others.

    `reasons` counts the refused records by the rule that they broke; its texts are those of
    `rules.py` and the two about the size, so that they are few. `message` is for partial_success.
    """

    parts: tuple[Part, ...]
    accepted: int
    refused: int
    reasons: Mapping[str, int]
    message: str


def validate(signal: Signal, payload: bytes, bytes_max: int) -> Checked:
    """
    Check a request record by record.

    A request without fault of at most `bytes_max` passes through as the same bytes object. From any
    other the refused records are cut out, and what is left is split at record borders, each part
    with the resource, the scope and the metric of its records; unknown fields stay.

    A record that does not fit into `bytes_max` by itself is refused; so is, where a request has to
    be split, one whose envelope takes more than half of it (repeating such an envelope for each few
    records would turn one large request into a thousand).

    Raises Rejected when the payload is no request at all.
    """
    records, refused = _verdicts(signal, payload)
    reasons = Counter({RULES[rule]: count for rule, count in Counter(refused).items() if rule})
    parts: tuple[Part, ...] = ()
    if records and not refused and len(payload) <= bytes_max:
        parts = (Part(payload, records),)
    elif records > reasons.total():
        pieces = take_apart(signal, parse(signal, payload))
        rules = refused or bytes(records)
        valid = [piece for piece, rule in zip(pieces, rules, strict=True) if not rule]
        parts = tuple(_parts(valid, bytes_max, reasons))
    accepted = sum(part.records for part in parts)
    return Checked(
        parts, accepted, records - accepted, dict(reasons), _message(NOUNS[signal], reasons)
    )


def _verdicts(signal: Signal, payload: bytes) -> tuple[int, bytes]:
    """Return how many records there are and, unless all are valid, the rule that each breaks."""
    found = check(NUMBERS[signal], payload)
    if found is None:
        found = check(NUMBERS[signal], canonical(signal, payload))
    if found is None:
        raise Rejected(UNCLEAR)
    return found


def _parts(pieces: Sequence[Piece], bytes_max: int, reasons: Counter[str]) -> Iterator[Part]:
    whole = join(pieces)
    if len(whole) <= bytes_max:
        yield Part(whole, len(pieces))
        return
    fit = []
    for piece in pieces:
        if piece.overhead > bytes_max // 2 and len(pieces) > 1:
            reasons[f"resource, scope and metric must take at most {bytes_max // 2} bytes"] += 1
        else:
            fit.append(piece)
    for run in pack(fit, bytes_max):
        payload = join(run)
        if len(payload) <= bytes_max:
            yield Part(payload, len(run))
        else:
            reasons[
                f"a record with its resource and scope must take at most {bytes_max} bytes"
            ] += 1


def _message(nouns: tuple[str, str], reasons: Counter[str]) -> str:
    total = reasons.total()
    if not total:
        return ""
    listed = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
    return f"{total} {nouns[total > 1]} refused: {listed}"
