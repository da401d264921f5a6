"""A company's texting: people in the mirror, and the mix of events that its texts make."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from crm_sms.bootstrap import App, opt_out_rules
from crm_sms.events import Click, Direction, Event, EventKind, Raw, Status
from crm_sms.ledger.mirror_pages import store_others, store_people
from crm_sms.phone import parse_address
from crm_sms.records import Opportunity, Owner, Person, PersonKind, Phone, Role
from crm_sms.use_cases.receive import receive

ACCOUNT, TOKEN = "AC" + "0" * 31 + "1", "0123456789abcdef" * 2
OUR_NUMBER = "+15005550006"
PEOPLE = 100_000
_PORTION = 500
_OWNERS = 50
_PER_ACCOUNT = 4
_PER_OPPORTUNITY = 10
_ANSWERED = 4
"""One reply to so many texts of five events each: about one event in twenty."""
_CLICKED = 10
_STEPS = (
    (0.0, Status.ACCEPTED),
    (0.2, Status.QUEUED),
    (0.5, Status.SENDING),
    (1.0, Status.SENT),
    (4.0, Status.DELIVERED),
)
_CLICK_S, _REPLY_S = 40.0, 90.0
_AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"
_BODY = "SmsSid={0}&MessageStatus={1}&MessageSid={0}&AccountSid={2}&From={3}&To={4}&ApiVersion=2010"


def number_of(person: int) -> str:
    """The mobile number of a person."""
    return f"+1202{2_000_000 + person:07d}"


def fill_mirror(app: App, crm: str, at: datetime, people: int = PEOPLE) -> None:
    """People with accounts, owners and opportunities, as pulls would have left them."""
    others: list[list[Owner | Opportunity | Role]] = [
        [Owner(f"005{number:012d}AAA", f"Rep {number}", at) for number in range(_OWNERS)],
        [_opportunity(number, at) for number in range(0, people, _PER_OPPORTUNITY)],
        [_role(number, at) for number in range(0, people, _PER_OPPORTUNITY)],
    ]
    with app.ledger.write("sync.page") as connection:
        for rows in others:
            store_others(app.ledger, connection, crm, rows)
    for start in range(0, people, _PORTION):
        portion = [_person(number, at) for number in range(start, min(start + _PORTION, people))]
        with app.ledger.write("sync.page") as connection:
            store_people(app.ledger, connection, crm, portion, "US")


def _person(number: int, at: datetime) -> Person:
    return Person(
        "Contact",
        f"003{number:012d}AAA",
        PersonKind.CONTACT,
        at,
        name=f"Person {number}",
        owner_id=f"005{number % _OWNERS:012d}AAA",
        account_id=f"001{number // _PER_ACCOUNT:012d}AAA",
        phones=(Phone("MobilePhone", number_of(number)),),
        opted_out=False,
    )


def _opportunity(number: int, at: datetime) -> Opportunity:
    owner = f"005{number % _OWNERS:012d}AAA"
    return Opportunity(
        f"006{number:012d}AAA", f"Deal {number}", at, owner_id=owner, stage="Qualify", open=True
    )


def _role(number: int, at: datetime) -> Role:
    place = f"{number:012d}AAA"
    return Role(f"00K{place}", f"006{place}", f"003{place}", at, "Buyer", True)


def start_of(end: datetime, events: int, texts_per_s: float) -> datetime:
    """When texting began if so many events came by `end`."""
    return end - timedelta(seconds=events / (texts_per_s * len(_STEPS)) + _REPLY_S)


def traffic(
    account: str, start: datetime, texts_per_s: float, people: int = PEOPLE, seed: int = 7
) -> Iterator[Event]:
    """Events without end, in the order in which a provider would report them.

    Every text makes five events within seconds; one in ten is clicked, one in four is answered.
    """
    chance = random.Random(seed)
    waiting: list[tuple[datetime, str, Event]] = []
    number = 0
    while True:
        at = start + timedelta(seconds=number / texts_per_s)
        while waiting and waiting[0][0] <= at:
            yield heapq.heappop(waiting)[2]
        for event in _text(account, number, number_of(chance.randrange(people)), at):
            heapq.heappush(waiting, (event.received_at, event.key, event))
        number += 1


def _text(account: str, number: int, theirs: str, at: datetime) -> Iterator[Event]:
    sid = f"SM{number:032x}"
    clicked = number % _CLICKED == 0
    for seconds, status in _STEPS[clicked:]:
        yield _status(account, sid, status, theirs, at + timedelta(seconds=seconds))
    if clicked:
        yield _click(account, sid, theirs, at + timedelta(seconds=_CLICK_S))
    if number % _ANSWERED == 0:
        yield _reply(account, f"SM{number:031x}r", theirs, at + timedelta(seconds=_REPLY_S))


def _status(account: str, sid: str, status: Status, theirs: str, at: datetime) -> Event:
    return Event(
        provider="twilio",
        account=account,
        key=f"{sid}:{status}",
        kind=EventKind.STATUS,
        received_at=at,
        provider_message_id=sid,
        status=status,
        provider_status=status,
        sender=parse_address(OUR_NUMBER),
        recipient=parse_address(theirs),
        raw=_raw(sid, status, account, OUR_NUMBER, theirs),
    )


def _click(account: str, sid: str, theirs: str, at: datetime) -> Event:
    return Event(
        provider="twilio",
        account=account,
        key=f"click:{sid}",
        kind=EventKind.CLICK,
        received_at=at,
        provider_message_id=sid,
        sender=parse_address(OUR_NUMBER),
        recipient=parse_address(theirs),
        occurred_at=at,
        click=Click("https://sms.example/l/abc", _AGENT, at),
        raw=_raw(sid, "click", account, OUR_NUMBER, theirs),
    )


def _reply(account: str, sid: str, theirs: str, at: datetime) -> Event:
    return Event(
        provider="twilio",
        account=account,
        key=sid,
        kind=EventKind.REPLY,
        received_at=at,
        provider_message_id=sid,
        direction=Direction.INBOUND,
        status=Status.RECEIVED,
        sender=parse_address(theirs),
        recipient=parse_address(OUR_NUMBER),
        body="Yes please, call me tomorrow morning",
        segments=1,
        raw=_raw(sid, "received", account, theirs, OUR_NUMBER),
    )


def _raw(sid: str, word: str, account: str, sender: str, recipient: str) -> Raw:
    body = _BODY.format(sid, word, account, sender, recipient)
    return Raw(body.encode(), "application/x-www-form-urlencoded")


def store(app: App, events: Iterable[Event], now: datetime) -> int:
    """Make events durable as the web service would, in portions; how many there were."""
    rules, count = opt_out_rules(app), 0
    source = iter(events)
    while portion := list(islice(source, _PORTION)):
        receive(app.ledger, rules, portion, now)
        count += len(portion)
    return count
