"""The tables agree with Twilio's own descriptions and with our words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crm_sms.events import ErrorClass, OptOutType, Status
from crm_sms_twilio import Twilio
from crm_sms_twilio.words import ERROR_CLASSES, STATUSES, error_of, status_of


def test_every_status_of_the_openapi_is_in_the_table(shared: Path) -> None:
    """A status that Twilio documents is never unknown."""
    document = json.loads((shared / "data/twilio/twilio_api_v2010.json").read_text())
    documented = document["components"]["schemas"]["message_enum_status"]["enum"]
    assert set(STATUSES) == set(documented)


def test_statuses_are_read_without_case() -> None:
    """Event Streams shouts them."""
    assert status_of("DELIVERED") is Status.DELIVERED


def test_a_part_that_arrived_is_not_the_text() -> None:
    """partially_delivered must not count as delivered."""
    assert status_of("partially_delivered") is Status.SENT


def test_the_default_keywords_are_exact() -> None:
    """Twilio's own list and not a word more: the gate's rules add theirs."""
    rules = Twilio.opt_out_rules.keywords
    by_type = {kind: {word for word in rules if rules[word] is kind} for kind in OptOutType}
    assert by_type == {
        OptOutType.STOP: {
            *("STOP", "UNSUBSCRIBE", "END", "QUIT"),
            *("STOPALL", "REVOKE", "OPTOUT", "CANCEL"),
        },
        OptOutType.START: {"START", "YES", "UNSTOP"},
        OptOutType.HELP: {"HELP", "INFO"},
    }


@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        ("21610", ErrorClass.CONSENT),
        ("21211", ErrorClass.INVALID_RECIPIENT),
        ("30003", ErrorClass.UNREACHABLE_TEMPORARY),
        ("30004", ErrorClass.INVALID_RECIPIENT),
        ("30007", ErrorClass.CONTENT),
        ("30034", ErrorClass.SENDER_CONFIG),
        ("30036", ErrorClass.EXPIRED),
        ("30047", ErrorClass.COMPLIANCE_HOLD),
        ("30410", ErrorClass.AMBIGUOUS),
        ("20003", ErrorClass.AUTH),
        ("20429", ErrorClass.RATE),
        ("12345", ErrorClass.UNKNOWN),
    ],
)
def test_error_classes(code: str, error_class: ErrorClass) -> None:
    """The class says what follows from the code."""
    assert error_of(code) == (code, error_class)


def test_only_the_unsubscribed_code_is_an_opt_out() -> None:
    """A suppression is written to the CRM: nothing else may cause one."""
    consent = [code for code, kind in ERROR_CLASSES.items() if kind is ErrorClass.CONSENT]
    assert consent == ["21610"]


def test_codes_are_numbers_as_twilio_writes_them() -> None:
    """Codes are compared as texts."""
    assert all(code.isdigit() and len(code) == 5 for code in ERROR_CLASSES)
