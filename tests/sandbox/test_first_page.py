"""The first page of the sandbox: what to paste, and where to look."""

from __future__ import annotations

import html
import re
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values

from crm_sms.sandbox.clock import FileClock
from crm_sms.sandbox.server import Sandbox, running


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox whose clock is a file."""
    with running(FileClock(tmp_path_factory.mktemp("clock") / "now")) as it:
        yield it


def get(box: Sandbox, path: str) -> str:
    """The text of a page."""
    with urllib.request.urlopen(box.url + path, timeout=20) as answer:
        return str(answer.read().decode())


def test_the_settings_are_those_of_this_sandbox(box: Sandbox) -> None:
    """Its own address wherever a vendor is called, and permission for http to this machine."""
    found = tomllib.loads(get(box, "/_sandbox/crm-sms.toml"))
    assert found["crms"]["salesforce"]["login_url"] == box.url
    assert found["crms"]["salesforce"]["allow_http"] is True
    assert found["providers"]["twilio"]["base_url"] == box.url
    assert found["clock"] == str(box.clock.path)


def test_without_a_clock_file_there_is_no_such_setting() -> None:
    """The installation takes the machine's time then, as the sandbox does."""
    with running(FileClock()) as box:
        assert "clock" not in tomllib.loads(get(box, "/_sandbox/crm-sms.toml"))


def test_every_secret_is_a_line_for_env(box: Sandbox, tmp_path: Path) -> None:
    """Those of the org and of each account."""
    path = tmp_path / ".env"
    path.write_text(get(box, "/_sandbox/env"))
    accounts = box.twilio.accounts.values()
    assert dotenv_values(path) == {
        "CRM_SMS_CRMS__SALESFORCE__CLIENT_SECRET": "sandbox-consumer-secret",
        **{
            f"CRM_SMS_PROVIDERS__TWILIO__ACCOUNTS__{account.sid}__AUTH_TOKEN": account.auth_token
            for account in accounts
        },
    }


def test_the_page_shows_both_to_be_pasted(box: Sandbox) -> None:
    """With the commands that put them into the files."""
    page = html.unescape(get(box, "/"))
    assert get(box, "/_sandbox/crm-sms.toml") in page
    assert get(box, "/_sandbox/env") in page
    assert f"curl -s {box.url}/_sandbox/crm-sms.toml > crm-sms.toml" in page
    assert f"curl -s {box.url}/_sandbox/env >> .env" in page


def test_every_link_of_the_page_leads_somewhere(box: Sandbox) -> None:
    """To the pages of both vendors, and to counts."""
    links = re.findall(r'href="(/[^"]*)"', get(box, "/"))
    assert {"/salesforce", "/twilio"} <= set(links)
    for link in links:
        assert get(box, link)
