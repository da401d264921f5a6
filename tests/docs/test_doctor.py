"""docs/doctor.md tells of every finding, and of none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
PLACES = ("crm_sms/use_cases/doctor", "adapters")
SUBJECT = re.compile(
    r"""(?:Finding\(\s*|subject(?:, \w+)* = |SUBJECT = |guarded\(\s*|agreement\(\s*)f?"([^"]+)\""""
)


def shape(subject: str) -> str:
    """A subject without what differs from one installation to the next."""
    return re.sub(r"\{[^}]*\}", "…", subject)


def in_code() -> set[str]:
    """Every subject that a finding may have."""
    files = [file for place in PLACES for file in (ROOT / place).rglob("*.py")]
    texts = [file.read_text(encoding="utf-8") for file in files if "metadata" not in file.parts]
    return {shape(found) for text in texts for found in SUBJECT.findall(text)}


def on_the_page() -> set[str]:
    """Every subject that is told of, in a table or in words."""
    rows = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)
    return {*rows, *re.findall(r"`(twilio: [^`]+)`", PAGE)}


def test_every_finding_is_told_of() -> None:
    """An admin who reads its name on the screen finds it on the page."""
    code = in_code() - {"twilio: …", "salesforce …"}
    assert len(code) > 25
    assert code - on_the_page() == set()


def test_nothing_else_is_told_of() -> None:
    """What is on the page may come."""
    from crm_sms_salesforce.checks import LIMITS
    from crm_sms_twilio.addresses import PLACES as ADDRESSES

    spelt = {f"salesforce {name}" for name in LIMITS} | {f"twilio: {what}" for what, _ in ADDRESSES}
    assert on_the_page() == (in_code() - {"twilio: …", "salesforce …"}) | spelt


def test_every_cause_is_told_of() -> None:
    """What a test callback may say stands in the table, as it is spelt."""
    code = (ROOT / "adapters/crm_sms_twilio/trial_calls.py").read_text(encoding="utf-8")
    rows = PAGE.partition("| what it says |")[2].splitlines()[2:]
    for said in (row.split(" | ")[0].removeprefix("| ") for row in rows):
        words = re.sub(r"\b15 s|502, 503 or 504|with a page", "", said).strip()
        assert words.removeprefix("is answered ") in re.sub(r'"\s*f?"', "", code), said
