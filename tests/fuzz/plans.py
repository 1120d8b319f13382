"""Plans by a seed, as the storage role takes them: of the language, of any fields, and broken."""

from random import Random
from typing import Any

from google.protobuf.message import DecodeError

from pipeline.errors import Rejected
from pipeline.schema import SCHEMAS
from pipeline.signal import Signal
from query.config import Limits
from query.language.check import check
from query.language.parse import parse
from query.plans import Asked
from query.wrong import Wrong
from storage import wire
from tests.fuzz import chance as odd
from tests.fuzz import messages, mutate, questions
from tests.fuzz.messages import Habits
from tests.fuzz.surface import ATTRIBUTES
from tests.fuzz.telemetry import NOW_NS, TRACE_IDS

_ALWAYS = 2**64 - 1
_DERIVED = ("service_name", "scope_name", "scope_version", "duration_ns", "value", "time")
_COLUMNS = tuple(dict.fromkeys((*(n for one in SCHEMAS.values() for n in one.names), *_DERIVED)))
_NAMES = ("x", "y", "time", "count", "service_name", "name", "")
_HOSTILE = "(SELECT any(body) FROM logs)"
_SIZES = (1, 10, 1000)
_HABITS = Habits(
    there=0.97,
    firm=0.97,
    usual={
        **dict.fromkeys(("tenant", "prefix"), ("", "", "", "default", "a")),
        **dict.fromkeys(("limit", "groups_max", "candidates_max", "examined", "rows"), _SIZES),
        **dict.fromkeys(("start_ns", "committed_ns", "matched_ns"), (0, NOW_NS)),
        **dict.fromkeys(("end_ns", "now_ns"), (_ALWAYS, 2**63 - 1, NOW_NS + 10**9)),
        **dict.fromkeys(("step_ns", "lookback_ns", "bucket_ns"), (10**9, 3600 * 10**9)),
        **dict.fromkeys(("partition", "partitions", "epoch", "sequence", "last"), (0, 1, 2**40)),
        **dict.fromkeys(("trace_id", "trace_ids"), TRACE_IDS),
        **dict.fromkeys(("Column.name", "columns"), (*_COLUMNS, _HOSTILE)),
        **dict.fromkeys(("name", "of", "column"), _NAMES),
        **dict.fromkeys(("key", "names"), (*ATTRIBUTES, "service.name", "label")),
        **dict.fromkeys(("pattern", "patterns"), ("*", "k8s.*", "", "(?P<x>a+)", "(")),
        "text": questions.VALUES,
        "quantile": (0.0, 0.5, 0.999, 1.0),
    },
)  # fmt: skip


def payload(chance: Random) -> bytes:
    """Return a `RunRequest`, or what is none."""
    draw = chance.random()
    if draw < 0.03:
        return odd.noise(chance, 400)
    request = _of_language(chance) if draw < 0.45 else _of_any(chance)
    if chance.random() < 0.25:
        messages.shake(chance, request, chance.choice((0.05, 0.3)))
    whole: bytes = request.SerializeToString()
    return mutate.damaged(chance, whole) if chance.random() < 0.1 else whole


def _of_language(chance: Random) -> Any:
    """Return what the query role would ask for a text; of a wrong one, any plan."""
    signal = chance.choice(tuple(Signal))
    asked = Asked(signal, chance.choice(("", "default")), 0, _ALWAYS, chance.choice(_SIZES))
    text = questions.query(chance, str(signal))
    try:
        checked = check(parse(text), signal, now_ns=NOW_NS)
        return wire.messages()["RunRequest"].FromString(wire.encode(asked.plan(checked, Limits())))
    except (Wrong, Rejected, DecodeError):  # protobuf nests 100 messages
        return _of_any(chance)


def _of_any(chance: Random) -> Any:
    request = wire.messages()["RunRequest"]()
    messages.fill(chance, request, _HABITS, chance.choice((0.0, 0.02, 0.2)))
    return request
