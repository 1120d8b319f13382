"""Questions by a seed: from the grammar of the language, and then broken."""

from collections.abc import Callable
from random import Random
from urllib.parse import quote, quote_plus

from tests.fuzz import chance as odd
from tests.fuzz.surface import ATTRIBUTES, FIELDS, OPERATORS, SIGNALS, WORDS

VALUES = (
    "ERROR", "info", "ok", "true", "false", "7", "-1.5e3", "500ms", "1m30s", "gauge", "delta",
    "server", '"a b"', "'x'", "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "/healthz",
    "1e999", "9" * 40, '""', '"\\u0041"', '"\\ud800"', "99999999999999999h", "null",
)  # fmt: skip
TIMES = (
    "", "0", "now", "now-15m", "now+1h", "now-99999999d", "now-1", "1790000000", "1790000000.5",
    "1790000000000000000", "2026-09-21T10:00:00Z", "2026-09-21T10:00:00.123456789+02:00", "-1",
    "2026-13-01T00:00:00Z", "9999-12-31T23:59:59Z", "1e9", "9" * 30, "0.0000000001", "٣", "nan",
    "2262-04-11T23:47:16.854775807Z", "0001-01-01T00:00:00Z", "2026-09-21T10:00:00+99:99",
)  # fmt: skip
FUNCTIONS = (
    "count", "count_distinct", "sum", "avg", "min", "max", "p50", "p99.9", "rate", "median",
)  # fmt: skip
LIMITS = ("", "1", "7", "10000", "10001", "0", "-1", "1.5", "1_0", "٣", "9" * 40, "x", " 5 ")


def condition(chance: Random, signal: str, depth: int) -> str:
    """Return a text of the language; most are valid."""
    draw = chance.random()
    if depth and draw < 0.35:
        joint = chance.choice((" AND ", " OR ", " and ", "\nor\t"))
        parts = (condition(chance, signal, depth - 1) for _ in range(chance.randint(2, 4)))
        return joint.join(parts)
    if depth and draw < 0.5:
        return f"NOT {condition(chance, signal, depth - 1)}"
    if depth and draw < 0.65:
        return f"({condition(chance, signal, depth - 1)})"
    field = chance.choice(FIELDS[signal] + ATTRIBUTES)
    return f"{field}{chance.choice(OPERATORS)}{_value(chance)}"


def _value(chance: Random) -> str:
    if chance.random() < 0.8:
        return chance.choice(VALUES)
    return f'"{odd.text(chance)}"' if chance.random() < 0.5 else str(odd.integer(chance))


def stage(chance: Random, signal: str) -> str:
    """Return a stage; most are valid."""

    def name() -> str:
        return chance.choice((*FIELDS[signal], *ATTRIBUTES, "count", "x", "time"))

    def some(of: Callable[[], str], most: int = 3) -> str:
        return ", ".join(of() for _ in range(chance.randint(1, most)))

    def call() -> str:
        where = condition(chance, signal, 1)
        of = chance.choice((name(), f"{name()}, {where}", where, ""))
        named = chance.choice(("", "", " as x", " as `odd name`"))
        return f"{chance.choice(FUNCTIONS)}({of}){named}"

    def key() -> str:
        return chance.choice((name(), "bucket(1m)", f"{name()} as y"))

    return chance.choice(
        (
            f"stats {some(call)} by {some(key)}",
            f"stats {some(call)}",
            f"where {condition(chance, signal, 1)}",
            f"sort {some(lambda: chance.choice(('', '-')) + name())}",
            f"fields {some(name)}",
            f"top {chance.choice(('', '3 '))}{some(name)}",
            f"limit {chance.choice(LIMITS)}",
            f"{chance.choice(('json', 'logfmt'))} {some(name)}",
            chance.choice(('regex "(?P<x>a+)(?P<y>.)?"', f'regex "{odd.text(chance, 9)}"', "json")),
        )
    )


def path(chance: Random, signal: str) -> str:
    """Return a question about whole traces; of other signals a mistake."""
    spans = [f"{{{condition(chance, signal, 1)}}}" for _ in range(chance.randint(1, 4))]
    asked = spans[0] + "".join(chance.choice((" > ", " >> ", " ")) + one for one in spans[1:])
    return asked + chance.choice(("", " spans>1", " AND errors=0", " OR NOT root.name=x"))


