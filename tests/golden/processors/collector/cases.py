"""Write the inputs that the Collector answers: cases.json."""

import json
import random
from pathlib import Path
from typing import Any

RANDOM = random.Random(20)
ACTIONS: list[list[dict[str, Any]]] = [
    [{"key": "new", "action": "insert", "value": 2245}],
    [{"key": "a", "action": "insert", "value": "never"}],
    [{"key": "a", "action": "update", "value": True}],
    [{"key": "none", "action": "update", "value": True}],
    [{"key": "a", "action": "UPSERT", "value": 1.5}, {"key": "z", "action": "upsert", "value": ""}],
    [{"key": "copy", "action": "insert", "from_attribute": "a"}],
    [{"key": "b", "action": "update", "from_attribute": "a"}],
    [{"key": "b", "action": "upsert", "from_attribute": "n", "default_value": "fallback"}],
    [{"key": "a", "action": "delete"}],
    [{"pattern": "^[ab]$", "action": "delete"}],
    [{"key": "a", "action": "hash"}],
    [{"pattern": "^[a-z]$", "action": "hash"}],
    [{"key": "a", "action": "convert", "converted_type": "int"}],
    [{"key": "a", "action": "convert", "converted_type": "double"}],
    [{"key": "a", "action": "convert", "converted_type": "string"}],
    [{"key": "a", "action": "extract", "pattern": r"^(?P<host>[^:/]+)(?::(?P<port>\d+))?$"}],
    [{"key": "a", "action": "extract", "pattern": r"(?P<b>\w)(?P<second>\w?)"}],
    [
        {"key": "a", "action": "upsert", "from_attribute": "b"},
        {"key": "b", "action": "delete"},
        {"key": "b", "action": "upsert", "value": "again"},
        {"key": "b", "action": "hash"},
    ],
]
STRINGS = [
    "", "x", "example.com", "example.com:80", "12", "-7", "+8", "007", " 9", "1_0", "1e3", "0x1p-2",
    "9223372036854775807", "9223372036854775808", "1.", ".5", "1e999", "inf", "-Infinity", "nan",
    "+nan", "0x10", "1.5e-3", "é\n€", "٣",
]  # fmt: skip
DOUBLES = [
    0.0, -0.0, 1.0, -1.5, 0.1, 123456789.0, 1e15, 1e16, 1.5e17, 123456789012345680000.0, 1e20, 1e21,
    1.25e22, 1e300, 1e-4, 1e-5, 1.5e-6, 1e-6, 9.9e-7, 1e-7, 1e-10, 5e-324, 2.5e18, -4e-5,
]  # fmt: skip


def values() -> list[tuple[int, str]]:
    ints = [0, 1, -5, 2**63 - 1, -(2**63)]
    return [
        *((1, text) for text in STRINGS),
        *((2, text) for text in ("true", "false")),
        *((3, str(number)) for number in ints),
        *((4, repr(number)) for number in DOUBLES if abs(number) < 2**63),
        (7, "aGk="),
        (7, ""),
        (0, ""),
    ]


def attributes() -> list[dict[str, Any]]:
    large = [(4, repr(number)) for number in DOUBLES if abs(number) >= 2**63]
    cases = []
    for actions in ACTIONS:
        # What Go makes of doubles beyond an int64 depends on the processor.
        some = values() + ([] if actions[0].get("converted_type") == "int" else large)
        records = [[["a", *one]] for one in some]
        records += [[["b", 1, "B"], ["a", *one], ["n", 3, "4"]] for one in some[::5]]
        records += [[["b", 2, "true"]], []]
        # The Collector's deletion moves the last attribute up, so one that comes after is enough.
        cases.append({"actions": actions, "records": records})
    return cases


