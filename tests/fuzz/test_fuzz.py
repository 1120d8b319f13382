"""Ten seconds of `make fuzz`, the same every time: no 5xx, no silence, no leak, no loss."""

import asyncio

import pytest

from tests.fuzz.aftermath import Slack, after
from tests.fuzz.campaign import SETTINGS, Campaign
from tests.fuzz.report import shown
from tests.support.aura_process import Aura

SEED = 20260921
SECONDS = 10.0
SLACK = Slack(resident_mib=400)
"""A bomb's 64 MiB and the store's caches may come after so short a warm-up."""


@pytest.mark.slow
def test_nothing_that_is_sent_breaks_aura(tmp_path):
    with Aura(tmp_path, **SETTINGS) as aura:
        campaign = Campaign(aura, SEED, SECONDS)
        report = asyncio.run(campaign.run())
        after(aura, report, SLACK)
    print(f"{report.sent} {report.statuses} {report.warm} {report.end}")
    assert not report.failures, shown(SEED, report, tmp_path / "cases")
    assert min(report.sent["ANSWER"], report.sent["CALL"], len(report.clean)) > 0
