"""What goes wrong on a test server, on purpose."""

import re
from dataclasses import dataclass


@dataclass
class Fault:
    """
    What goes wrong with a statement of this kind; `skip` of them pass, then `times` do not.

    `before`: the connection breaks before it is executed; `after`: between that and the answer;
    `half`: in the middle of its body; `torn`: in the middle of the answer; `headers`: between the
    headers of the answer, before it is executed. `late`: the connection
    breaks, it is executed when the test releases it; `slow`: the connection breaks while it is
    executed, `row_s` a row. `stall`: nothing happens until it is released. `busy`: answered 503.
    `error`: answered with `code`.
    """

    how: str
    kind: str = "INSERT"
    table: str = ""
    skip: int = 0
    times: int = 1
    code: int = 0
    row_s: float = 0.1

    def hits(self, statement: str) -> bool:
        if not self.times or statement.split(None, 1)[0].upper() != self.kind:
            return False
        if self.table and self.table != into(statement):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


def into(statement: str) -> str:
    """Return the table of an insert, empty for all else."""
    found = re.match(r"INSERT\s+INTO\s+(?:`?\w+`?\.)?`?(\w+)`?", statement)
    return found[1] if found else ""
