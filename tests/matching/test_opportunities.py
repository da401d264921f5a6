"""Which opportunity a text belongs to where no role says it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.matching import OpportunityRule, Pipeline, choose_opportunity
from crm_sms.records import Opportunity, Role

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def deal(id: str, *, open: bool = True, deleted: bool = False) -> Opportunity:
    """An opportunity of the account."""
    return Opportunity(id, id, NOW, "acme", open=open, deleted=deleted)


def role(id: str, *, primary: bool = False) -> Role:
    """Jane's part in the opportunity of this id."""
    return Role(f"role in {id}", id, "jane", NOW, primary=primary)


@pytest.mark.parametrize(
    ("roles", "on_account", "which", "rule"),
    [
        ([], [], None, OpportunityRule.NONE),
        ([], [deal("x")], "x", OpportunityRule.ACCOUNT),
        ([], [deal("x"), deal("y")], None, OpportunityRule.SEVERAL_ON_ACCOUNT),
        ([], [deal("x"), deal("y", open=False)], "x", OpportunityRule.ACCOUNT),
        ([], [deal("x"), deal("y", deleted=True)], "x", OpportunityRule.ACCOUNT),
        ([], [deal("x", open=False)], None, OpportunityRule.NONE),
        ([role("won")], [deal("x")], "x", OpportunityRule.ACCOUNT),
        ([role("a")], [deal("x")], "a", OpportunityRule.ONLY),
        ([role("a"), role("b")], [deal("x")], None, OpportunityRule.SEVERAL),
        ([role("a"), role("b", primary=True)], [deal("x")], "b", OpportunityRule.PRIMARY),
    ],
)
def test_the_account_says_it_only_where_no_role_does(
    roles: Sequence[Role],
    on_account: Sequence[Opportunity],
    which: str | None,
    rule: OpportunityRule,
) -> None:
    """A role in an open opportunity comes before it, also where several leave it open which."""
    by_role = [deal("a"), deal("b"), deal("won", open=False)]
    found, why = choose_opportunity(roles, by_role, on_account)
    assert (found.id if found else None, why) == (which, rule)


ids = st.sampled_from(["a", "b", "c"])
deals = st.lists(st.builds(deal, ids, open=st.booleans(), deleted=st.booleans()), max_size=4)


@given(st.lists(st.builds(role, ids, primary=st.booleans()), max_size=4), deals, deals)
def test_an_account_changes_nothing_that_roles_say(
    roles: list[Role], by_role: list[Opportunity], on_account: list[Opportunity]
) -> None:
    """And an opportunity that the account gave is labelled as such."""
    before = choose_opportunity(roles, by_role)
    after = choose_opportunity(roles, by_role, on_account)
    if before[1] is not OpportunityRule.NONE:
        assert after == before
    elif after[0]:
        assert after[1] is OpportunityRule.ACCOUNT
        assert after[0].open
        assert not after[0].deleted


def test_accounts_say_nothing_unless_they_are_asked() -> None:
    """A pipeline without them, and somebody without an account, have no opportunity by account."""
    x = deal("x")
    assert Pipeline({}, {"x": x}).of_account("acme") == []
    asked = Pipeline({}, {"x": x}, {"acme": ["x", "gone"]})
    assert asked.of_account("acme") == [x]
    assert asked.of_account("other") == asked.of_account(None) == []
