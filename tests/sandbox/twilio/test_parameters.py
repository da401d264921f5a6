"""Every rule for the parameters of a send, through Twilio's own client."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from crm_sms.sandbox.server import Sandbox
from crm_sms.sandbox.twilio.accounts import ACCOUNT_SID, SERVICE_SID
from crm_sms.sandbox.twilio.errors import REFUSALS

TO, FROM = "+12025550123", "+12025550100"
OTHER_SERVICE = "MG" + "f" * 32


def _sent(client: Client, **changes: Any) -> Any:
    given = {"to": TO, "from_": FROM, "body": "Hello"} | changes
    return client.messages.create(**{k: v for k, v in given.items() if v is not None})


def _refused(client: Client, **changes: Any) -> TwilioRestException:
    with pytest.raises(TwilioRestException) as refusal:
        _sent(client, **changes)
    return refusal.value


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (21604, {"to": ""}),
        (21211, {"to": "12025550123"}),
        (21211, {"to": "+0202555"}),
        (21211, {"to": "+1 202 555 0123"}),
        (21211, {"to": "+12025550123456789"}),
        (21211, {"to": "nobody"}),
        (21211, {"to": "+15005550001"}),
        (21612, {"to": "+15005550002"}),
        (21408, {"to": "+15005550003"}),
        (21610, {"to": "+15005550004"}),
        (21614, {"to": "+15005550009"}),
        (21603, {"from_": None}),
        (21603, {"from_": ""}),
        (21212, {"from_": "+1 (202)"}),
        (21212, {"from_": "much too long a name"}),
        (21212, {"from_": "+15005550001"}),
        (21606, {"from_": "+15005550007"}),
        (21606, {"from_": "+12025559999"}),
        (21606, {"from_": "99999"}),
        (21611, {"from_": "+15005550008"}),
        (21612, {"from_": "Example"}),
        (21266, {"from_": "+12025550123"}),
        (21910, {"from_": "whatsapp:+12025550100"}),
        (21910, {"to": "whatsapp:+12025550123"}),
        (21705, {"from_": None, "messaging_service_sid": OTHER_SERVICE}),
        (21705, {"from_": None, "messaging_service_sid": "MG1"}),
        (21712, {"messaging_service_sid": SERVICE_SID}),
        (21602, {"body": None}),
        (21602, {"body": ""}),
        (21617, {"body": "x" * 1601}),
        (21620, {"media_url": ["not a url"]}),
        (21620, {"media_url": ["https://example.com/a.jpg", "ftp://example.com/b.jpg"]}),
        (21623, {"media_url": ["https://example.com/a.jpg"] * 11}),
        (21655, {"content_sid": "HX" + "0" * 32}),
        (21609, {"status_callback": "hooks.example.com/sms"}),
        (21609, {"status_callback": "https://my_host.example.com/sms"}),
        (21609, {"status_callback": "ftp://example.com/sms"}),
        (21609, {"status_callback": "https:///sms"}),
        (21609, {"status_callback": "https://example.com:port/sms"}),
        (20001, {"application_sid": "AP1"}),
        (20001, {"validity_period": 0}),
        (20001, {"validity_period": 36_001}),
        (20001, {"validity_period": "soon"}),
        (20001, {"attempt": "first"}),
        (20001, {"max_price": "much"}),
        (20001, {"provide_feedback": "perhaps"}),
        (20001, {"force_delivery": "perhaps"}),
        (20001, {"smart_encoded": "perhaps"}),
        (20001, {"send_as_mms": "perhaps"}),
        (20001, {"shorten_urls": "perhaps"}),
        (20001, {"shorten_urls": True}),
        (20001, {"content_retention": "forget"}),
        (20001, {"address_retention": "forget"}),
        (20001, {"traffic_type": "cheap"}),
        (20001, {"risk_check": "maybe"}),
        (20001, {"schedule_type": "later"}),
        (20001, {"content_variables": "[1]"}),
        (20001, {"content_variables": "{broken"}),
        (35111, {"schedule_type": "fixed"}),
        (35111, {"send_at": "2026-03-02T12:00:00Z"}),
        (35118, {"schedule_type": "fixed", "send_at": "2026-03-02T12:00:00Z"}),
    ],
)
def test_refusals(client: Client, code: int, changes: dict[str, Any]) -> None:
    """Each broken rule is refused with its code and its documented HTTP status."""
    refusal = _refused(client, **changes)
    assert (refusal.code, refusal.status) == (code, REFUSALS[code][0])


@pytest.mark.parametrize(
    "seconds",
    [-60, 0, 15 * 60 - 1, 35 * 86_400 + 1],
)
def test_a_schedule_has_a_window(sandbox: Sandbox, client: Client, seconds: int) -> None:
    """Sooner than 15 minutes and later than 35 days are refused."""
    send_at = sandbox.clock.now() + timedelta(seconds=seconds)
    changes = {"messaging_service_sid": SERVICE_SID, "schedule_type": "fixed", "from_": None}
    assert _refused(client, send_at=send_at, **changes).code == 35114


@pytest.mark.parametrize("seconds", [15 * 60, 35 * 86_400])
def test_the_edges_of_the_window_are_in_it(sandbox: Sandbox, client: Client, seconds: int) -> None:
    """Exactly 15 minutes and exactly 35 days are accepted."""
    changes = {"messaging_service_sid": SERVICE_SID, "schedule_type": "fixed", "from_": None}
    send_at = sandbox.clock.now() + timedelta(seconds=seconds)
    assert _sent(client, send_at=send_at, **changes).status == "scheduled"


@pytest.mark.parametrize(
    "send_at", ["2026-03-02", "soon", "2026-13-02T12:00:00Z", "20260302T120000Z"]
)
def test_a_schedule_must_be_an_instant(client: Client, send_at: str) -> None:
    """Dates and other spellings are refused like an instant outside the window."""
    changes = {"messaging_service_sid": SERVICE_SID, "schedule_type": "fixed", "from_": None}
    assert _refused(client, send_at=send_at, **changes).code == 35114


@pytest.mark.parametrize(
    "changes",
    [
        {"from_": "+15005550006"},
        {"from_": "72345"},
        {"from_": "+12025550110"},
        {"from_": "Example", "to": "+447911123456"},
        {"from_": "whatsapp:+12025550100", "to": "whatsapp:+12025550123"},
        {"from_": None, "messaging_service_sid": SERVICE_SID},
        {"from_": "+12025550110", "messaging_service_sid": SERVICE_SID},
        {"body": "x" * 1600},
        {"body": None, "media_url": ["https://example.com/a.jpg"] * 10},
        {"status_callback": "https://hooks.example.com/sms?key=1#rc=3&rp=all"},
        {"status_callback": "http://127.0.0.1:8080/sms"},
        {"validity_period": 1},
        {"validity_period": 36_000},
        {"attempt": 2, "max_price": "0.5", "smart_encoded": True, "provide_feedback": False},
        {"content_retention": "discard", "address_retention": "obfuscate", "risk_check": "disable"},
        {"content_variables": '{"1": "Ada"}', "traffic_type": "free"},
        {"message_intent": "marketing"},
    ],
)
def test_accepted(client: Client, changes: dict[str, Any]) -> None:
    """What keeps every rule becomes a Message, unknown parameters notwithstanding."""
    assert _sent(client, **changes).status in ("queued", "accepted")


def test_an_unknown_parameter_is_ignored(http) -> None:
    """The 2010 API does not mind names that it does not know."""
    account = ACCOUNT_SID
    form = {"To": TO, "From": FROM, "Body": "hi", "Tags": "{}", "Colour": "blue"}
    answer = http("POST", f"/2010-04-01/Accounts/{account}/Messages.json", data=form)
    assert answer.status_code == 201


def test_a_refused_send_leaves_nothing(sandbox: Sandbox, client: Client) -> None:
    """No text, no callback."""
    _refused(client, to="+15005550009", status_callback="https://hooks.example.com")
    sandbox.clock.advance(3600)
    assert sandbox.twilio.stats()["texts"] == {}
    assert sandbox.twilio.stats()["waiting"] == 0


def test_a_refusal_names_what_was_wrong(client: Client) -> None:
    """The message holds the offending parameter or value, and a page to read."""
    refusal = _refused(client, validity_period=0)
    assert "ValidityPeriod" in refusal.msg
    assert _refused(client, to="nobody").msg.endswith("nobody")


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_every_refusal_has_a_status_of_its_kind(code: int) -> None:
    """Statuses are HTTP errors, and no message is left with an open place."""
    status, message = REFUSALS[code]
    assert 400 <= status < 600
    assert "{" not in message.format("detail")
