"""W3C trace state with OpenTelemetry's own member: `ot=rv:<randomness>;th:<threshold>`.

Read as strictly as the Collector reads it, so that both find the same spans broken. Runs once per
distinct trace state of a batch.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from pipeline.processors.threshold import from_text, randomness_from_text, to_text

_LENGTH_MAX: Final = 1024
_MEMBERS_MAX: Final = 31  # the Collector's limit; W3C allows one more
_OT_LENGTH_MAX: Final = 256
_KEY_LENGTH_MAX: Final = 256
_TENANT_LENGTH_MAX: Final = 241
_SYSTEM_LENGTH_MAX: Final = 14

_KEY: Final = re.compile(r"[a-z][a-z0-9_*/-]*|[a-z0-9][a-z0-9_*/-]*@[a-z][a-z0-9_*/-]*")
_VALUE: Final = re.compile(r"[ -+\--<>-~]{0,255}[!-+\--<>-~]")
_OT: Final = re.compile(r"[a-z][a-z0-9]*:[a-zA-Z0-9._-]*(;[a-z][a-z0-9]*:[a-zA-Z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class TraceState:
    """A trace state that was understood; `ot` and `others` hold what sampling has no part in."""

    randomness: str = ""
    threshold: str = ""
    ot: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @staticmethod
    def parse(text: str) -> "TraceState | None":
        """Read a trace state; None when it is broken."""
        members = [member.strip(" \t") for member in text.split(",")] if text else []
        if len(text.encode()) > _LENGTH_MAX or len(members) > _MEMBERS_MAX:
            return None
        state = TraceState()
        for member in filter(None, members):
            key, equals, value = member.partition("=")
            if not equals or not _is_key(key) or not _VALUE.fullmatch(value):
                return None
            if key != "ot":
                state = replace(state, others=(*state.others, member))
                continue
            read = _ot(value)
            if read is None:
                return None
            state = replace(read, others=state.others)
        return state

    def random(self) -> int | None:
        """Return the randomness that it carries, if any."""
        return randomness_from_text(self.randomness)

    def limit(self) -> int | None:
        """Return the threshold that it carries, if any."""
        return from_text(self.threshold)

    def raised(self, threshold: int) -> "TraceState":
        """Return it with a threshold; never lower one, which would claim more than was kept."""
        before = self.limit()
        if before is not None and before > threshold:
            return self
        return replace(self, threshold=to_text(threshold))

    def text(self) -> str:
        """Return the text, with OpenTelemetry's member first."""
        ot = [f"rv:{self.randomness}"] if self.randomness else []
        ot += [f"th:{self.threshold}"] if self.threshold else []
        ot += self.ot
        return ",".join([f"ot={';'.join(ot)}", *self.others] if ot else self.others)


def _is_key(key: str) -> bool:
    tenant, at, system = key.partition("@")
    return (
        _KEY.fullmatch(key) is not None
        and len(key) <= _KEY_LENGTH_MAX
        and (not at or (len(tenant) <= _TENANT_LENGTH_MAX and len(system) <= _SYSTEM_LENGTH_MAX))
    )


def _ot(value: str) -> TraceState | None:
    if len(value) > _OT_LENGTH_MAX or not _OT.fullmatch(value):
        return None
    state = TraceState()
    for member in value.split(";"):
        key, _, text = member.partition(":")
        if key == "rv":
            if randomness_from_text(text) is None:
                return None
            state = replace(state, randomness=text)
        elif key == "th":
            if from_text(text) is None:
                return None
            state = replace(state, threshold=text)
        else:
            state = replace(state, ot=(*state.ot, member))
    return state
