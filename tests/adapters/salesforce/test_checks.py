"""What doctor says of version and limits."""

from __future__ import annotations

import pytest

from crm_sms_salesforce.checks import limit_findings, version_finding

SERVED = [f"{number}.0" for number in range(31, 69)]


@pytest.mark.parametrize(
    ("version", "ok"),
    [("68.0", True), ("60.0", True), ("59.0", None), ("46.0", None), ("69.0", False)],
)
def test_version(version: str, ok: bool | None) -> None:
    """Beyond the org's newest fails, nine releases behind it warns: three years are promised."""
    finding = version_finding(SERVED, version)
    assert finding.ok is ok
    assert bool(finding.remedy) is (ok is not True)


def test_newest_version_is_found_by_number() -> None:
    """A version of three digits is newer than one of two."""
    finding = version_finding(["99.0", "100.0", "31.0"], "101.0")
    assert finding.remedy == "set api_version to 100.0 or lower"


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
