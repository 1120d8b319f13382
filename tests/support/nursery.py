"""
A process that has imported Aura and forks one at each order.

Imports are most of what a start costs, and tests start dozens.

`python -m tests.support.nursery` obeys lines of JSON. `begin` forks an Aura with the arguments,
environment, folder and log that it names, and is answered with its process id; `ended` is answered
with the exit code of that process, null while it runs. A fork has opened nothing yet: the engine,
whose library starts threads when it is loaded, is left out.
"""

import importlib
import json
import os
import sys
from typing import Any

IMPORTED = ("aura.service", "pandas")
"""The program, and what Arrow and chdb import when they are used."""


def become(order: dict[str, Any]) -> None:
    """Make a fork what a shell would have started."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    nothing = os.open(os.devnull, os.O_RDWR)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for ours, standard in ((nothing, 0), (nothing, 1), (log, 2)):
        os.dup2(ours, standard)
    for ours in (nothing, log):
        os.close(ours)
    sys.argv = ["aura", *order["arguments"]]


def ended(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def forked() -> bool:
    """Obey until there are no more orders; also return, with True, in each fork."""
    for line in sys.stdin:
        order = json.loads(line)
        if "ended" in order:
            answer = ended(order["ended"])
        else:
            answer = os.fork()
            if not answer:
                become(order["begin"])
                return True
        print(json.dumps(answer), flush=True)
    return False


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    if forked():
        from aura.command import main

        main()
