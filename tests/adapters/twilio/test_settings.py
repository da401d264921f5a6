"""Wrong settings are all named at once, with their remedies and without secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crm_sms.errors import BadSettings
from crm_sms.ports import OutgoingText
from crm_sms_twilio import Twilio
from crm_sms_twilio.settings import read_settings

GOOD: dict[str, Any] = {
    "public_url": "https://sms.example.com",
    "accounts": {"AC" + "0" * 32: {"auth_token": "s3cret"}},
}


def said(table: dict[str, Any]) -> str:
    """The message for a wrong table."""
    with pytest.raises(BadSettings) as caught:
        read_settings(table)
    return str(caught.value)


def test_the_least_settings() -> None:
    """A URL and one account are enough."""
    settings = read_settings(GOOD)
    assert settings.signature == "enforce"
    assert settings.base_url == "https://api.twilio.com"


def test_every_problem_is_named_at_once() -> None:
    """One run of doctor is enough to correct them all."""
    text = said(
        {
            "accounts": {"AC" + "0" * 32: {"further_tokens": "x"}},
            "signature": "maybe",
            "read_timeout_s": 0,
            "colour": "red",
        }
    )
    lines = text.splitlines()[1:]
    keys = [line.split(":")[0].strip() for line in lines]
    account = "accounts.AC" + "0" * 32
    assert sorted(keys) == sorted(
        [
            "public_url",
            f"{account}.auth_token",
            f"{account}.further_tokens",
            "signature",
            "read_timeout_s",
            "colour",
        ]
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"public_url": None}, "URL under which Twilio reaches this service"),
        ({"accounts": {}}, "add a table per AccountSid"),
        ({"accounts": "AC"}, "add a table per AccountSid"),
        ({"accounts": {"AC" + "0" * 32: {"auth_token": ""}}}, "API keys & tokens"),
        ({"accounts": {"AC" + "0" * 32: {"auth_token": "t", "sid": "x"}}}, "spelling"),
        ({"accounts": {"AC" + "0" * 32: {"auth_token": "t", "shared_keys": 1}}}, "webhooks_shared"),
        ({"accounts": {"AC" + "0" * 32: {"auth_token": "t", "further_tokens": [""]}}}, "list of"),
        ({"signature": "off"}, '"enforce"'),
        ({"sending_account": "AC" + "1" * 32}, "name one of the AccountSids"),
        ({"base_url": "localhost:1"}, "except for a sandbox"),
        ({"connect_timeout_s": "soon"}, "give seconds"),
        ({"unheard_of": 1}, "take it out"),
    ],
)
def test_each_problem_has_a_remedy(changes: dict[str, Any], words: str) -> None:
    """The line says what to do."""
    assert words in said(GOOD | changes)


SID = "AC" + "0" * 32


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"accounts": {}}, "accounts: it is empty: add a table per AccountSid"),
        ({"accounts": "x"}, "accounts: it is no table: add a table"),
        ({"accounts": {SID: "x"}}, f"accounts.{SID}: it is no table: add a table"),
        ({"accounts": {SID: {"auth_token": ""}}}, "auth_token: it is empty: copy it"),
        ({"accounts": {SID: {"auth_token": 5}}}, "auth_token: it is no text: copy it"),
        ({"public_url": 5}, "public_url: it is no text: set it"),
        ({"signature": "maybe"}, "signature: it is no such word: use"),
        ({"read_timeout_s": "soon"}, "read_timeout_s: it is no number: give seconds"),
        ({"read_timeout_s": 0}, "read_timeout_s: it is out of range: give seconds"),
        ({"connect_timeout_s": 61}, "connect_timeout_s: it is out of range: give seconds"),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_plain_words(
    changes: dict[str, Any], words: str
) -> None:
    """Not in those of the library that found it."""
    assert words in said(GOOD | changes)


@pytest.mark.parametrize(("key", "words"), [("further_tokens", "list"), ("shared_keys", "table")])
def test_lists_and_tables_of_secrets_are_told_in_plain_words(key: str, words: str) -> None:
    """Without the secret that stands there."""
    text = said(GOOD | {"accounts": {SID: {"auth_token": "t", key: "s3cret"}}})
    assert f"{key}: it is no {words}: give a {words} of" in text
    assert "s3cret" not in text


def test_secrets_are_not_repeated() -> None:
    """Neither a wrong token nor one in the place of an AccountSid shows."""
    text = said(
        GOOD
        | {
            "accounts": {"t0ken-as-key": {"auth_token": "s3cret"}, "AC" + "0" * 32: "s3cret"},
            "signature": "s3cret",
        }
    )
    assert "t0ken" not in text
    assert "s3cret" not in text
    assert "not an AccountSid" in text


def test_settings_show_no_secret() -> None:
    """Their repr can be logged."""
    assert "s3cret" not in repr(read_settings(GOOD))


def test_sending_needs_one_account(
    make_twilio: Callable[..., Twilio],
) -> None:
    """With several accounts, which one sends is not guessed."""
    accounts = {"AC" + digit * 32: {"auth_token": "t"} for digit in "01"}
    text = OutgoingText("m-1", "+12025550123", "+12025550199", "Hi", "https://sms.example.com/s")
    with pytest.raises(BadSettings, match="sending_account"):
        make_twilio(accounts=accounts).send(text, "d-1")


def test_account_names_may_come_in_lower_case() -> None:
    """An AccountSid without lower-case letters loses its capitals on the way from a variable."""
    sid = "AC" + "0" * 32
    table = {sid: {"auth_token": "file", "further_tokens": ["f"]}, sid.lower(): {"auth_token": "v"}}
    for accounts in (table, dict(reversed(table.items()))):
        account = read_settings(GOOD | {"accounts": accounts}).accounts[sid]
        assert account.auth_token.get_secret_value() == "v"
        assert [token.get_secret_value() for token in account.further_tokens] == ["f"]


def test_numbers_may_come_as_texts() -> None:
    """Environment variables are texts."""
    assert read_settings(GOOD | {"read_timeout_s": "12.5"}).read_timeout_s == 12.5