CONFIGS = [
    {"sampling_percentage": 15},
    {"sampling_percentage": 15.3, "hash_seed": 22},
    {"sampling_percentage": 0.0062, "hash_seed": 4294967295},
    {"sampling_percentage": 50, "hash_seed": 1, "fail_closed": False},
    {"sampling_percentage": 100},
    {"sampling_percentage": 0},
    {"sampling_percentage": 250, "mode": "proportional"},
    {"sampling_percentage": 25, "mode": "proportional"},
    {"sampling_percentage": 33.3, "mode": "proportional", "fail_closed": False},
    {"sampling_percentage": 70, "mode": "proportional", "sampling_precision": 1},
    {"sampling_percentage": 99.99, "mode": "proportional", "sampling_precision": 14},
    {"sampling_percentage": 50, "mode": "equalizing"},
    {"sampling_percentage": 12.7, "mode": "equalizing", "sampling_precision": 2},
    {"sampling_percentage": 60, "mode": "equalizing", "fail_closed": False},
]
LOG_CONFIGS = [
    {"sampling_percentage": 40, "from_attribute": "id"},
    {"sampling_percentage": 40, "from_attribute": "id", "attribute_source": "record"},
    {"sampling_percentage": 40, "from_attribute": "id", "fail_closed": False, "hash_seed": 7},
    {"sampling_percentage": 10, "sampling_priority": "priority"},
    {"sampling_percentage": 10, "sampling_priority": "priority", "mode": "equalizing"},
    {"sampling_percentage": 20, "sampling_priority": "priority", "mode": "proportional",
     "fail_closed": False},
]  # fmt: skip
STATES = [
    "", "", "", "", "", "", "vendor=1", "a=b, c=d ,", "ot=th:8", "ot=th:c", "ot=th:0",
    "ot=th:fd70a",
    "ot=rv:9b8233f7e3a151", "ot=rv:0b8233f7e3a151;th:8", "ot=th:8;rv:FB8233f7e3a151;x:y,v=1",
    "v=1,ot=x:1", "ot=th:zz", "ot=rv:12", "ot=", "ot=th:8;", "=x", "Upper=1",
    "ot=th:123456789abcdef",
    "t@s=1", "t@=1", "a=b\tc", "x=" + "y" * 300, "ot=th:80,ot=rv:ffffffffffffff", "ot=th:4,ot=y:1",
    ",".join(f"k{i}=1" for i in range(31)), ",".join(f"k{i}=1" for i in range(32)), "a=é",
]  # fmt: skip
PRIORITIES = [None] * 6 + [
    (3, "0"), (3, "1"), (3, "-1"), (4, "0.0"), (4, "0.5"), (1, "0"), (1, "2"), (1, "x"),
    (2, "true"),
]  # fmt: skip
# 0 and more than 100 are left out: the Collector's code does not do what its documentation says.
LOG_PRIORITIES = [None] * 3 + [(3, "1"), (3, "30"), (4, "66.6"), (3, "100"), (1, "5"), (3, "-4")]


def record(number: int, signal: str) -> dict[str, Any]:
    trace_id = RANDOM.randbytes(16).hex() if RANDOM.random() < 0.9 else "00" * 16
    made: dict[str, Any] = {
        "number": number,
        "trace_id": trace_id,
        "trace_state": "",
        "attributes": [["a", 1, "b"]],
    }
    if signal == "traces":
        made["trace_state"] = RANDOM.choice(STATES)
        if priority := RANDOM.choice(PRIORITIES):
            made["attributes"].append(["sampling.priority", *priority])
        return made
    if RANDOM.random() < 0.7:
        some = [(1, RANDOM.randbytes(6).hex()), (3, str(number)), (4, repr(number / 2)), (1, ""),
                (7, "aGk="), (2, "true")]  # fmt: skip
        made["attributes"].append(["id", *RANDOM.choice(some)])
    if priority := RANDOM.choice(LOG_PRIORITIES):
        made["attributes"].append(["priority", *priority])
    for key, choices in (
        ("sampling.threshold", ["8", "c", "0", "fd70a", "", "xyz", "123456789abcdef01"]),
        ("sampling.randomness", ["9b8233f7e3a151", "FB8233F7E3A151", "12", ""]),
    ):
        if RANDOM.random() < 0.25:
            made["attributes"].append([key, 1, RANDOM.choice(choices)])
    return made