def query(chance: Random, signal: str) -> str:
    """Return a query: of the grammar, such a one with damage, or a heap of its tokens."""
    draw = chance.random()
    if draw < 0.25:
        return condition(chance, signal, chance.randint(0, 4))
    if draw < 0.45:
        stages = (stage(chance, signal) for _ in range(chance.randint(1, 4)))
        return " | ".join([chance.choice(("", condition(chance, signal, 1))), *stages])
    if draw < 0.55:
        return path(chance, signal)
    if draw < 0.75:
        whole = condition(chance, signal, 3)
        at = chance.randint(0, len(whole))
        return whole[:at] + odd.text(chance, 3) + whole[at + chance.randint(0, 3) :]
    if draw < 0.9:
        words = (*WORDS, *OPERATORS, "(", ")", "|", "*", *VALUES, *FIELDS[signal])
        return " ".join(chance.choice(words) for _ in range(chance.randint(1, 40)))
    depth = chance.choice((10, 63, 65, 300, 1500))
    return chance.choice(("(" * depth + "a=1" + ")" * depth, "NOT " * depth + "a=1",
                          " AND ".join(["a=1"] * depth), " OR ".join(["level=ERROR"] * depth),
                          odd.text(chance, 200)))  # fmt: skip


def string(chance: Random, signal: str) -> str:
    """Return a query string for a list, with its question mark; sometimes with too much in it."""
    pairs = []
    if chance.random() < 0.8:
        pairs.append(("q", query(chance, signal)))
    if chance.random() < 0.6:
        pairs.append(("start", chance.choice(TIMES)))
    if chance.random() < 0.4:
        pairs.append(("end", chance.choice(TIMES)))
    if chance.random() < 0.4:
        pairs.append(("limit", chance.choice(LIMITS)))
    if chance.random() < 0.1:
        pairs.append((odd.text(chance, 6), odd.text(chance, 6)))
    if pairs and chance.random() < 0.1:
        pairs.append(chance.choice(pairs))
    escape = chance.choice((quote, quote_plus))
    written = "&".join(f"{escape(key)}={escape(value)}" for key, value in pairs)
    if chance.random() < 0.08:
        broken = ("%", "%ff", "%zz", "&&&=", ";", "?", "%00", "+", "q=%ed%a0%80")
        written += "&" + chance.choice(broken)
    return "?" + written


def tail(chance: Random) -> str:
    """Return a query string for a tail, with its question mark."""
    name = chance.choice((*SIGNALS, *SIGNALS, "", "spans", odd.text(chance, 6)))
    asked = query(chance, name) if name in SIGNALS and chance.random() < 0.8 else ""
    more = f"&start={quote(chance.choice(TIMES))}" if chance.random() < 0.1 else ""
    return f"?signal={quote(name)}&q={quote(asked)}{more}"


def trace(chance: Random) -> str:
    """Return what follows /v1/traces/."""
    usual = (
        "0af7651916cd43dd8448eb211c80319c",
        "0" * 32,
        "f" * 32,
        "abc",
        "",
        "..",
        "%2e%2e",
        "a/b",
    )
    if chance.random() < 0.7:
        return chance.choice(usual)
    return quote(odd.text(chance), safe="") if chance.random() < 0.7 else chance.randbytes(16).hex()


def signal(chance: Random) -> str:
    return chance.choice(SIGNALS)


def letter(chance: Random) -> str:
    """Return the number of a dead letter, or what is none."""
    if chance.random() < 0.85:
        return str(chance.randint(1, chance.choice((20, 2000))))
    return chance.choice((str(odd.integer(chance)), quote(odd.text(chance, 8), safe=""), "1_0"))


def page(chance: Random) -> str:
    """Return a query string for a list of dead letters; sometimes with too much in it."""
    pairs = []
    if chance.random() < 0.5:
        pairs.append(("after", chance.choice((*LIMITS, "300", "1000"))))
    if chance.random() < 0.5:
        pairs.append(("limit", chance.choice((*LIMITS, "100"))))
    if chance.random() < 0.3:
        pairs.append(("signal", chance.choice((*SIGNALS, "profiles", odd.text(chance, 6)))))
    if chance.random() < 0.05:
        pairs.append((odd.text(chance, 6), odd.text(chance, 6)))
    return "?" + "&".join(f"{quote(key)}={quote(value)}" for key, value in pairs) if pairs else ""
