"""Our key and metadata ride on the status callback and come back whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.errors import BadSettings
from crm_sms.events import Metadata
from crm_sms_twilio import Twilio
from crm_sms_twilio.callback_url import correlation, with_decision

PUBLIC = "https://sms.example.com/crm-sms"
FIELDS = [field.name for field in fields(Metadata)]
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


def test_the_url_reads_as_documented(twilio: Twilio) -> None:
    """The README shows this form, which other systems copy."""
    url = twilio.callback_url(PUBLIC, "m-1", {"campaign": "spring", "person_id": "003A"})
    assert url == (
        "https://sms.example.com/crm-sms/webhooks/twilio/status"
        "?key=m-1&campaign=spring&person=003A#rc=3&rp=all"
    )


@given(key=texts, metadata=st.dictionaries(st.sampled_from(FIELDS), texts))
def test_what_is_sent_comes_back(twilio: Twilio, key: str, metadata: dict[str, str]) -> None:
    """Any key and any metadata survive the way through the URL."""
    parts = urlsplit(twilio.callback_url(PUBLIC, key, metadata))
    assert correlation(parts.query) == (key, Metadata(**metadata))
    assert parts.fragment == "rc=3&rp=all"


def test_it_comes_back_signed(twilio: Twilio, caller: Any, status_params: dict[str, str]) -> None:
    """What Twilio calls, without the fragment, verifies and carries every field."""
    metadata = {name: f"{name} ü&=+%" for name in FIELDS}
    parts = urlsplit(twilio.callback_url(PUBLIC, "m-1", metadata))
    path = parts.path.removeprefix("/crm-sms")
    (event,) = twilio.receive(caller.form(status_params, path, parts.query), "status")
    assert event.message_key == "m-1"
    assert asdict(event.metadata) == metadata


def test_blank_and_unknown_parameters_are_ignored() -> None:
    """A parameter without a value says nothing; others belong to others."""
    assert correlation("key=&campaign=&utm_source=x&person") == (None, Metadata())


def test_the_first_of_a_repeated_parameter_counts() -> None:
    """Appending to a signed URL would not verify; the order is the sender's own."""
    assert correlation("key=a&key=b&arm=1&arm=2") == ("a", Metadata(arm="1"))


def test_long_values_are_cut() -> None:
    """Nothing longer than the CRM's fields comes in."""
    key, metadata = correlation(f"key={'k' * 300}&campaign={'%C3%BC' * 300}")
    assert key == "k" * 255
    assert metadata.campaign == "ü" * 255


def test_wrongly_encoded_values_do_not_raise() -> None:
    """An authentic callback is never lost for its query."""
    assert correlation("campaign=%FF") == (None, Metadata(campaign="\ufffd"))


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_that_would_not_come_back_is_refused(twilio: Twilio, key: str) -> None:
    """A cut key would be another text's."""
    with pytest.raises(ValueError, match="1 to 255"):
        twilio.callback_url(PUBLIC, key, {})


def test_unknown_metadata_is_refused(twilio: Twilio) -> None:
    """A misspelt field would be lost in silence."""
    with pytest.raises(ValueError, match="campain, colour"):
        twilio.callback_url(PUBLIC, "m-1", {"colour": "red", "campain": "x"})


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://sms_gate.example.com", "underscore"),
        ("sms.example.com", "https://"),
        ("ftp://sms.example.com", "https://"),
        ("https://", "no host"),
        ("https://me:pw@sms.example.com", "user or password"),
        ("https://sms.example.com?x=1", "must end before"),
        ("https://sms.example.com:99999", "port"),
    ],
)
def test_a_url_that_twilio_cannot_call_is_refused(
    twilio: Twilio, make_twilio: Callable[..., Twilio], url: str, reason: str
) -> None:
    """In the settings and in the call, with the same words."""
    with pytest.raises(BadSettings, match=reason):
        twilio.callback_url(url, "m-1", {})
    with pytest.raises(BadSettings, match=reason):
        make_twilio(public_url=url)


def test_the_decision_is_added_before_the_fragment() -> None:
    """The id of the gate's decision reaches the query, the overrides stay."""
    assert with_decision(f"{PUBLIC}/s?key=a#rc=3", "d 1") == f"{PUBLIC}/s?key=a&decision=d%201#rc=3"
    assert with_decision(f"{PUBLIC}/s", "d") == f"{PUBLIC}/s?decision=d"


def test_a_decision_that_is_there_stays() -> None:
    """A URL made with decision_id is not given a second one."""
    url = f"{PUBLIC}/s?decision=d-1&key=a#rc=3"
    assert with_decision(url, "d-2") == url