def sampler() -> list[dict[str, Any]]:
    made = []
    for signal, configs in (("traces", CONFIGS), ("logs", CONFIGS + LOG_CONFIGS)):
        for config in configs:
            records = [record(number, signal) for number in range(60)]
            made.append({"signal": signal, "config": config, "records": records})
    return made


REDACTIONS: list[dict[str, Any]] = [
    {"allow_all_keys": True, "blocked_values": ["4[0-9]{12}(?:[0-9]{3})?", "(5[1-5][0-9]{14})"]},
    {"allow_all_keys": True, "blocked_values": ["^[a-z]+", r"\\d+$", r"\\b"]},
    {"allow_all_keys": True, "blocked_values": ["x*"]},
    {"allow_all_keys": True, "blocked_values": [r"\\d"], "hash_function": "md5"},
    {"allow_all_keys": True, "blocked_values": ["[^ ]+"], "hash_function": "sha1"},
    {"allow_all_keys": True, "blocked_values": ["secret.*"], "hash_function": "sha3"},
    {"allow_all_keys": True, "blocked_values": ["s[a-z]+t"], "hash_function": "hmac-sha256",
     "hmac_key": "k" * 32},
    {"allow_all_keys": True, "blocked_values": ["s[a-z]+t"], "hash_function": "HMAC-SHA512",
     "hmac_key": "é" * 32},
    {"allow_all_keys": True, "blocked_key_patterns": ["pass", "(?i)token$"]},
    {"allow_all_keys": True, "blocked_key_patterns": ["pass", "n"], "hash_function": "sha1"},
    {"allow_all_keys": True, "blocked_key_patterns": ["n", "pass"], "redact_all_types": True,
     "hash_function": "md5"},
    {"allow_all_keys": True, "blocked_values": ["1", "true", "e"], "redact_all_types": True},
    {"allow_all_keys": True, "blocked_values": ["secret"], "masking_string": "\\\\0<gone>"},
    {"allow_all_keys": True, "blocked_values": ["[a-z]+"], "allowed_values": ["^keep", "card$"],
     "blocked_key_patterns": ["pass"]},
    {"allow_all_keys": True, "blocked_values": ["."], "ignored_keys": ["a", "none"],
     "ignored_key_patterns": ["^pass"]},
    {"allowed_keys": ["a", "n"], "ignored_keys": ["password"], "blocked_values": ["secret"]},
    {"allowed_keys": ["a", "password"], "blocked_key_patterns": ["pass"], "summary": "silent"},
    {},
]  # fmt: skip
SECRETS = [
    "", "x", "secret", "a secret sits here", "4111111111111111",
    "4111111111111111,5500000000000004",
    "5500000000000004 5500000000000004", "two\nlines\n", "\n\nsecret\n", "é secret €",
    "keep secret",
    "no card", "\x00\x01secret\x00", "12 34", "xxyxx", "\\\\0", "true", "Token", "\x01 4\x01",
]  # fmt: skip


def redactions() -> list[dict[str, Any]]:
    some = [
        *((1, text) for text in SECRETS),
        (2, "true"),
        (3, "11"),
        (4, "1.5"),
        (7, "aGk="),
        (0, ""),
    ]
    made = []
    for config in REDACTIONS:
        records = [
            {"attributes": [["a", *one], ["password", *some[-1 - at]], ["n", 3, "1"],
                            ["api.TOKEN", 1, "t"]], "body": list(one)}
            for at, one in enumerate(some)
        ]  # fmt: skip
        bodies: list[Any] = [
            {"a": "secret", "password": "pw", "n": 1, "deep": {"a": "4111111111111111", "n": 11}},
            {"a": {"password": 5, "b": "secret"}, "n": ["secret", 1, True, {"a": "x", "c": 1}]},
            ["secret", "keep", ["4111111111111111"], {"password": "p", "a": "e"}],
        ]
        records += [{"attributes": [], "body": [8, json.dumps(body)]} for body in bodies]
        made.append({"config": config, "records": records})
    return made


if __name__ == "__main__":
    text = json.dumps({"attributes": attributes(), "sampler": sampler(), "redaction": redactions()})
    Path(__file__).with_name("cases.json").write_text(text)
