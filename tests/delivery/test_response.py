"""Whose fault it is that a request was not answered, and how long the CRM is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.delivery.pace import Pace
from crm_sms.delivery.response import Blame, is_silent, response
from crm_sms.ports import CrmLimits
from crm_sms.records import Outcome, Reason, Verdict

LIMITS = CrmLimits(200, 5, 120, 660)
DONE = Outcome(Verdict.DONE)
UNCLEAR = Outcome(Verdict.MAYBE)
BROKEN = Outcome(Verdict.RETRY, reason=Reason.UNAVAILABLE, wait_s=5)
LOCKED = Outcome(Verdict.RETRY, reason=Reason.LOCKED)
NO_CALLS = Outcome(Verdict.RETRY, reason=Reason.QUOTA, wait_s=900)

CRM, ROW, DOUBT = Blame


@pytest.mark.parametrize(
    ("outcomes", "failures", "tries", "read", "blame", "pause_s"),
    [
        # Somebody got an answer.
        ([DONE, UNCLEAR], 3, 0, False, ROW, 0),
        ([LOCKED, BROKEN], 3, 0, True, ROW, 0),
        ([LOCKED], 3, 0, False, ROW, 0),
        # Nobody did.
        ([UNCLEAR, UNCLEAR], 0, 0, True, CRM, 1),
        ([BROKEN, UNCLEAR], 1, 0, False, CRM, 5),
        ([NO_CALLS, BROKEN], 0, 0, False, CRM, 900),
        ([BROKEN] * 9, 9, 9, True, CRM, 60),
        # It was alone, and the request before was answered.
        ([UNCLEAR], 0, 0, True, ROW, 0),
        ([UNCLEAR], 0, 7, False, ROW, 1),
        ([BROKEN], 0, 0, False, ROW, 1),
        ([NO_CALLS], 0, 0, False, CRM, 900),
        ([NO_CALLS], 0, 0, True, ROW, 0),
        # It was alone, and nobody else failed since an answer; or others did.
        ([UNCLEAR], 1, 1, True, DOUBT, 0),
        ([BROKEN], 5, 8, True, DOUBT, 0),
        ([UNCLEAR], 2, 1, True, CRM, 4),
        ([BROKEN], 1, 0, True, CRM, 5),
        ([UNCLEAR], 1, 1, False, CRM, 2),
    ],
)
def test_whose_fault_it_is(
    outcomes: list[Outcome], failures: int, tries: int, read: bool, blame: Blame, pause_s: float
) -> None:
    """An outage is no row's fault, and a row that breaks its requests is no outage."""
    pace = Pace(100, failures)
    found = response(pace, LIMITS, outcomes, elapsed_s=0.1, tries=tries, read=read)
    assert (found.blame, found.pause_s) == (blame, pause_s)
    assert found.lone == (len(outcomes) == 1)
    silent = all(map(is_silent, outcomes))
    assert found.pace.failures == (failures + 1 if silent else 0)


@given(
    st.lists(st.sampled_from([UNCLEAR, BROKEN, NO_CALLS]), min_size=1, max_size=5),
    st.integers(0, 9),
    st.integers(0, 9),
    st.booleans(),
)
def test_without_a_pause_there_is_proof_that_the_crm_answers(
    outcomes: list[Outcome], failures: int, tries: int, read: bool
) -> None:
    """And only a row that was alone is ever to blame."""
    pace = Pace(100, failures)
    found = response(pace, LIMITS, outcomes, elapsed_s=0.1, tries=tries, read=read)
    if found.pause_s == 0:
        assert read
    if found.blame is not CRM:
        assert len(outcomes) == 1
