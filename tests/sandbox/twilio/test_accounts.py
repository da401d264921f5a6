"""Accounts: keywords, opt-outs and their scope, credentials."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.sandbox.twilio import Reply, SendText, Twilio
from crm_sms.sandbox.twilio.accounts import (
    KEYWORDS,
    SERVICE_SENDERS,
    SERVICE_SID,
    Account,
    authenticate,
    default_account,
    keyword_of,
)
from crm_sms.sandbox.twilio.errors import Refused

PERSON, SENDER, OTHER_SENDER = "+12025550123", "+12025550100", "+12025550101"
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def _may_send(twilio: Twilio, **sender: str) -> bool:
    try:
        twilio.send(SendText(to=PERSON, body="Hello", **sender))
    except Refused as refused:
        return refused.code != 21610
    return True


def _says(twilio: Twilio, body: str, to: str = SENDER) -> None:
    twilio.reply(Reply(from_=PERSON, to=to, body=body))


@pytest.mark.parametrize("word", [w for w, kind in KEYWORDS.items() if kind == "STOP"])
def test_every_stop_word_stops(twilio: Twilio, word: str) -> None:
    """In any case and with space around it."""
    _says(twilio, f"  {word.capitalize()}\n")
    assert not _may_send(twilio, from_=SENDER)


@pytest.mark.parametrize("word", [w for w, kind in KEYWORDS.items() if kind == "START"])
def test_every_start_word_lifts_it(twilio: Twilio, word: str) -> None:
    """Until then it holds."""
    _says(twilio, "STOP")
    assert not _may_send(twilio, from_=SENDER)
    _says(twilio, word.lower())
    assert _may_send(twilio, from_=SENDER)


@pytest.mark.parametrize(
    "body", ["Please stop", "STOP it", "stopp", "opt out", "", "STOP.", "HELP", "info", "STOP ALL"]
)
def test_other_words_do_not(twilio: Twilio, body: str) -> None:
    """The keyword must be the whole text."""
    _says(twilio, body)
    assert _may_send(twilio, from_=SENDER)


def test_the_scope_is_the_number_or_its_service(twilio: Twilio) -> None:
    """A number on its own stands for itself; a service's number for the whole pool."""
    _says(twilio, "STOP")
    assert not _may_send(twilio, from_=SENDER)
    assert _may_send(twilio, from_=OTHER_SENDER)
    assert _may_send(twilio, service=SERVICE_SID)
    _says(twilio, "STOP", to=SERVICE_SENDERS[0])
    assert not _may_send(twilio, service=SERVICE_SID)
    assert not _may_send(twilio, from_=SERVICE_SENDERS[1])
    assert _may_send(twilio, from_=OTHER_SENDER)


def test_an_opt_out_is_the_persons_own(twilio: Twilio) -> None:
    """Others still get texts."""
    _says(twilio, "STOP")
    twilio.send(SendText(to="+12025550124", from_=SENDER, body="Hello"))
    assert twilio.stats()["opted_out"] == 1


@given(st.lists(st.sampled_from(["STOP", "START", "Hello", "help"]), max_size=8))
def test_the_last_stop_or_start_decides(words: list[str]) -> None:
    """Whatever was said in between."""
    account = Account("AC" + "a" * 32, "t", NOW)
    for word in words:
        account.heed(PERSON, SENDER, word)
    decisive = [word for word in words if word in ("STOP", "START")]
    assert bool(account.opted_out) == (decisive[-1:] == ["STOP"])


@given(st.text(max_size=20))
def test_keywords_are_found_in_any_text(body: str) -> None:
    """Never an error, and only for a text that is one of the words."""
    assert (keyword_of(body) is None) == (body.strip().upper() not in KEYWORDS)


def test_a_service_spreads_people_over_its_senders() -> None:
    """Each person always gets the same sender, and all senders are used."""
    service = default_account(NOW).services[SERVICE_SID]
    people = [f"+1202555{n:04d}" for n in range(100, 140)]
    chosen = [service.sender_for(person) for person in people]
    assert set(chosen) == set(SERVICE_SENDERS)
    assert chosen == [service.sender_for(person) for person in people]


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@given(st.text(max_size=30))
def test_only_the_tokens_open_an_account(token: str) -> None:
    """Any other text is refused, and never an error."""
    account = Account("AC" + "a" * 32, "first", NOW, secondary_token="second")
    header = _basic(f"{account.sid}:{token}")
    if token in ("first", "second"):
        assert authenticate({account.sid: account}, header) is account
    else:
        with pytest.raises(Refused, match="20003"):
            authenticate({account.sid: account}, header)


@given(st.binary(max_size=30).map(lambda raw: raw.decode("latin-1")))
def test_broken_headers_are_refused(header: str) -> None:
    """Whatever bytes come."""
    with pytest.raises(Refused, match="20003"):
        authenticate({}, header)


def test_promoting_needs_a_second_token() -> None:
    """Without one nothing changes."""
    account = default_account(NOW)
    before = account.auth_token
    with pytest.raises(Refused, match="20404"):
        account.promote()
    assert account.auth_token == before
