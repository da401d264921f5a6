"""OpportunityHistory, against the sandbox."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from crm_sms.errors import AccessRefused, QuotaEnded
from crm_sms.records import MirrorPart, Pull, Stage

Org = Any
DEAL = {"Name": "Deal", "CloseDate": "2026-12-31", "StageName": "Prospecting", "Amount": 100}


def history(org: Org, since: datetime | None = None) -> list[Stage]:
    """All rows of a pull."""
    return [row for page in org.crm().pull(Pull(MirrorPart.STAGES, since)) for row in page.rows]


def edit(org: Org, id: str, **fields: Any) -> datetime:
    """Somebody edits a deal a minute later; when that was."""
    org.sandbox.clock.advance(60)
    org.seed("update", object="Opportunity", records=[{"Id": id, **fields}])
    now: datetime = org.sandbox.clock.now()
    return now


def test_a_deal_that_was_won(org: Org) -> None:
    """Stage, amount, close date and probability of each step, and what a stage of that name is."""
    (deal,) = org.create("Opportunity", DEAL)
    made = org.sandbox.clock.now()
    raised = edit(org, deal, Amount=250.5)
    won = edit(org, deal, StageName="Closed Won", CloseDate="2026-11-30")
    first, second, third = history(org)
    assert first == Stage(
        first.id,
        deal,
        made,
        made,
        "Prospecting",
        100.0,
        date(2026, 12, 31),
        10.0,
        closed=False,
        won=False,
    )
    assert (second.at, second.stage, second.amount) == (raised, "Prospecting", 250.5)
    assert (third.at, third.close_date, third.probability) == (won, date(2026, 11, 30), 100.0)
    assert (third.closed, third.won) == (True, True)


def test_a_deal_that_was_lost(org: Org) -> None:
    """It is closed, and not won."""
    org.create("Opportunity", DEAL | {"StageName": "Closed Lost"})
    (lost,) = history(org)
    assert (lost.stage, lost.closed, lost.won) == ("Closed Lost", True, False)


def test_what_changes_nothing_of_it_makes_no_row(org: Org) -> None:
    """A rename is no step."""
    (deal,) = org.create("Opportunity", DEAL)
    edit(org, deal, Name="Another name")
    assert len(history(org)) == 1


def test_only_what_came_since(org: Org) -> None:
    """The instant itself included."""
    (deal,) = org.create("Opportunity", DEAL)
    at = edit(org, deal, Amount=1)
    edit(org, deal, Amount=2)
    assert [row.amount for row in history(org, at)] == [1.0, 2.0]


def test_a_deleted_deal_s_history_comes_too(org: Org) -> None:
    """That the deal is deleted is said by the deal."""
    (deal,) = org.create("Opportunity", DEAL)
    org.seed("delete", ids=[deal])
    assert [row.opportunity_id for row in history(org)] == [deal]


def test_what_it_costs(org: Org) -> None:
    """A description once, a page, and the list of stages once if there is a row."""
    crm = org.crm()
    assert [page.rows for page in crm.pull(Pull(MirrorPart.STAGES))] == [()]
    assert crm.calls == 2
    org.create("Opportunity", DEAL)
    list(crm.pull(Pull(MirrorPart.STAGES)))
    assert crm.calls == 4
    org.create("Opportunity", *[DEAL] * 2500)
    assert len(list(crm.pull(Pull(MirrorPart.STAGES)))) == 2
    assert crm.calls == 7


@pytest.mark.parametrize(
    "hidden",
    [
        {"kind": "object_access", "objects": ["OpportunityStage"], "access": "none"},
        {"kind": "hidden", "fields": ["OpportunityStage.IsWon"]},
    ],
)
def test_where_the_list_of_stages_is_hidden_the_history_comes_without_it(
    org: Org, hidden: dict[str, Any]
) -> None:
    """Nobody is then told what was won."""
    org.create("Opportunity", DEAL)
    org.fault(**hidden)
    (row,) = history(org)
    assert (row.stage, row.closed, row.won) == ("Prospecting", None, None)


def test_a_list_of_stages_that_does_not_answer_ends_the_pull(org: Org) -> None:
    """A page that was kept without it would stay without it."""
    org.create("Opportunity", DEAL)
    org.fault("quota", remaining=2)  # the description, the page
    with pytest.raises(QuotaEnded):
        history(org)


@pytest.mark.parametrize("name", ["Amount", "Probability"])
def test_a_hidden_field_is_none(org: Org, name: str) -> None:
    """The rest comes."""
    org.create("Opportunity", DEAL)
    org.fault("hidden", fields=[f"OpportunityHistory.{name}"])
    (row,) = history(org)
    assert (row.amount is None, row.probability is None) == (name == "Amount", name != "Amount")
    assert row.stage == "Prospecting"


def test_without_access_it_says_so(org: Org) -> None:
    """With the remedy."""
    org.fault("object_access", objects=["OpportunityHistory"], access="none")
    with pytest.raises(AccessRefused, match=r"does not see OpportunityHistory: give the run-as"):
        history(org)
