"""What the demo leaves agrees with the ledger, record by record."""

from __future__ import annotations

from crm_sms.bootstrap import verifying
from crm_sms.demo.run import Performance
from crm_sms.testing.world import CRM
from crm_sms.use_cases.verify import DIFFERENCES, Kind, verify


def test_the_demo_ends_in_agreement(performance: Performance) -> None:
    """What reps did on the last day is named, and is no difference."""
    report = verify(verifying(performance.stage.app, CRM))
    assert [one for one in report.examples if one.kind in DIFFERENCES] == []
    assert report.compared.total() > 200
    assert report.counts[Kind.EDITED]
    assert report.counts[Kind.DELETED]
