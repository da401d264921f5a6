"""One callback, verified and kept, for whoever takes callbacks in an application of their own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from crm_sms.errors import Forged, StoreUnavailable, Unreadable
from crm_sms.ledger import Ledger, inbox
from crm_sms.ledger.facts import numbers_suppressed
from crm_sms.ports import WebhookRequest
from crm_sms.use_cases.receive import Receiving, receive_webhook

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
STOP = json.dumps({"id": "1", "text": "STOP", "from": "+12025550123", "to": "+12025550100"})


@pytest.fixture
def receiving(ledger: Ledger, acme: Any) -> Receiving:
    """What the callbacks of a provider need."""
    rules = {"acme": acme.Acme.opt_out_rules}
    return Receiving(ledger, acme.Acme({"secret": "s"}, lambda: NOW), rules, lambda: NOW)


@pytest.fixture
def call(acme: Any) -> Any:
    """Makes a signed callback with this body."""

    def make(body: str, secret: str = "s") -> WebhookRequest:
        mark = acme.signature(secret, "/texts", body.encode())
        return WebhookRequest("POST", "/texts", "", {"x-acme-signature": mark}, body.encode())

    return make


def kept(ledger: Ledger) -> tuple[int, int]:
    """How many events wait, and how many numbers said no."""
    with ledger.read() as connection:
        return inbox.backlog(connection)[0], numbers_suppressed(connection)


def test_the_event_and_its_no_are_kept_once(receiving: Receiving, call: Any) -> None:
    """A provider that repeats itself is answered the same."""
    for _ in range(2):
        [event] = receive_webhook(receiving, call(STOP))
        assert (event.body, event.verified) == ("STOP", True)
    assert kept(receiving.ledger) == (1, 1)


@pytest.mark.parametrize(
    ("body", "secret", "error"), [(STOP, "other", Forged), ("Hello", "s", Unreadable)]
)
def test_nothing_is_kept_of_what_is_refused(
    receiving: Receiving, call: Any, body: str, secret: str, error: type[Exception]
) -> None:
    """Both are RefusedInput."""
    with pytest.raises(error):
        receive_webhook(receiving, call(body, secret))
    assert kept(receiving.ledger) == (0, 0)


def test_a_ledger_that_cannot_be_written_is_said(
    receiving: Receiving, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider has to send it again, so nobody may answer that it is kept."""

    def full(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(Ledger, "write", full)
    with pytest.raises(StoreUnavailable):
        receive_webhook(receiving, call(STOP))
