"""What a question may take, and what is said when it takes more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.errors import Rejected


@dataclass(frozen=True, slots=True)
class Limit:
    """What a question broke, and the setting of `storage` that says how much it may."""

    text: str
    setting: str = ""

    def broken(self, limits: Mapping[str, float], part: str) -> Rejected:
        """
        Return the verdict: which limit it is, and how to narrow the question.

        `limits` are those of the settings, by name; `part` is what a question may name.
        """
        text = self.text.format(**limits)
        named = f"{text} (storage.{self.setting})" if self.setting else text
        return Rejected(
            f"the question breaks a limit, {named}: narrow the time range or name a {part}"
        )


_MEMORY: Final = "query_memory_bytes_max"

ROWS: Final = Limit("it would read too many rows, more than {query_rows_max}", "query_rows_max")
BYTES: Final = Limit("it would read too many bytes, more than {query_bytes_max}", "query_bytes_max")
TIME: Final = Limit("it took too long, more than {query_time_max:g} s", "query_time_max")
TIME_AHEAD: Final = Limit("it would take too long, more than {query_time_max:g} s", TIME.setting)
MEMORY: Final = Limit("it takes too much memory, more than {query_memory_bytes_max} bytes", _MEMORY)
ANSWER: Final = Limit("its answer is too large, more than {query_memory_bytes_max} bytes", _MEMORY)
CONDITIONS: Final = Limit("it has too many conditions")
GROUPS: Final = Limit("it has too many groups")
