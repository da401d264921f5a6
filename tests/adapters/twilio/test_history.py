"""Twilio's list of messages, read page by page: nothing is left out, whatever happens meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from responses import RequestsMock

from crm_sms.errors import AccessRefused, MissingExtra, QuotaEnded, TryLater
from crm_sms.events import Direction, Event, EventKind, Status
from crm_sms.ports import HistoryPage
from crm_sms.sandbox import server
from crm_sms.sandbox.twilio import orders
from crm_sms.sandbox.twilio.accounts import SERVICE_SID, Account
from crm_sms_twilio import Twilio, fetching
from crm_sms_twilio import history as module

PERSON, SENDER = "+12025550123", "+12025550100"
START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
SINCE = START - timedelta(hours=1)
MakeTwilio = Callable[..., Twilio]


@pytest.fixture
def sandbox() -> Iterator[Any]:
    """A Twilio at START, without texts."""
    with server.running() as running:
        running.clock.set(START)
        yield running


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited between tries."""
    asked: list[float] = []
    monkeypatch.setattr(fetching, "_sleep", asked.append)
    return asked


@pytest.fixture(autouse=True)
def _two_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_SIZE", 2)


@pytest.fixture
def provider(sandbox: Any, make_twilio: MakeTwilio) -> Twilio:
    """The adapter with the sandbox's accounts."""
    return connected(sandbox, make_twilio)


def connected(sandbox: Any, make_twilio: MakeTwilio) -> Twilio:
    """The adapter with the accounts that the sandbox has now."""
    accounts = {one.sid: {"auth_token": one.auth_token} for one in sandbox.twilio.accounts.values()}
    return make_twilio(base_url=sandbox.url, accounts=accounts)


def send(sandbox: Any, body: str, **fields: Any) -> str:
    """A text of another system; its sid."""
    sender = {} if "service" in fields else {"from": SENDER}
    order = orders.SendText(**{"to": PERSON, "body": body, **sender, **fields})
    return str(sandbox.twilio.send(order).sid)


def read(
    provider: Twilio, since: datetime = SINCE, account: str = "", after: str | None = None
) -> list[Event]:
    """The events of every page."""
    account = account or provider.accounts[0]
    return events_of(*provider.history(account, since, after))


def events_of(*pages: HistoryPage) -> list[Event]:
    """The events of these pages."""
    return [row.event for page in pages for row in page.rows if row.event]


def bodies(events: list[Event]) -> list[str]:
    """What the texts say."""
    return sorted(event.body or "" for event in events)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7])
def test_every_page_is_read(sandbox: Any, provider: Twilio, count: int) -> None:
    """Each text once, whether the last page is full or not."""
    for number in range(count):
        send(sandbox, f"text {number}")
    sandbox.clock.advance(60)
    assert bodies(read(provider)) == [f"text {number}" for number in range(count)]


def test_a_listing_gives_what_an_export_gives(
    sandbox: Any, provider: Twilio, tmp_path: Path
) -> None:
    """The same facts under the same keys, so that nothing is there twice that came both ways."""
    send(sandbox, "sent", media=("https://e.example/a.jpg",))
    send(sandbox, "failed", outcome="failed", error_code=30007)
    send(sandbox, "of a pool", service=SERVICE_SID)
    sandbox.twilio.reply(orders.Reply(**{"from": PERSON, "to": SENDER, "body": "Ok"}))
    sandbox.clock.advance(60)
    send(sandbox, "not sent yet")
    path = tmp_path / "export.json"
    path.write_bytes(requests.get(f"{sandbox.url}/_sandbox/twilio/export", timeout=10).content)
    exported = [row.event for row in provider.read_export(path) if row.event]
    by_key = {event.key: event for event in read(provider)}
    assert len(exported) == 5
    assert set(by_key) == {event.key for event in exported}
    for event in exported:
        twin = by_key[event.key]
        assert event.kind is twin.kind is EventKind.SNAPSHOT
        assert (event.account, event.body, event.price) == (twin.account, twin.body, twin.price)


