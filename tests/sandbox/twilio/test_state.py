"""What becomes of a text over time, without a server."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.sandbox.twilio import (
    Answer,
    Click,
    Configure,
    Reply,
    SendText,
    Twilio,
    Visit,
)
from crm_sms.sandbox.twilio.accounts import SERVICE_SENDERS, SERVICE_SID
from crm_sms.sandbox.twilio.errors import Refused
from crm_sms.sandbox.twilio.texts import DELAYS, OUTCOMES, Outcome, Step, way

TO, FROM = "+12025550123", "+12025550100"
HOOK = "https://hooks.example.com/sms"


def _send(twilio: Twilio, **changes: Any) -> str:
    given = {"to": TO, "from_": FROM, "body": "Hello", "status_callback": HOOK} | changes
    return twilio.send(SendText(**given)).sid


def _told(twilio: Twilio) -> list[str]:
    """The statuses that the waiting callbacks tell of, in the order in which they are due."""
    waiting = sorted(twilio.postman.waiting, key=lambda callback: callback.due)
    return [dict(callback.params).get("MessageStatus", "") for callback in waiting]


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_every_outcome_goes_its_way(twilio: Twilio, time: Any, outcome: Outcome) -> None:
    """One callback for each status but the first, in order, ending with the outcome."""
    sid = _send(twilio, outcome=outcome)
    assert twilio.text(sid).status == "queued"
    time.sleep(60)
    assert twilio.text(sid).status == outcome
    assert tuple(_told(twilio)) == OUTCOMES[outcome]


def test_a_service_adds_the_queue(twilio: Twilio, time: Any) -> None:
    """Accepted is the first status, so queued has a callback, with the sender that was chosen."""
    sid = _send(twilio, from_="", service=SERVICE_SID)
    assert twilio.text(sid).from_ is None
    time.sleep(60)
    twilio.text(sid)
    assert _told(twilio) == ["queued", "sending", "sent", "delivered"]
    for callback in twilio.postman.waiting:
        assert dict(callback.params)["From"] in SERVICE_SENDERS
        assert dict(callback.params)["MessagingServiceSid"] == SERVICE_SID


@pytest.mark.parametrize(
    ("outcome", "given", "expected"),
    [
        ("undelivered", None, 30003),
        ("undelivered", 30005, 30005),
        ("failed", None, 30008),
        ("failed", 30001, 30001),
        ("delivered", 30005, None),
    ],
)
def test_error_codes(
    twilio: Twilio, time: Any, outcome: Outcome, given: int | None, expected: int | None
) -> None:
    """A failure has a code, the one that was asked for or the usual one; a success has none."""
    sid = _send(twilio, outcome=outcome, error_code=given)
    time.sleep(60)
    assert twilio.text(sid).error_code == expected
    last = dict(twilio.postman.waiting[-1].params)
    assert last.get("ErrorCode") == (str(expected) if expected else None)


def test_delays_set_the_times(twilio: Twilio, time: Any) -> None:
    """Each status has its own second; what is not named keeps the usual one."""
    sid = _send(twilio, delays={"sending": 10, "sent": 20})
    seen = {}
    for second in range(25):
        seen.setdefault(twilio.text(sid).status, second)
        time.sleep(1)
    assert seen == {"queued": 0, "sending": 10, "delivered": 20}


@given(
    st.sampled_from(get_args(Outcome)),
    st.booleans(),
    st.dictionaries(st.sampled_from(get_args(Step)), st.floats(0, 1000)),
)
def test_no_delay_turns_the_order_round(
    outcome: Outcome, via_service: bool, delays: dict[Step, float]
) -> None:
    """A status never comes before the one that leads to it."""
    steps = way(outcome, via_service, delays)
    seconds = [second for _, second in steps]
    assert seconds == sorted(seconds)
    assert tuple(status for status, _ in steps)[-len(OUTCOMES[outcome]) :] == OUTCOMES[outcome]


def test_every_status_has_a_usual_delay() -> None:
    """The tables know the same statuses."""
    assert set(DELAYS) == set(get_args(Step))
    assert set(OUTCOMES) == set(get_args(Outcome))


def test_without_a_callback_url_nobody_is_told(twilio: Twilio, time: Any) -> None:
    """The text goes its way all the same."""
    sid = _send(twilio, status_callback=None)
    time.sleep(60)
    assert twilio.text(sid).status == "delivered"
    assert twilio.postman.waiting == []


def test_a_services_url_is_used_unless_the_text_has_one(twilio: Twilio, time: Any) -> None:
    """The text's own comes first."""
    twilio.configure(Configure(service_status_callback="https://service.example.com/"))
    _send(twilio, from_="", service=SERVICE_SID, status_callback=None)
    _send(twilio, from_="", service=SERVICE_SID)
    time.sleep(60)
    twilio.stats()
    urls = {callback.url for callback in twilio.postman.waiting}
    assert urls == {HOOK, "https://service.example.com/"}


