"""What doctor says of scopes, permissions and limits."""

from __future__ import annotations

import pytest

from crm_sms_salesforce.checks import (
    TOO_MUCH,
    limit_findings,
    permission_findings,
    scope_findings,
)


@pytest.mark.parametrize(
    ("scopes", "ok", "remedy"),
    [
        ({"api"}, True, ""),
        ({"api", "refresh_token"}, True, ""),
        ({"refresh_token", "id"}, False, "add the scope"),
        ({"full", "refresh_token"}, None, "replace"),
    ],
)
def test_scopes(scopes: set[str], ok: bool | None, remedy: str) -> None:
    """Without that for the API nothing works; with all of them more does than should."""
    (finding,) = scope_findings(frozenset(scopes))
    assert finding.ok is ok
    assert remedy in finding.remedy
    assert bool(finding.remedy) is (ok is not True)
    assert "(api)" in finding.remedy or ok


def test_scopes_that_the_org_does_not_tell() -> None:
    """Nothing can be said of them."""
    assert list(scope_findings(frozenset())) == []


@pytest.mark.parametrize("name", sorted(TOO_MUCH))
def test_a_permission_that_we_never_need(name: str) -> None:
    """Each is named as Salesforce's set-up names it."""
    (finding,) = permission_findings(dict.fromkeys(TOO_MUCH, False) | {name: True})
    assert finding.ok is None
    assert finding.text.endswith(f": {TOO_MUCH[name]}")
    assert "permission set" in finding.remedy


def test_permissions_of_a_user_of_its_own() -> None:
    """None of them is well; and where the org tells nothing, nothing is said."""
    (finding,) = permission_findings(dict.fromkeys(TOO_MUCH, False))
    assert finding.ok is True
    assert list(permission_findings({})) == []


@pytest.mark.parametrize(("remaining", "ok"), [(1000, True), (200, True), (199, None), (0, None)])
def test_little_that_is_left_warns(remaining: int, ok: bool | None) -> None:
    """Below a fifth there is a warning with what to do."""
    (finding,) = limit_findings({"DailyApiRequests": {"Max": 1000, "Remaining": remaining}})
    assert finding.ok is ok
    assert finding.text == f"{remaining} of 1000 left"
    assert bool(finding.remedy) is (ok is None)


def test_limits_that_do_not_concern_us_are_left_out() -> None:
    """An org reports some sixty limits; two are ours, and a hidden one is no line."""
    answer = {
        "SingleEmail": {"Max": 10, "Remaining": 0},
        "DataStorageMB": {"Max": 10, "Remaining": 10},
    }
    assert [finding.subject for finding in limit_findings(answer)] == ["salesforce DataStorageMB"]
