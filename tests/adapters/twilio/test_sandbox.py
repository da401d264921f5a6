"""The adapter against a Twilio that shares no code with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from crm_sms.errors import Forged, RefusedInput
from crm_sms.events import ErrorClass, Event, EventKind, OptOutType, Status
from crm_sms.ports import OutgoingText, WebhookRequest
from crm_sms.sandbox import server
from crm_sms.sandbox.twilio import orders
from crm_sms.sandbox.twilio.callbacks import wire
from crm_sms_twilio import Twilio

PUBLIC_URL = "https://sms.example.com/crm-sms"
PERSON = "+12025550123"
SENDER = "+12025550100"


@pytest.fixture(scope="module")
def server_() -> Iterator[Any]:
    """One sandbox for this module."""
    with server.running() as running:
        yield running


@pytest.fixture
def sandbox(server_: Any) -> Iterator[Any]:
    """The sandbox without faults and with nothing waiting from another test."""
    yield server_
    server_.twilio.clear_faults()
    server_.clock.advance(86_400)
    server_.twilio.texts_of(server_.twilio.account.sid)
    server_.twilio.postman.take_due(server_.clock.now(), None)


@pytest.fixture
def provider(sandbox: Any) -> Twilio:
    """The adapter, set up for the sandbox's account."""
    account = sandbox.twilio.account
    settings = {
        "public_url": PUBLIC_URL,
        "base_url": sandbox.url,
        "accounts": {account.sid: {"auth_token": account.auth_token}},
    }
    return Twilio(settings, sandbox.clock.now)


@pytest.fixture
def text(provider: Twilio) -> OutgoingText:
    """A text that carries its key and a person."""
    callback = provider.callback_url(PUBLIC_URL, "m-1", {"person_id": "003A", "campaign": "ü"})
    return OutgoingText("m-1", PERSON, SENDER, "Hello 👋", callback)


@pytest.fixture
def posted(sandbox: Any) -> Callable[[], list[WebhookRequest]]:
    """What Twilio posts within a day, as the web server behind the proxy sees it."""

    def take() -> list[WebhookRequest]:
        sandbox.clock.advance(86_400)
        sandbox.twilio.texts_of(sandbox.twilio.account.sid)
        due = sandbox.twilio.postman.take_due(sandbox.clock.now(), None)
        token = sandbox.twilio.account.auth_token
        return [as_seen(wire(callback, token)) for callback in due]

    return take


def as_seen(sent: Any) -> WebhookRequest:
    """A request after the proxy took TLS and the prefix away."""
    parts = urlsplit(sent.url)
    headers = {name.lower(): value for name, value in sent.headers.items()}
    path = parts.path.removeprefix("/crm-sms")
    return WebhookRequest("POST", path, parts.query, headers, sent.body)


def received(provider: Twilio, callbacks: list[WebhookRequest]) -> list[Event]:
    """The events of these requests, whose kind the path says."""
    return [
        event
        for request in callbacks
        for event in provider.receive(request, request.path.rpartition("/")[2])
    ]


def test_a_text_comes_back_as_delivered(
    provider: Twilio, text: OutgoingText, posted: Callable[[], list[WebhookRequest]]
) -> None:
    """Sent, signed callbacks, with our key, person and decision."""
    outcome = provider.send(text, "d-1")
    assert outcome.provider_message_id
    events = received(provider, posted())
    assert [event.status for event in events][-1] is Status.DELIVERED
    assert {event.provider_message_id for event in events} == {outcome.provider_message_id}
    for event in events:
        assert event.verified
        assert event.message_key == "m-1"
        assert event.metadata.person_id == "003A"
        assert event.metadata.campaign == "ü"
        assert event.metadata.decision_id == "d-1"
    assert len({event.key for event in events}) == len(events)


@pytest.mark.parametrize(
    ("to", "code", "error_class"),
    [
        ("+15005550001", "21211", ErrorClass.INVALID_RECIPIENT),
        ("+15005550002", "21612", ErrorClass.INVALID_RECIPIENT),
        ("+15005550003", "21408", ErrorClass.SENDER_CONFIG),
        ("+15005550004", "21610", ErrorClass.CONSENT),
        ("+15005550009", "21614", ErrorClass.INVALID_RECIPIENT),
    ],
)
def test_magic_numbers_are_refused(
    provider: Twilio, text: OutgoingText, to: str, code: str, error_class: ErrorClass
) -> None:
    """Twilio's test numbers give their codes, and ours their classes."""
    outcome = provider.send(replace(text, recipient=to), "d-1")
    assert (outcome.error_code, outcome.error_class) == (code, error_class)
    assert not outcome.ambiguous


@pytest.mark.parametrize(
    ("fault", "ambiguous", "sent"),
    [
        ("rate_limited", False, 0),
        ("unavailable", True, 0),
        ("server_error", True, 1),
        ("dropped", True, 1),
    ],
)
def test_a_text_is_handed_over_once_under_faults(
    sandbox: Any, provider: Twilio, text: OutgoingText, fault: Any, ambiguous: bool, sent: int
) -> None:
    """Whether the server acted or not, there was one request, and doubt is said."""
    body = f"under {fault}"
    sandbox.twilio.add_fault(orders.Fault(fault=fault, match="POST"))
    outcome = provider.send(replace(text, body=body), "d-1")
    assert outcome.ambiguous is ambiguous
    assert outcome.provider_message_id is None
    texts = sandbox.twilio.texts_of(sandbox.twilio.account.sid)
    assert sum(each.body == body for each in texts) == sent
    assert sum(rule.hits for rule in sandbox.twilio.rules.rules) == 1