def test_clicks_follow_their_text(twilio: Twilio, time: Any) -> None:
    """At their second, with the fields of the direct callback."""
    twilio.configure(Configure(click_url="https://hooks.example.com/clicks"))
    click = Click(link="https://example.com/a", after_s=30, user_agent="Bot/1.0")
    sid = _send(twilio, status_callback=None, clicks=(click,))
    time.sleep(29)
    twilio.stats()
    assert twilio.postman.waiting == []
    time.sleep(1)
    twilio.stats()
    (callback,) = twilio.postman.waiting
    created = twilio.text(sid).created
    assert dict(callback.params) == {
        "event_type": "click",
        "sms_sid": sid,
        "to": TO,
        "from": FROM,
        "link": "https://example.com/a",
        "click_time": time.now().isoformat(),
        "link_created_time": created.isoformat(),
        "user_agent": "Bot/1.0",
        "account_sid": twilio.account.sid,
        "messaging_service_sid": "",
    }


def test_a_later_visit(twilio: Twilio, time: Any) -> None:
    """A click on a text that was sent long ago."""
    twilio.configure(Configure(click_url="https://hooks.example.com/clicks"))
    sid = _send(twilio, status_callback=None)
    time.sleep(86_400)
    twilio.visit(Visit(sid=sid, link="https://example.com/a", event_type="preview"))
    (callback,) = twilio.postman.waiting
    assert dict(callback.params)["event_type"] == "preview"
    with pytest.raises(Refused, match="20404"):
        twilio.visit(Visit(sid="SM" + "0" * 32, link="https://example.com/a"))


def test_nobody_clicks_or_answers_what_was_canceled(twilio: Twilio, time: Any) -> None:
    """The plans of a text end with its cancellation; its status callback tells of that alone."""
    twilio.configure(Configure(click_url=HOOK, inbound_url=HOOK))
    form = {
        "To": [TO],
        "Body": ["Hello"],
        "MessagingServiceSid": [SERVICE_SID],
        "ScheduleType": ["fixed"],
        "SendAt": [(time.now() + timedelta(hours=1)).isoformat()],
        "StatusCallback": [HOOK],
    }
    order = SendText(to=TO, clicks=(Click(link=HOOK),), replies=(Answer(body="Yes"),))
    text = twilio.create(twilio.account, form, order)
    twilio.cancel(text.sid)
    time.sleep(86_400)
    assert twilio.texts_of(twilio.account.sid) == [twilio.text(text.sid)]
    assert _told(twilio) == ["canceled"]


def test_replies_follow_their_text(twilio: Twilio, time: Any) -> None:
    """From the person to the sender, at their second, as texts of their own."""
    twilio.configure(Configure(inbound_url=HOOK))
    _send(twilio, status_callback=None, replies=(Answer(body="Yes", after_s=90),))
    time.sleep(90)
    outbound, inbound = twilio.texts_of(twilio.account.sid)
    assert (inbound.from_, inbound.to, inbound.body) == (outbound.to, outbound.from_, "Yes")
    (callback,) = twilio.postman.waiting
    assert callback.kind == "inbound"


