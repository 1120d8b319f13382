"""The door's check: which records of a request are good, cut to pieces that the bus takes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from otlp.codec._native import check
from otlp.codec.cuts import NOTHING, Allowance, Cut, Cuts
from otlp.codec.pieces import Piece, join, pack, take_apart
from otlp.codec.request import NUMBERS, UNCLEAR, canonical, parse
from otlp.codec.rules import ENVELOPE_BYTES, RECORD_BYTES, RULES, field_of
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
    `rules.py` and the two about the size, so that they are few. `message` is for partial_success,
    `cuts` are the first of the refused records.
    """

    parts: tuple[Part, ...]
    accepted: int
    refused: int
    reasons: Mapping[str, int]
    message: str
    cuts: Sequence[Cut] = ()


def validate(
    signal: Signal, payload: bytes, bytes_max: int, allowance: Allowance = NOTHING
) -> Checked:
    """
    Check a request record by record.

    A request without fault of at most `bytes_max` passes through as the same bytes object. From any
    other the refused records are cut out, and what is left is split at record borders, each part
    with the resource, the scope and the metric of its records; unknown fields stay.

    A record that does not fit into `bytes_max` by itself is refused; so is, where a request has to
    be split, one whose envelope takes more than half of it (repeating such an envelope for each few
    records would turn one large request into a thousand). Of the refused records as many are kept
    in `cuts` as the allowance says.

    Raises Rejected when the payload is no request at all.
    """
    records, refused = _verdicts(signal, payload)
    if not refused and len(payload) <= bytes_max:
        return Checked((Part(payload, records),) if records else (), records, 0, {}, "")
    reasons = Counter({RULES[rule]: count for rule, count in Counter(refused).items() if rule})
    cuts = Cuts(allowance)
    valid: list[Piece] = []
    if records > reasons.total() or not cuts.full:
        pieces = take_apart(signal, parse(signal, payload))
        valid = _valid(pieces, refused or bytes(records), records - reasons.total(), cuts)
    parts = tuple(_parts(valid, bytes_max, reasons, cuts)) if valid else ()
    accepted = sum(part.records for part in parts)
    message = _message(NOUNS[signal], reasons)
    return Checked(parts, accepted, records - accepted, dict(reasons), message, cuts.kept)


def _verdicts(signal: Signal, payload: bytes) -> tuple[int, bytes]:
    """Return how many records there are and, unless all are valid, the rule that each breaks."""
    found = check(NUMBERS[signal], payload)
    if found is None:
        found = check(NUMBERS[signal], canonical(signal, payload))
    if found is None:
        raise Rejected(UNCLEAR)
    return found


def _valid(pieces: Iterator[Piece], rules: bytes, number: int, cuts: Cuts) -> list[Piece]:
    """Return the `number` of pieces that break no rule, and keep the first others as cuts."""
    valid: list[Piece] = []
    for index, (piece, rule) in enumerate(zip(pieces, rules, strict=True)):
        if not rule:
            valid.append(piece)
        elif not cuts.full:
            reason = RULES[rule]
            cuts.add(reason, join([piece]), field=field_of(reason), index=index)
        elif not number:
            break
    return valid


def _parts(
    pieces: Sequence[Piece], bytes_max: int, reasons: Counter[str], cuts: Cuts
) -> Iterator[Part]:
    def refuse(reason: str, piece: Piece) -> None:
        reasons[reason] += 1
        if not cuts.full:
            cuts.add(reason, join([piece]))

    whole = join(pieces)
    if len(whole) <= bytes_max:
        yield Part(whole, len(pieces))
        return
    fit = []
    for piece in pieces:
        if piece.overhead > bytes_max // 2 and len(pieces) > 1:
            refuse(ENVELOPE_BYTES.format(bytes_max // 2), piece)
        else:
            fit.append(piece)
    for run in pack(fit, bytes_max):
        payload = join(run)
        if len(payload) <= bytes_max:
            yield Part(payload, len(run))
        else:
            refuse(RECORD_BYTES.format(bytes_max), run[0])


def _message(nouns: tuple[str, str], reasons: Counter[str]) -> str:
    total = reasons.total()
    if not total:
        return ""
    listed = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
    return f"{total} {nouns[total > 1]} refused: {listed}"