def test_what_was_not_sent_is_listed_too(sandbox: Any, provider: Twilio) -> None:
    """A text without a sender yet, one for later, one cancelled, one that failed."""
    later = (START + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    at_later = {"MessagingServiceSid": [SERVICE_SID], "ScheduleType": ["fixed"], "SendAt": [later]}
    account = sandbox.twilio.account
    send(sandbox, "failed", outcome="failed")
    for body in ("cancelled", "scheduled"):
        text = sandbox.twilio.create(account, {"To": [PERSON], "Body": [body], **at_later})
        if body == "cancelled":
            sandbox.twilio.cancel(text.sid)
    sandbox.clock.advance(60)
    send(sandbox, "accepted", service=SERVICE_SID)
    found = {event.body: event for event in read(provider)}
    assert {body: event.status for body, event in found.items()} == {
        "accepted": Status.ACCEPTED,
        "cancelled": Status.CANCELED,
        "failed": Status.FAILED,
        "scheduled": Status.SCHEDULED,
    }
    assert found["accepted"].sender is None
    assert found["accepted"].segments is None  # Twilio says 0 until it has a sender
    assert all(event.sent_at is None for event in found.values())


def test_the_time_counts(sandbox: Any, provider: Twilio) -> None:
    """What is older is left out; what was made long before and sent since is not."""
    later = (START + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    at_later = {"MessagingServiceSid": [SERVICE_SID], "ScheduleType": ["fixed"], "SendAt": [later]}
    sandbox.twilio.create(
        sandbox.twilio.account, {"To": [PERSON], "Body": ["scheduled"], **at_later}
    )
    send(sandbox, "old")
    send(sandbox, "old and failed", outcome="failed")
    sandbox.clock.advance(4 * 3600)
    send(sandbox, "new")
    assert bodies(read(provider, START + timedelta(hours=2))) == ["new", "scheduled"]


def test_a_text_that_is_sent_between_the_lists_is_in_one(sandbox: Any, provider: Twilio) -> None:
    """Unsent while the newest are read, sent when the sent ones are."""
    send(sandbox, "on its way", delays={"sending": 30, "sent": 30, "delivered": 40})
    pages = provider.history(provider.accounts[0], SINCE)
    first = next(pages)
    sandbox.clock.advance(60)
    statuses = [event.status for event in events_of(first, *pages)]
    assert statuses == [Status.QUEUED, Status.DELIVERED]


SHIFTED = [None, orders.Fault(fault="shifted")]


@pytest.mark.parametrize("fault", SHIFTED, ids=["by token", "shifted"])
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_nothing_is_left_out_while_the_list_changes(
    sandbox: Any, provider: Twilio, fault: Any, data: st.DataObject
) -> None:
    """Texts are sent, and come in, between the pages: what was there at the first is all there."""
    sandbox.twilio.clear_faults()
    sandbox.twilio.texts.clear()
    if fault:
        sandbox.twilio.add_fault(fault)
    for number in range(data.draw(st.integers(0, 7))):
        send(sandbox, str(number), outcome=data.draw(st.sampled_from(["delivered", "failed"])))
        sandbox.clock.advance(data.draw(st.integers(0, 3)))
    there = {text.sid for text in sandbox.twilio.texts.values()}
    since = sandbox.clock.now() - timedelta(hours=1)
    found = []
    for page in provider.history(provider.accounts[0], since):
        found += events_of(page)
        for _ in range(data.draw(st.integers(0, 3))):
            send(sandbox, "new", outcome=data.draw(st.sampled_from(["delivered", "failed"])))
            sandbox.clock.advance(data.draw(st.integers(0, 3)))
    assert {event.provider_message_id for event in found} >= there


def test_a_token_that_has_ended_begins_the_list_anew(sandbox: Any, provider: Twilio) -> None:
    """The text it named was deleted; the others are all found."""
    sids = [send(sandbox, str(number)) for number in range(6)]
    sandbox.clock.advance(60)
    pages = provider.history(provider.accounts[0], SINCE)
    found = events_of(next(pages), next(pages), next(pages))
    found += events_of(next(pages))  # the first page of what was sent
    for sid in sids[3:]:
        sandbox.twilio.texts.pop(sid)
    found += events_of(*pages)
    assert {event.body for event in found} >= {"0", "1", "2", "4", "5"}


def test_a_list_that_is_refused_from_its_first_page_on_is_given_up(
    make_twilio: MakeTwilio, account: str
) -> None:
    """With an error that says it may be tried later, not for ever."""
    with RequestsMock() as api:
        api.get(url_of(account), json={"code": 20001, "status": 400}, status=400)
        with pytest.raises(TryLater, match="refuses to list"):
            read(make_twilio())
        assert len(api.calls) == 1


def test_a_listing_goes_on_where_it_was(sandbox: Any, provider: Twilio) -> None:
    """Behind the last page that was kept, in another process."""
    for number in range(5):
        send(sandbox, str(number))
    sandbox.clock.advance(60)
    account = provider.accounts[0]
    pages = list(provider.history(account, SINCE))
    for kept in range(1, len(pages)):
        rest = list(provider.history(account, SINCE, pages[kept - 1].after))
        assert [events_of(page) for page in rest] == [events_of(page) for page in pages[kept:]]
    assert pages[-1].after is None


@pytest.mark.parametrize(
    "after",
    [
        "https://elsewhere.example/2010-04-01/Accounts/{account}/Messages.json?Page=1",
        "//elsewhere.example/2010-04-01/Accounts/{account}/Messages.json?Page=1",
        "/2010-04-01/Accounts/AC00000000000000000000000000000099/Messages.json?Page=1",
        "@elsewhere.example/",
        "gone",
    ],
)
def test_no_other_address_is_asked(
    sandbox: Any, provider: Twilio, make_twilio: MakeTwilio, account: str, after: str
) -> None:
    """Neither a stored one nor one that an answer names: our credentials go with the request."""
    send(sandbox, "one")
    sandbox.clock.advance(60)
    own = provider.accounts[0]
    assert bodies(read(provider, after=after.format(account=own))) == ["one"]
    with RequestsMock() as api:
        page = {"messages": [], "next_page_uri": after.format(account=account)}
        api.get(url_of(account), json=page)
        assert read(make_twilio()) == []
        assert {call.request.url.split("?")[0] for call in api.calls} == {url_of(account)}


def url_of(account: str) -> str:
    """Where messages are listed."""
    return f"https://api.twilio.com/2010-04-01/Accounts/{account}/Messages.json"


def test_each_account_lists_its_own(sandbox: Any, make_twilio: MakeTwilio) -> None:
    """With the token of its own."""
    other = "AC" + "9" * 32
    account = Account(other, "another token", START, senders=("+12025550109",))
    sandbox.twilio.add_account(account)
    provider = connected(sandbox, make_twilio)
    send(sandbox, "of the first")
    order = {"to": PERSON, "from": "+12025550109", "body": "of the other", "account": other}
    sandbox.twilio.send(orders.SendText(**order))
    sandbox.clock.advance(60)
    first, second = provider.accounts
    assert bodies(read(provider, account=first)) == ["of the first"]
    assert bodies(read(provider, account=second)) == ["of the other"]
    assert {event.account for event in read(provider, account=second)} == {other}


@pytest.mark.parametrize("fault", ["rate_limited", "unavailable", "server_error", "dropped"])
def test_a_failure_is_tried_again(
    sandbox: Any, provider: Twilio, waits: list[float], fault: Any
) -> None:
    """Reading does nothing, so it may be repeated whatever happened."""
    for body in ("one", "two", "three"):
        send(sandbox, body)
    sandbox.clock.advance(60)
    pages = provider.history(provider.accounts[0], SINCE)
    found = events_of(next(pages))
    sandbox.twilio.add_fault(orders.Fault(fault=fault, match="GET", times=3))
    found += events_of(*pages)
    assert bodies(found) == ["one", "three", "two"]
    assert len(waits) == 3


@pytest.mark.parametrize(
    ("fault", "error"), [("rate_limited", QuotaEnded), ("unavailable", TryLater)]
)
def test_a_failure_that_stays_is_said(
    sandbox: Any, provider: Twilio, waits: list[float], fault: Any, error: type[Exception]
) -> None:
    """After six tries, with waits that grow to half a minute at most."""
    sandbox.twilio.add_fault(orders.Fault(fault=fault, match="GET"))
    with pytest.raises(error):
        read(provider)
    assert len(waits) == 5
    assert all(0 <= wait <= 30 for wait in waits)
    assert sandbox.twilio.rules.rules[0].hits == 6


@pytest.mark.parametrize(("asked", "waited"), [("7", 7.0), ("3600", 30.0), ("soon", None)])
def test_twilio_may_say_how_long_to_wait(
    make_twilio: MakeTwilio,
    account: str,
    waits: list[float],
    asked: str,
    waited: float | None,
) -> None:
    """But nobody waits so long that it looks like a hang."""
    with RequestsMock() as api:
        api.get(url_of(account), status=429, json={}, headers={"Retry-After": asked})
        api.get(url_of(account), json={"messages": []})
        assert read(make_twilio()) == []
    assert waits == [waited] if waited else len(waits) == 1


def test_refused_credentials_are_not_tried_again(
    sandbox: Any, make_twilio: MakeTwilio, waits: list[float]
) -> None:
    """With the key to correct, and without the token."""
    sid = sandbox.twilio.account.sid
    wrong = make_twilio(base_url=sandbox.url, accounts={sid: {"auth_token": "a wrong token"}})
    with pytest.raises(AccessRefused, match=rf"accounts\.{sid}\.auth_token") as caught:
        read(wrong)
    assert "wrong token" not in str(caught.value)
    assert waits == []


def test_an_account_that_is_not_there(make_twilio: MakeTwilio, account: str) -> None:
    """A spelling mistake in the settings."""
    with RequestsMock() as api:
        api.get(url_of(account), status=404, json={"code": 20404, "status": 404})
        with pytest.raises(AccessRefused, match="does not know the account"):
            read(make_twilio())


@pytest.mark.parametrize("document", [{}, {"messages": None}, {"messages": {}, "next_page_uri": 3}])
def test_a_page_without_messages_is_an_empty_one(
    make_twilio: MakeTwilio, account: str, document: Any
) -> None:
    """Whatever Twilio may send one day."""
    with RequestsMock() as api:
        api.get(url_of(account), json=document)
        assert read(make_twilio()) == []


def test_a_row_that_is_no_message_is_said(
    make_twilio: MakeTwilio, account: str, listed_message: dict[str, Any]
) -> None:
    """And costs no other row."""
    broken = [listed_message | {"sid": "gone"}, None, 3, listed_message]
    with RequestsMock() as api:
        api.get(url_of(account), json={"messages": broken})
        pages = list(make_twilio().history(account, START - timedelta(days=2)))
    rows = [row for page in pages for row in page.rows]
    assert [bool(row.event) for row in rows] == [False, False, False, True]
    assert {row.place for row in rows} == {f"message {number}" for number in range(1, 5)}


@pytest.fixture
def listed_message(listed: dict[str, Any]) -> dict[str, Any]:
    """A delivered message as the list shows it."""
    return listed


def test_when_a_text_last_changed_is_told_beside_the_fact(
    make_twilio: MakeTwilio, account: str, listed_message: dict[str, Any]
) -> None:
    """Not in it: the key is the same as long as the text is."""
    later = listed_message | {"date_updated": "Fri, 20 Nov 2026 10:00:05 +0000"}
    with RequestsMock() as api:
        api.get(url_of(account), json={"messages": [listed_message, later]})
        pages = list(make_twilio().history(account, START - timedelta(days=2)))
    one, two = (row for page in pages for row in page.rows)
    assert (one.event and one.event.key) == (two.event and two.event.key)
    assert (two.changed_at, one.event and one.event.direction) == (
        datetime(2026, 11, 20, 10, 0, 5, tzinfo=UTC),
        Direction.OUTBOUND,
    )


def test_the_requests(make_twilio: MakeTwilio, account: str) -> None:
    """The newest, then what was sent; the largest pages, dates in UTC."""
    with RequestsMock() as api:
        api.get(url_of(account), json={"messages": []})
        list(make_twilio().history(account, SINCE))
        sent = [call.request.params for call in api.calls]
    assert sent == [{"PageSize": "2"}, {"DateSent>": "2026-11-20T14:00:00Z", "PageSize": "2"}]


def test_a_missing_library_names_the_extra(
    make_twilio: MakeTwilio, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the vendor's package the message holds the pip command."""
    for name in list(sys.modules):
        if name.startswith(("twilio.rest", "crm_sms_twilio.client", "crm_sms_twilio.history")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "twilio", None)
    with pytest.raises(MissingExtra, match=r"pip install 'crm-sms\[twilio\]'"):
        make_twilio().history(account, SINCE)
