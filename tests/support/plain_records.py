"""
Bodies of plain JSON: usual ones, and ones that are odd or wrong in some place.

All of it is made of a `Random`, so that a failing case is repeated by its seed.
"""

import json
from random import Random
from typing import Any

from otlp.codec.vocabulary import LEVELS, NAMES
from pipeline.signal import Signal

TEXTS = ("", "a", "é😀", 'say "hi"\n\t\\', "x" * 40, "\u2028\x7f\x00", "/v1/logs")
IDS = {"trace_id": 32, "span_id": 16, "parent_span_id": 16}
INSTANTS = (
    "2023-11-14T22:13:20Z", "2023-11-14t22:13:20.123456789123z", "1970-01-01T00:00:00+00:00",
    "2024-02-29 23:59:59,5 +05:30", "2553-12-31T23:59:59.999-0000", "2000-03-01T00:00:00",
    1_700_000_000, 1_700_000_000.1234567, 1_700_000_000_123, 1_700_000_000_123_456, 5,
    1_700_000_000_123_456_789, "1700000000", "1700000000.5", 18_446_744_073, 10**11, 10**17, 0,
    1e11, 1.7e18, 1e-9, 0.1, 2**63 - 1,
)  # fmt: skip
"""Times that are read natively."""

ODD_INSTANTS = (
    "2023-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "2023-00-10T00:00:00Z",
    "2023-11-31T00:00:00Z", "2023-11-14T24:00:00Z", "2023-11-14T22:60:00Z", "2023-11-14T22:13:60Z",
    "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "9999-01-01T00:00:00Z", " 1700000000 ",
    "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+24:00", "2023-11-14T22:13:20+05:60", "yesterday",
    "2023-11-14T22:13:20 ", "2023-11-14", "20231114T221320Z", -1, -0.0, 1e300, "0" * 25, "1.", [],
    "123456789012345678.123456789", 2**64, 10**11 - 1, "2023-11-14T22:13:20+","0000-01-01T00:00:00",
)  # fmt: skip
DURATIONS = ("12.5ms", "3 us", "1ns", "0.000000001s", "2m", "1.5h", "0s", "1234567.25 ms")
ODD_DURATIONS = ("5", "1 d", "3µs", " 1s", "1  s", "99999999999h", 12, None, ".5s", "-1s")
ODD = (None, True, [], {}, -1, 2**70, -(2**63), 25, 1.5, "?", "İNFO", "info ", " ", "a_", 1e300)


class Sender:
    """Writes records of plain JSON; with `oddly` some values are none that are read natively."""

    def __init__(self, random: Random, signal: Signal, *, oddly: bool = False) -> None:
        self.random = random
        self.pick = random.choice
        self.signal = signal
        self.oddly = oddly

    def one_in(self, times: int) -> bool:
        return self.random.randrange(times) == 0

    def body(self) -> bytes:
        """Return an object, an array, objects in a row, or objects and arrays."""
        records = [self.record() for _ in range(self.random.randint(1, 6))]
        way = self.random.randrange(4)
        if way == 0:
            return self.dumped(records[0]).encode()
        if way == 1:
            return self.dumped(records).encode()
        lines = [self.dumped(record if way == 2 else [record, *records[:1]]) for record in records]
        return self.pick(("\n", "\r\n", "", " \t")).join(lines).encode()

    def dumped(self, content: Any) -> str:
        separators = self.pick(((",", ":"), (", ", ": ")))
        return json.dumps(content, ensure_ascii=self.one_in(2), separators=separators)

    def record(self) -> dict[str, Any]:
        names = NAMES[self.signal]
        roles = [
            (spelling, role)
            for role, spellings in names.items()
            for spelling in spellings
            if self.one_in(len(spellings) + 1) and (role != "export" or self.one_in(3))
            if self.oddly or role != "export"
        ]
        # Without these there is no span and no point.
        needed = [role for role in ("name", "value", *IDS) if role in names]
        roles += [(names[role][0], role) for role in needed if not (self.oddly and self.one_in(4))]
        members = [(spelling, self.value(role)) for spelling, role in roles]
        members += [(self.pick((*TEXTS, "k", "http.status")), self.any(2)) for _ in range(2)]
        self.random.shuffle(members)
        # Escapes in keys, but for a few, are left to Python.
        plainly = {key: value for key, value in members if self.oddly or key.isascii()}
        return {key: value for key, value in plainly.items() if json.dumps(key) == f'"{key}"'}

    def value(self, role: str) -> Any:
        if self.oddly and self.one_in(8):
            return self.pick((*ODD, *ODD_INSTANTS, *ODD_DURATIONS))
        if role in IDS:
            return self.identifier(IDS[role])
        if role in {"resource", "attributes"}:
            return {key: self.any(2) for key in self.random.sample(("a", "b", "service.name"), 2)}
        return self.pick(self.usual(role))

    def usual(self, role: str) -> tuple[Any, ...]:
        """Return values that a role has."""
        if role in {"time", "start", "end"}:
            return INSTANTS
        return {
            "duration": DURATIONS,
            "duration_ms": (0, 12, 0.25, "7.5", 1e-7),
            "level": (*LEVELS, "warn", "Loud", "x" * 50, 0, 9, 24),
            "severity_number": (0, 1, 24),
            "kind": ("server", "SPAN_KIND_CLIENT", "Internal", 0, 5),
            "status": ("ok", "STATUS_CODE_ERROR", 0, 2),
            "type": ("gauge", "counter", "sum", 0, 1, 2),
            "temporality": ("delta", "AGGREGATION_TEMPORALITY_CUMULATIVE", 0),
            "value": (0, -5, 2**63 - 1, -(2**63), 1.5, -0.0, 1e22, 5e-324),
            "name": ("GET /", "é", "\n"),
            "message": (*TEXTS, 5, 1.5, True, [1, None, {"a": {}}], {"k": "v"}),
        }.get(role, TEXTS)

    def identifier(self, digits: int) -> str:
        found = f"{self.random.getrandbits(4 * digits - 4) + 1:0{digits}x}"
        if self.one_in(4):
            found = found.upper()
        return f"{found[:8]}-{found[8:]}" if self.one_in(4) else found

    def any(self, depth: int) -> Any:
        if depth and self.one_in(4):
            return [self.any(depth - 1) for _ in range(self.random.randrange(3))]
        if depth and self.one_in(4):
            return {key: self.any(depth - 1) for key in self.random.sample(("a", "b", "ccc"), 2)}
        return self.pick((*TEXTS, None, True, False, 0, -5, 2**63 - 1, 1.5, -0.0, 1e22, 0.1))
