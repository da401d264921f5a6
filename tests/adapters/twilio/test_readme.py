"""The README names what the code has."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from crm_sms_twilio.callback_url import KEY, METADATA_PARAMETERS
from crm_sms_twilio.settings import Account, Settings
from crm_sms_twilio.words import ERROR_CLASSES, OPT_OUT_RULES


@pytest.fixture(scope="module")
def readme() -> str:
    """The adapter's README."""
    return (files("crm_sms_twilio") / "README.md").read_text()


@pytest.mark.parametrize("model", [Settings, Account])
def test_every_setting_is_documented(readme: str, model: type[Settings] | type[Account]) -> None:
    """An admin finds each key in the table of settings."""
    table = readme[readme.index("## Settings") : readme.index("## URLs")]
    for key in model.model_fields:
        assert re.search(rf"[`.]{key}[`.]", table), key


def test_every_parameter_is_documented(readme: str) -> None:
    """Whoever sends texts finds each parameter of the callback."""
    for parameter in (KEY, *METADATA_PARAMETERS):
        assert f"`{parameter}`" in readme, parameter


def test_every_code_is_documented_with_its_class(readme: str) -> None:
    """The table of errors is the one in the code."""
    rows = [line.split("|") for line in readme.splitlines() if line.startswith("| ")]
    documented = {
        code.strip(): row[1].strip()
        for row in rows
        for code in row[2].split(",")
        if code.strip().isdigit()
    }
    known = {code: kind.value for code, kind in ERROR_CLASSES.items() if kind.value != "unknown"}
    assert documented == known


def test_every_keyword_is_documented(readme: str) -> None:
    """The keywords that suppress are no secret."""
    for keyword in OPT_OUT_RULES.keywords:
        assert keyword in readme
