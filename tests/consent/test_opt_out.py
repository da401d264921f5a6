"""Which facts say that a person does, or does not, want our texts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.consent import OptOutVerdict, verdict
from crm_sms.events import (
    Direction,
    ErrorClass,
    Event,
    EventKind,
    OptOutRules,
    OptOutType,
    Status,
)
from crm_sms.phone import parse_address

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RULES = OptOutRules(
    {
        "STOP": OptOutType.STOP,
        "OPTOUT": OptOutType.STOP,
        "START": OptOutType.START,
        "HELP": OptOutType.HELP,
    }
)
REPLY = Event(
    "twilio",
    "AC1",
    "SM1",
    EventKind.REPLY,
    NOON,
    "SM1",
    direction=Direction.INBOUND,
    sender=parse_address("+12025550123"),
    recipient=parse_address("+12025550199"),
    body="STOP",
)
REFUSED = Event(
    "twilio",
    "AC1",
    "SM2:failed",
    EventKind.STATUS,
    NOON,
    "SM2",
    status=Status.FAILED,
    error_code="21610",
    error_class=ErrorClass.CONSENT,
    sender=parse_address("+12025550199"),
    recipient=parse_address("+12025550123"),
)


def test_a_keyword_is_an_opt_out_of_its_sender() -> None:
    """The verdict names the person's number, our end, the word and the time."""
    assert verdict(REPLY, RULES) == OptOutVerdict(
        OptOutType.STOP, "+12025550123", "+12025550199", "keyword STOP", NOON
    )


@pytest.mark.parametrize("body", ["stop", " Stop\n", "sToP", "\tOPTOUT "])
def test_keywords_match_without_case_and_space(body: str) -> None:
    """The whole body, stripped and upper-cased, is the word."""
    found = verdict(replace(REPLY, body=body), RULES)
    assert found is not None
    assert found.type is OptOutType.STOP


@pytest.mark.parametrize(
    "body", ["STOP.", "please stop", "STOP ALL", "OPT OUT", "STOPP", "", None, "BREAKFAST"]
)
def test_anything_but_the_exact_word_is_no_keyword(body: str | None) -> None:
    """Only what the provider obeys by default counts here."""
    assert verdict(replace(REPLY, body=body), RULES) is None


@given(st.text())
def test_only_listed_words_give_a_verdict(body: str) -> None:
    """Whatever a body holds, the verdict is that of the table or none."""
    found = verdict(replace(REPLY, body=body), RULES)
    assert (found.type if found else None) == RULES.keywords.get(body.strip().upper())


@pytest.mark.parametrize("kind", [OptOutType.START, OptOutType.HELP])
def test_start_and_help_are_facts_of_their_own(kind: OptOutType) -> None:
    """They are reported with their type and clear nothing."""
    found = verdict(replace(REPLY, body=kind.value), RULES)
    assert found is not None
    assert (found.type, found.source) == (kind, f"keyword {kind.value.upper()}")


def test_the_providers_word_comes_before_the_keywords() -> None:
    """A provider with keywords of its own says what a reply asked for."""
    found = verdict(replace(REPLY, body="ARRÊT", opt_out_type=OptOutType.STOP), RULES)
    assert found is not None
    assert (found.type, found.source) == (OptOutType.STOP, "provider")
    told = verdict(replace(REPLY, opt_out_type=OptOutType.HELP), RULES)
    assert told is not None
    assert told.type is OptOutType.HELP


def test_a_refusal_for_consent_is_an_opt_out_of_the_recipient() -> None:
    """A failure of the consent class names the recipient and the provider's code."""
    assert verdict(REFUSED, RULES) == OptOutVerdict(
        OptOutType.STOP, "+12025550123", "+12025550199", "error 21610", NOON
    )


def test_a_refusal_without_a_code_still_says_why() -> None:
    """The source never ends in the word None."""
    found = verdict(replace(REFUSED, error_code=None), RULES)
    assert found is not None
    assert found.source == "error consent"


@pytest.mark.parametrize("other", [kind for kind in ErrorClass if kind is not ErrorClass.CONSENT])
def test_other_failures_say_nothing_about_consent(other: ErrorClass) -> None:
    """Only the consent class is a no."""
    assert verdict(replace(REFUSED, error_class=other), RULES) is None


def test_our_own_texts_hold_no_keywords() -> None:
    """A text of ours that reads STOP is not the person's word."""
    assert verdict(replace(REFUSED, body="STOP", error_class=None), RULES) is None


def test_an_imported_stop_counts() -> None:
    """A listing of an inbound text carries its words; a click or unknown fact does not."""
    assert verdict(replace(REPLY, kind=EventKind.SNAPSHOT), RULES) is not None
    assert verdict(replace(REPLY, kind=EventKind.UNKNOWN), RULES) is None


@pytest.mark.parametrize("person", ["55511", "ACME", "whatsapp:+12025550123", "??"])
def test_without_a_persons_number_there_is_no_verdict(person: str) -> None:
    """Short codes and names are nobody we could suppress."""
    assert verdict(replace(REPLY, sender=parse_address(person)), RULES) is None


def test_missing_ends_do_no_harm() -> None:
    """Without the person there is no verdict, without our end a verdict without a sender."""
    assert verdict(replace(REPLY, sender=None), RULES) is None
    found = verdict(replace(REPLY, recipient=None), RULES)
    assert found is not None
    assert found.sender is None


def test_a_short_code_of_ours_is_kept_as_it_came() -> None:
    """Our end may be anything that sends texts."""
    found = verdict(replace(REPLY, recipient=parse_address("55511")), RULES)
    assert found is not None
    assert found.sender == "55511"


def test_the_providers_time_comes_before_ours() -> None:
    """The no holds from when it was said."""
    said_at = NOON - timedelta(hours=3)
    found = verdict(replace(REPLY, occurred_at=said_at), RULES)
    assert found is not None
    assert found.at == said_at


def test_unverified_facts_may_suppress() -> None:
    """A forged no does less harm than a missed one."""
    assert verdict(replace(REPLY, verified=False), RULES) is not None
