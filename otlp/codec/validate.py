"""The door's check: which records of a request are good, cut to pieces that the bus takes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from otlp.codec.cuts import Cut, Cuts
from otlp.codec.pieces import Piece, join, pack, take_apart
from otlp.codec.request import parse
from otlp.codec.rules import verdicts
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
    `cuts` are the first of the refused records.
    """

    parts: tuple[Part, ...]
    accepted: int
    refused: int
    reasons: Mapping[str, int]
    message: str
    cuts: tuple[Cut, ...] = ()


def validate(signal: Signal, payload: bytes, bytes_max: int, kept_bytes_max: int = 0) -> Checked:
    """
    Check a request record by record.

    A request without fault of at most `bytes_max` passes through as the same bytes object. From any
    other the refused records are cut out, and what is left is split at record borders, each part
    with the resource, the scope and the metric of its records; unknown fields stay.

    A record that does not fit into `bytes_max` by itself is refused; so is, where a request has to
    be split, one whose envelope takes more than half of it (repeating such an envelope for each few
    records would turn one large request into a thousand). Of the refused records the first are kept
    in `cuts`, up to `kept_bytes_max`.

    Raises Rejected when the payload is no request at all.
    """
    request = parse(signal, payload)
    refused: dict[int, str] = {}
    records = 0
    for index, reason in enumerate(verdicts(signal, request)):
        records += 1
        if reason is not None:
            refused[index] = reason
    reasons = Counter(refused.values())
    parts: tuple[Part, ...] = ()
    if records and not refused and len(payload) <= bytes_max:
        parts = (Part(payload, records),)
        return Checked(parts, records, 0, {}, "")
    cuts = Cuts(kept_bytes_max, join)
    valid = []
    needed = len(refused) < records or not cuts.full
    for index, piece in enumerate(take_apart(signal, request) if needed else ()):
        reason = refused.get(index)
        if reason is None:
            valid.append(piece)
        elif not cuts.full:
            cuts.add(reason, piece, piece.size, index)
        elif len(refused) == records:
            break  # nothing is left to be found
    if valid:
        parts = tuple(_parts(valid, bytes_max, reasons, cuts))
    accepted = sum(part.records for part in parts)
    message = _message(NOUNS[signal], reasons)
    return Checked(
        parts, accepted, records - accepted, dict(reasons), message, cuts.finish(reasons)
    )


def _parts(
    pieces: Sequence[Piece], bytes_max: int, reasons: Counter[str], cuts: Cuts[Piece]
) -> Iterator[Part]:
    def refuse(reason: str, piece: Piece) -> None:
        reasons[reason] += 1
        cuts.add(reason, piece, piece.size)

    whole = join(pieces)
    if len(whole) <= bytes_max:
        yield Part(whole, len(pieces))
        return
    fit = []
    for piece in pieces:
        if piece.overhead > bytes_max // 2 and len(pieces) > 1:
            refuse(f"resource, scope and metric must take at most {bytes_max // 2} bytes", piece)
        else:
            fit.append(piece)
    for run in pack(fit, bytes_max):
        payload = join(run)
        if len(payload) <= bytes_max:
            yield Part(payload, len(run))
        else:
            refuse(
                f"a record with its resource and scope must take at most {bytes_max} bytes", run[0]
            )


def _message(nouns: tuple[str, str], reasons: Counter[str]) -> str:
    total = reasons.total()
    if not total:
        return ""
    listed = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
    return f"{total} {nouns[total > 1]} refused: {listed}"
