"""The adapter's README stays true."""

from __future__ import annotations

import re
from pathlib import Path

import crm_sms_salesforce
from crm_sms_salesforce.settings import Settings, load_settings
from crm_sms_salesforce.verdicts import CLUES, REFUSED_CODES, RULES


def readme() -> str:
    """Its text."""
    return (Path(crm_sms_salesforce.__file__).parent / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under one heading."""
    return readme().split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_settings_table_is_complete_and_right() -> None:
    """Each key has its row with its default, and no row is without a key."""
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \|", section("Settings"), re.MULTILINE)
    documented = {key: default.strip("`") for key, default in rows}
    assert set(documented) == set(Settings.model_fields)
    for key, field in Settings.model_fields.items():
        if field.default is None or field.is_required():
            assert documented[key] == "-"
        else:
            assert documented[key] == str(field.default).lower()


def test_limits_are_those_of_the_code() -> None:
    """The figures in the text are the code's."""
    limits = load_settings(
        {
            "auth": "client_credentials",
            "client_id": "i",
            "client_secret": "s",
            "login_url": "https://acme.my.salesforce.com",
        }
    ).limits
    text = section("Limits")
    for figure in (
        f"{limits.rows_per_chunk} rows a chunk",
        f"{limits.chunks_per_request} chunks a request",
        f"{limits.write_timeout_s:.0f} seconds with its token",
        f"{limits.late_commit_s:.0f} seconds",
        f"{limits.slow_s:.0f} seconds on",
    ):
        assert figure in text.replace("\n", " ")


def test_codes_in_the_text_are_codes_of_the_table() -> None:
    """A code that the text names is one that the adapter knows."""
    known = set(RULES) | set(REFUSED_CODES) | {code for codes, _, _ in CLUES for code in codes}
    named = set(re.findall(r"`(?!CRM_SMS)([A-Z]+_[A-Z_]+)`", readme()))
    assert named <= known
    assert len(named) > 15