def test_replies_and_clicks_come_in(
    sandbox: Any, provider: Twilio, posted: Callable[[], list[WebhookRequest]]
) -> None:
    """A reply, a STOP with Advanced Opt-Out, and a click in either format."""
    sandbox.twilio.configure(
        orders.Configure(
            inbound_url=f"{PUBLIC_URL}/webhooks/twilio/inbound",
            click_url=f"{PUBLIC_URL}/webhooks/twilio/click",
        )
    )
    sandbox.twilio.reply(orders.Reply(**{"from": PERSON, "to": SENDER, "body": "Ok 👍"}))
    sandbox.twilio.reply(
        orders.Reply(**{"from": PERSON, "to": SENDER, "body": "stop", "advanced_opt_out": True})
    )
    sandbox.twilio.reply(orders.Reply(**{"from": PERSON, "to": SENDER, "body": "start"}))
    sent = sandbox.twilio.send(orders.SendText(**{"to": PERSON, "from": SENDER, "body": "x"}))
    for click_format in ("form", "json"):
        sandbox.twilio.configure(orders.Configure(click_format=click_format))
        sandbox.twilio.visit(orders.Visit(sid=sent.sid, link=f"https://e.example/{click_format}"))
    events = received(provider, posted())
    replies = [event for event in events if event.kind is EventKind.REPLY]
    assert [event.body for event in replies] == ["Ok 👍", "stop", "start"]
    assert [event.opt_out_type for event in replies] == [None, OptOutType.STOP, None]
    clicks = [event for event in events if event.click]
    assert {event.click.link for event in clicks if event.click} == {
        "https://e.example/form",
        "https://e.example/json",
    }
    assert all(event.occurred_at for event in clicks)
    assert {event.provider_message_id for event in clicks} == {sent.sid}


def test_truncated_callbacks_are_refused(
    sandbox: Any,
    provider: Twilio,
    text: OutgoingText,
    posted: Callable[[], list[WebhookRequest]],
) -> None:
    """Half a body does not verify."""
    sandbox.twilio.add_fault(orders.Fault(fault="truncated"))
    provider.send(text, "d-1")
    callbacks = posted()
    assert callbacks
    for request in callbacks:
        with pytest.raises(RefusedInput):
            provider.receive(request, "status")


def test_a_promoted_token_needs_the_settings_to_follow(
    sandbox: Any,
    provider: Twilio,
    text: OutgoingText,
    posted: Callable[[], list[WebhookRequest]],
) -> None:
    """After a rotation at Twilio the old token signs nothing; with both, nothing is lost."""
    account = sandbox.twilio.account
    old = account.auth_token
    account.secondary_token = sandbox.twilio.new_token()
    provider.send(text, "d-1")
    account.promote()
    callbacks = posted()
    with pytest.raises(Forged):
        provider.receive(callbacks[0], "status")
    both = {"auth_token": old, "further_tokens": [account.auth_token]}
    rotated = Twilio({"public_url": PUBLIC_URL, "accounts": {account.sid: both}}, sandbox.clock.now)
    assert received(rotated, callbacks)


def test_the_export_is_read(sandbox: Any, provider: Twilio, tmp_path: Path) -> None:
    """The sandbox's list and CSV hold the same texts."""
    account = sandbox.twilio.account
    bodies = {"one", 'two, "quoted"\nlines', "👋"}
    for body in bodies:
        sandbox.twilio.send(orders.SendText(**{"to": PERSON, "from": SENDER, "body": body}))
    seen: list[set[tuple[Any, ...]]] = []
    for kind in ("json", "csv"):
        path = tmp_path / f"export.{kind}"
        query = {"format": kind, "account": account.sid}
        answer = requests.get(f"{sandbox.url}/_sandbox/twilio/export", params=query, timeout=10)
        path.write_bytes(answer.content)
        events = [row.event for row in provider.read_export(path)]
        assert None not in events
        seen.append(
            {(e.provider_message_id, e.body, e.status, e.direction, e.price) for e in events if e}
        )
    assert seen[0] == seen[1]
    assert {row[1] for row in seen[0]} >= bodies


def test_the_credentials_are_checked(sandbox: Any, provider: Twilio) -> None:
    """Good ones are good, wrong ones come with a remedy."""
    assert provider.check()[0].ok is True
    account = sandbox.twilio.account.sid
    wrong = Twilio(
        {
            "public_url": PUBLIC_URL,
            "base_url": sandbox.url,
            "accounts": {account: {"auth_token": "wrong"}},
        },
        sandbox.clock.now,
    )
    finding, *_ = wrong.check()
    assert finding.ok is False
    assert "auth_token" in finding.remedy
