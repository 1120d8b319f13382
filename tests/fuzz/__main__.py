"""`make fuzz`: MINUTES= (10), SEED= (printed, repeatable), CASE= (one alone)."""

import asyncio
import os
import random
import sys
import tempfile
from pathlib import Path

from tests.fuzz.aftermath import GROWTH, Slack, after
from tests.fuzz.campaign import SETTINGS, Campaign
from tests.fuzz.report import Report, shown
from tests.support.aura_process import Aura

FOLDER = Path("build/fuzz")


def main() -> int:
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
    seconds = 60 * float(os.environ.get("MINUTES") or 10)
    case = os.environ.get("CASE")
    print(f"seed {seed}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="aura-fuzz-") as folder,
        Aura(Path(folder), **SETTINGS) as aura,
    ):
        campaign = Campaign(aura, seed, seconds)
        if case:
            asyncio.run(campaign.again(case))
        else:
            asyncio.run(campaign.run())
        after(aura, campaign.report, Slack(resident_mib=200))
    return _told(seed, campaign.report)


def _told(seed: int, report: Report) -> int:
    print(f"sent {dict(report.sent)}, answers {dict(sorted(report.statuses.items()))}")
    print(f"clean records answered {len(report.clean)}")
    print(f"after the warm-up {report.warm}\nat the end        {report.end}")
    step = max(1, len(report.held) // 15)
    print(f"resident {[one.resident_mib for one in report.held[::step]]} MiB")
    print("the floor rose by", {name: report.growth(name) for name in GROWTH})
    if report.failures:
        print(shown(seed, report, FOLDER))
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
