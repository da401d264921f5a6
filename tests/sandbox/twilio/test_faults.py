"""Faults of callbacks: each alone, in part, and together."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from twilio.request_validator import RequestValidator

from crm_sms.sandbox.server import Sandbox
from crm_sms.sandbox.twilio import Configure, Fault, Reply, SendText, Twilio
from crm_sms.sandbox.twilio.faults import OF_THE_API, Rule, Rules

TO, FROM = "+12025550123", "+12025550100"
ALL = ["sending", "sent", "delivered"]


def _play(sandbox: Sandbox, customer: Any, *faults: Fault, seconds: float = 60) -> list[str]:
    """One text under these faults; the statuses that reached the customer, in their order."""
    for fault in faults:
        sandbox.twilio.add_fault(fault)
    sandbox.twilio.send(
        SendText(to=TO, from_=FROM, body="Hello", status_callback=f"{customer.url}/sms")
    )
    sandbox.clock.advance(seconds)
    sandbox.twilio.deliver()
    return customer.statuses


def test_lost(sandbox: Sandbox, customer) -> None:
    """Never posted, but kept among the attempts."""
    assert _play(sandbox, customer, Fault(fault="lost")) == []
    assert sandbox.twilio.stats()["callbacks"] == {"lost": 3}


def test_late(sandbox: Sandbox, customer) -> None:
    """So many seconds after it was due."""
    assert _play(sandbox, customer, Fault(fault="late", seconds=300)) == []
    sandbox.clock.advance(300)
    sandbox.twilio.deliver()
    assert customer.statuses == ALL


def test_doubled(sandbox: Sandbox, customer) -> None:
    """Twice the same bytes with the same token."""
    statuses = _play(sandbox, customer, Fault(fault="doubled", match="sent"))
    assert statuses == ["sending", "sent", "sent", "delivered"]
    one, two = customer.hits[1:3]
    assert one == two


def test_reordered(sandbox: Sandbox, customer) -> None:
    """All arrive, in another order; the seed decides which."""
    fault = Fault(fault="reordered", seconds=60, seed=2)
    statuses = _play(sandbox, customer, fault, seconds=120)
    assert sorted(statuses) == sorted(ALL)
    assert statuses != ALL


def test_truncated(sandbox: Sandbox, customer) -> None:
    """Half of the body arrives, under the signature of the whole."""
    sandbox.twilio.add_fault(Fault(fault="truncated"))
    sandbox.twilio.configure(Configure(inbound_url=customer.url))
    sandbox.twilio.reply(Reply(from_=TO, to=FROM, body="Hello"))
    sandbox.twilio.deliver()
    (hit,) = customer.hits
    validator = RequestValidator(sandbox.twilio.account.auth_token)
    signature = hit.headers["x-twilio-signature"]
    assert not validator.validate(customer.url + hit.path, hit.form, signature)


def test_shifted(sandbox: Sandbox, client: Any) -> None:
    """A text that comes in between two pages moves the list: its last text is there twice."""
    for body in "abc":
        sandbox.twilio.send(SendText(to=TO, from_=FROM, body=body))
    sandbox.twilio.add_fault(Fault(fault="shifted"))
    pages = [client.messages.page(page_size=2)]
    sandbox.twilio.send(SendText(to=TO, from_=FROM, body="d"))
    pages += [pages[0].next_page()]
    assert [[message.body for message in page] for page in pages] == [["c", "b"], ["b", "a"]]


def test_wrong_signature(sandbox: Sandbox, customer) -> None:
    """The body is right, and signed with another token."""
    assert _play(sandbox, customer, Fault(fault="wrong_signature", match="sent")) == ALL
    validator = RequestValidator(sandbox.twilio.account.auth_token)
    verdicts = [
        validator.validate(customer.url + hit.path, hit.form, hit.headers["x-twilio-signature"])
        for hit in customer.hits
    ]
    assert verdicts == [True, False, True]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("status", {"inbound": 1}),
        ("inbound", {"status": 3}),
        ("delivered", {"inbound": 1, "status": 2}),
        ("received", {"status": 3}),
        ("click", {"inbound": 1, "status": 3}),
    ],
)
def test_a_rule_may_match_a_kind_or_a_status(
    twilio: Twilio, time: Any, match: str, expected: dict[str, int]
) -> None:
    """What is not matched arrives."""
    twilio.configure(Configure(inbound_url="https://hooks.example.com"))
    twilio.add_fault(Fault(fault="lost", match=match))
    twilio.send(
        SendText(to=TO, from_=FROM, body="Hello", status_callback="https://hooks.example.com")
    )
    twilio.reply(Reply(from_=TO, to=FROM, body="Hello"))
    time.sleep(60)
    twilio.stats()
    arriving = [c.kind for c in twilio.postman.waiting if "lost" not in c.spoilt]
    assert Counter(arriving) == expected


def test_times_end_a_rule(sandbox: Sandbox, customer) -> None:
    """After two hits it is spent."""
    assert _play(sandbox, customer, Fault(fault="lost", times=2)) == ["delivered"]


def test_rules_add_up(sandbox: Sandbox, customer) -> None:
    """Doubled, and then one copy of it lost, which is counted."""
    faults = (Fault(fault="doubled"), Fault(fault="lost", times=1))
    expected = ["sending", "sent", "sent", "delivered", "delivered"]
    assert _play(sandbox, customer, *faults) == expected
    assert sandbox.twilio.stats()["callbacks"] == {"lost": 1, "204": 5}


def test_cleared_faults_strike_no_more(sandbox: Sandbox, customer) -> None:
    """What comes after is whole."""
    sandbox.twilio.add_fault(Fault(fault="lost"))
    sandbox.twilio.clear_faults()
    assert _play(sandbox, customer) == ALL


@given(st.integers(), st.floats(0, 1))
def test_the_same_seed_strikes_the_same(seed: int, share: float) -> None:
    """A rule is a function of its seed and of how many callbacks came before."""
    one, two = (Rule(Fault(fault="lost", seed=seed, share=share)) for _ in range(2))
    assert [one.strikes() for _ in range(50)] == [two.strikes() for _ in range(50)]


@pytest.mark.parametrize("share", [0, 0.2, 0.5, 1])
def test_a_share_is_about_that_share(share: float) -> None:
    """None of them at 0, all at 1, and near it in between."""
    rule = Rule(Fault(fault="lost", share=share, seed=1))
    hits = sum(rule.strikes() for _ in range(2000))
    assert abs(hits / 2000 - share) < 0.05
    assert hits == rule.hits


@given(st.integers(0, 1000), st.integers(1, 600), st.integers(1, 30))
def test_reordering_stays_within_its_window(seed: int, window: int, count: int) -> None:
    """No callback comes earlier than it was due, or later than the window."""
    start = datetime(2026, 3, 2, tzinfo=UTC)
    twilio = Twilio(lambda: start, random.Random(0))
    twilio.configure(Configure(inbound_url="https://hooks.example.com"))
    twilio.add_fault(Fault(fault="reordered", seconds=window, seed=seed))
    for _ in range(count):
        twilio.reply(Reply(from_=TO, to=FROM, body="Hello"))
    delays = [callback.due - start for callback in twilio.postman.waiting]
    assert len(delays) == count
    assert all(timedelta(0) <= delay <= timedelta(seconds=window) for delay in delays)


def test_faults_of_the_api_leave_callbacks_alone() -> None:
    """And those of callbacks leave the API alone."""
    rules = Rules()
    rules.rules = [Rule(Fault(fault=name)) for name in OF_THE_API]  # type: ignore[arg-type]
    callback: Any = object()
    assert rules.spoil(callback) == [callback]
    rules.rules = [Rule(Fault(fault="lost"))]
    assert rules.api_fault("POST") is None


@pytest.mark.parametrize(
    "fields",
    [{"fault": "eaten"}, {"fault": "lost", "share": 1.1}, {"fault": "lost", "times": 0},
     {"fault": "late", "seconds": -1}, {"fault": "lost", "shar": 1}, {}],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    """Rather than to be taken for one that never strikes."""
    with pytest.raises(ValidationError):
        Fault.model_validate(fields)
