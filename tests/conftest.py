"""What holds for every test."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.aura_process import Aura

TESTS = Path(__file__).parent
CI = os.environ.get("CI") == "true"

# A slow machine is no fault of an example; and CI gives the same verdict on the same commit.
settings.register_profile(
    "aura", deadline=None, derandomize=CI, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("aura")

# Campaigns start Aura as a shell does, and so do the tests of a start.
Aura.forked = sys.platform == "linux"


LONG = ("integration", "faults", "fuzz", "contract")
"""The folders whose files take longest, the longest first."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Begin with what takes long: two workers that share files then end at about the same time."""
    rank = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.relative_to(TESTS).parts[0], len(rank)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI every service is there: what skips for want of one has failed, unless `optional`."""
    report = yield
    optional = item.get_closest_marker("optional")
    if CI and report.skipped and not optional and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter):
    """Count aloud what this machine could not run."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests were skipped, for these reasons:")
        for reason in sorted({str(report.longrepr[-1]) for report in skipped}):
            terminalreporter.write_line(f"  {reason}")
