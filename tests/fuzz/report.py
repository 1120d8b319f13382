"""What a campaign found, and how each of it is repeated."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.signal import Signal
from tests.fuzz import calls, cases, plateau
from tests.fuzz.watch import Holds

CALL = "call-"
"""How the names of calls begin; those of cases are numbers."""


@dataclass
class Report:
    """What a campaign found; `failures` by the number of the case."""

    sent: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    failures: dict[str, list[str]] = field(default_factory=dict)
    clean: set[str] = field(default_factory=set)
    """Labels of the clean records that were answered with success."""
    newest: dict[Signal, str] = field(default_factory=dict)
    idle: Holds | None = None
    warm: Holds | None = None
    end: Holds | None = None
    held: list[Holds] = field(default_factory=list)
    """At even steps of the time."""

    def growth(self, name: str) -> float | None:
        """Return by how much the floor of what is held rose; None: it was too short to tell."""
        return plateau.growth([getattr(one, name) for one in self.held])

    def fail(self, case: str, *what: str) -> None:
        """Note what is wrong with a case."""
        self.failures.setdefault(case, []).extend(what)


def shown(seed: int, report: Report, folder: Path) -> str:
    """Return the failures as text, with the bytes of each case in a file."""
    lines = []
    for name, found in report.failures.items():
        lines.append(f"{name}: " + "\n    ".join(found))
        if name.isdigit():
            folder.mkdir(parents=True, exist_ok=True)
            case = cases.draw(seed, int(name))
            steps = [step for step in case.steps if isinstance(step, bytes)]
            file = folder / f"{seed}-{name}"
            file.write_bytes(b"".join(steps))
            lines.append(f"    sent to {case.door.setting}, bytes in {file}; again with")
            lines.append(f"    make fuzz SEED={seed} CASE={name}")
            lines.append(f"    {case.demand.name} {case.steps!r:.1500}")
        elif name.startswith(CALL):
            call = calls.draw(seed, int(name.removeprefix(CALL)))
            lines.append(f"    {calls.shown(call)}; again with make fuzz SEED={seed} CASE={name}")
    return "\n".join(lines)
