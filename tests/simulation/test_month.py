"""A month in which everything goes wrong ends with CRM and ledger in agreement."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from month.invariants import every_text_of_somebody_is_there, everybody_who_said_no_is_opted_out
from month.play import drain, month, play

from crm_sms.bootstrap import verifying
from crm_sms.testing.world import CRM
from crm_sms.use_cases import parked
from crm_sms.use_cases.verify import DIFFERENCES, Kind, VerifyReport, verify

pytestmark = pytest.mark.slow

RESTS_ON_THE_CRM = {"Account__c", "OwnerId", "SMS_Opt_Out_Phone__c", "SMS_Opt_Out_At__c"}
"""Fields that a text or a person keeps as they were, whatever the org says later."""


def test_the_month_ends_in_agreement(
    tmp_path: Path, seed: int, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happened: texts, callbacks, people, reps, outages, kills."""
    print(f"\nmake month SEED={seed} DAYS={days}")
    monkeypatch.setattr(secrets, "token_hex", lambda size: "5a" * size)
    with month(tmp_path, seed) as it:
        try:
            play(it, days)
            drain(it)
            every_text_of_somebody_is_there(it)
            everybody_who_said_no_is_opted_out(it)
            agreed(verify(verifying(it.stage.app, CRM)))
            assert parked.parked(it.stage.app.ledger) == []
        finally:
            (tmp_path / "log").write_text("\n".join(it.log))
            print(f"what happened: {tmp_path / 'log'}")


def agreed(report: VerifyReport) -> None:
    """Nothing differs, nothing waits, and what is older rests on what the org said then."""
    found = [str(one) for one in report.examples if one.kind in DIFFERENCES]
    assert not found, "\n".join(found)
    assert not report.counts[Kind.ON_ITS_WAY] + report.counts[Kind.LEFT_OUT]
    older = {one.field for one in report.examples if one.kind is Kind.OLDER}
    assert older <= RESTS_ON_THE_CRM