def test_an_instant_reply_to_a_service_knows_its_sender(twilio: Twilio) -> None:
    """Also before the text is queued."""
    replies = (Answer(body="Who is this?", after_s=0),)
    _send(twilio, from_="", service=SERVICE_SID, replies=replies)
    assert twilio.texts_of(twilio.account.sid)[1].to in SERVICE_SENDERS


def test_the_fields_of_an_inbound_text(twilio: Twilio) -> None:
    """As Twilio posts them, with media numbered from zero."""
    twilio.configure(Configure(inbound_url=HOOK))
    media = ("https://example.com/a.jpg", "https://example.com/b.jpg")
    text = twilio.reply(Reply(from_=TO, to=SERVICE_SENDERS[0], body="Look", media=media))
    (callback,) = twilio.postman.waiting
    params = dict(callback.params)
    assert text.sid.startswith("MM")
    assert params["MessageSid"] == params["SmsSid"] == params["SmsMessageSid"] == text.sid
    assert (params["Body"], params["NumMedia"], params["SmsStatus"]) == ("Look", "2", "received")
    assert (params["MediaUrl0"], params["MediaUrl1"]) == media
    assert params["MessagingServiceSid"] == SERVICE_SID
    assert "OptOutType" not in params


@pytest.mark.parametrize(
    ("body", "expected"), [("stop", "STOP"), ("Yes", "START"), ("info", "HELP"), ("Hi", None)]
)
def test_opt_out_type_needs_advanced_opt_out(
    twilio: Twilio, body: str, expected: str | None
) -> None:
    """Without it the field is missing, with it only keywords have it."""
    twilio.configure(Configure(inbound_url=HOOK))
    twilio.reply(Reply(from_=TO, to=FROM, body=body))
    twilio.reply(Reply(from_=TO, to=FROM, body=body, advanced_opt_out=True))
    plain, advanced = (dict(callback.params) for callback in twilio.postman.waiting)
    assert "OptOutType" not in plain
    assert advanced.get("OptOutType") == expected


def test_a_reply_needs_a_sender_of_the_account(twilio: Twilio) -> None:
    """A misspelt number is named."""
    with pytest.raises(ValueError, match=r"\+12025559999"):
        twilio.reply(Reply(from_=TO, to="+12025559999", body="Hi"))


def test_another_system_keeps_the_rules_too(twilio: Twilio) -> None:
    """Its texts are refused like those through the API."""
    with pytest.raises(Refused, match="21606"):
        _send(twilio, from_="+12025559999")
    with pytest.raises(ValueError, match="there is no account"):
        _send(twilio, account="AC" + "b" * 32)


URL_FIELDS = ("inbound_url", "fallback_url", "click_url", "service_status_callback")


@pytest.mark.parametrize("name", URL_FIELDS)
def test_configured_urls_are_checked(twilio: Twilio, name: str) -> None:
    """The field is named, and nothing is changed."""
    with pytest.raises(ValueError, match=name):
        twilio.configure(Configure(**{name: "https://my_host.example.com"}))
    assert twilio.account.inbound_url is None


def test_configuration_adds_up(twilio: Twilio) -> None:
    """What is not named stays."""
    twilio.configure(Configure(inbound_url=HOOK))
    twilio.configure(Configure(click_format="json"))
    assert (twilio.account.inbound_url, twilio.account.click_format) == (HOOK, "json")


def test_ids_are_never_the_same(time: Any) -> None:
    """Two sandboxes share none; the same randomness gives the same, for tests that repeat."""

    def sids(twilio: Twilio) -> list[str]:
        return [_send(twilio) for _ in range(50)]

    assert len({*sids(Twilio(time.now)), *sids(Twilio(time.now))}) == 100
    assert sids(Twilio(time.now, random.Random(1))) == sids(Twilio(time.now, random.Random(1)))


def test_what_is_handed_out_does_not_change_later(twilio: Twilio, time: Any) -> None:
    """A text that a caller holds is a snapshot."""
    text = twilio.send(SendText(to=TO, from_=FROM, body="Hello"))
    time.sleep(60)
    assert twilio.text(text.sid).status == "delivered"
    assert text.status == "queued"
