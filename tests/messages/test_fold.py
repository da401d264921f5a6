"""All facts of one text become one Message."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.events import (
    Click,
    ClickClass,
    Direction,
    ErrorClass,
    Event,
    EventKind,
    Metadata,
    Status,
)
from crm_sms.messages import Message, fold, message_key
from crm_sms.phone import parse_address

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MOBILE = parse_address("+12025550123")
OURS = parse_address("+12025550199")
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def fact(status: Status | None, seconds: float = 0, **more: object) -> Event:
    kind = more.pop("kind", EventKind.STATUS)
    key = more.pop("key", f"{kind}:{status}:{seconds}")
    event = Event("twilio", "AC1", str(key), EventKind(kind), at(seconds), "SM1", status=status)
    return replace(event, **more)  # type: ignore[arg-type]


def snapshot(seconds: float, status: Status | None = None, **more: object) -> Event:
    return fact(status, seconds, kind=EventKind.SNAPSHOT, **more)


def click(seconds: float, agent: str | None = SAFARI, **more: object) -> Event:
    key = more.pop("key", f"click:{seconds}")
    made = Click("https://x.example/a", agent, at(seconds))
    return fact(None, seconds, kind=EventKind.CLICK, key=key, click=made, **more)


ADDRESSES = st.sampled_from(
    [None, MOBILE, OURS, parse_address("55511"), parse_address("ACME"), parse_address("??")]
)
INSTANTS = st.integers(0, 20).map(at)
MAYBE_INSTANTS = st.none() | INSTANTS
CLICKS = st.builds(
    Click,
    link=st.sampled_from(["https://x.example/a", "https://x.example/b"]),
    user_agent=st.sampled_from([None, "", SAFARI, "Slackbot 1.0"]),
    clicked_at=MAYBE_INSTANTS,
    click_class=st.sampled_from([ClickClass.UNKNOWN, ClickClass.PREVIEW]),
)
METADATA = st.builds(
    Metadata,
    campaign=st.sampled_from([None, "autumn", "winter"]),
    person_id=st.sampled_from([None, "003A", "003B"]),
)
FACTS = st.lists(
    st.builds(
        Event,
        provider=st.just("twilio"),
        account=st.just("AC1"),
        key=st.uuids().map(str),
        kind=st.sampled_from(EventKind),
        received_at=INSTANTS,
        provider_message_id=st.sampled_from([None, "SM1", "SM2"]),
        message_key=st.sampled_from([None, "ours-1", "ours-2"]),
        direction=st.sampled_from(Direction),
        status=st.none() | st.sampled_from(Status),
        provider_status=st.sampled_from([None, "sent", "delivered"]),
        error_code=st.sampled_from([None, "30003", "30007"]),
        error_class=st.none() | st.sampled_from(ErrorClass),
        sender=ADDRESSES,
        recipient=ADDRESSES,
        body=st.sampled_from([None, "", "Yes please"]),
        media=st.sampled_from([(), ("https://m.example/1",)]),
        media_count=st.none() | st.integers(0, 3),
        segments=st.none() | st.integers(1, 3),
        price=st.none() | st.sampled_from([0.0079, 0.0158]),
        occurred_at=MAYBE_INSTANTS,
        sent_at=MAYBE_INSTANTS,
        click=st.none() | CLICKS,
        metadata=METADATA,
        verified=st.booleans(),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda event: event.key,
)


@given(FACTS, st.data())
def test_order_and_repetition_change_nothing(facts: list[Event], data: st.DataObject) -> None:
    """Every permutation and duplication of the same facts gives the same message."""
    again = data.draw(st.lists(st.sampled_from(facts), max_size=4))
    shuffled = data.draw(st.permutations(facts + again))
    assert fold(shuffled) == fold(facts)


@given(FACTS)
def test_a_message_never_says_what_its_facts_exclude(facts: list[Event]) -> None:
    """Verified, direction, times and arrival rest on at least one fact each."""
    message = fold(facts)
    arrived = {Status.DELIVERED, Status.READ} & {
        event.status
        for event in facts
        if event.kind in (EventKind.STATUS, EventKind.REPLY, EventKind.SNAPSHOT)
    }
    assert message.received_at == min(event.received_at for event in facts)
    assert message.verified == any(event.verified for event in facts)
    assert bool(arrived) == (message.status in (Status.DELIVERED, Status.READ))
    assert (message.click_count == 0) == (message.first_clicked_at is None)


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        (Status.SCHEDULED, Status.ACCEPTED),
        (Status.ACCEPTED, Status.QUEUED),
        (Status.QUEUED, Status.SENDING),
        (Status.SENDING, Status.SENT),
        (Status.SENT, Status.UNCONFIRMED),
        (Status.SENT, Status.DELIVERED),
        (Status.DELIVERED, Status.READ),
        (Status.QUEUED, Status.CANCELED),
        (Status.UNKNOWN, Status.SCHEDULED),
    ],
)
def test_rank_rules_not_arrival(lower: Status, higher: Status) -> None:
    """A lower status that comes later never overwrites a higher one, and is no contradiction."""
    message = fold([fact(higher, 1), fact(lower, 2)])
    assert (message.status, message.conflict) == (higher, False)


@pytest.mark.parametrize(
    "lost", [Status.UNDELIVERED, Status.FAILED, Status.EXPIRED, Status.UNCONFIRMED]
)
def test_a_late_receipt_beats_a_failure(lost: Status) -> None:
    """Delivered after a failure is current, and the contradiction is flagged."""
    message = fold([fact(lost, 1, error_code="30003"), fact(Status.DELIVERED, 2)])
    assert (message.status, message.conflict) == (Status.DELIVERED, True)
    assert message.error_code is None


def test_failed_after_delivered_is_only_flagged() -> None:
    """A failure is never believed of a text that arrived."""
    message = fold([fact(Status.DELIVERED, 1), fact(Status.FAILED, 2)])
    assert (message.status, message.conflict) == (Status.DELIVERED, True)


def test_read_implies_delivered() -> None:
    """A text that was read was delivered, also where no receipt says so."""
    message = fold([fact(Status.FAILED, 1), fact(Status.READ, 30)])
    assert (message.status, message.delivered_at) == (Status.READ, at(30))
    assert message.conflict


def test_read_and_delivered_do_not_contradict_each_other() -> None:
    """Delivered, then read, is the usual course."""
    assert not fold([fact(Status.DELIVERED), fact(Status.READ)]).conflict


@pytest.mark.parametrize("first", [Status.UNDELIVERED, Status.FAILED, Status.EXPIRED])
@pytest.mark.parametrize("second", [Status.UNDELIVERED, Status.FAILED, Status.EXPIRED])
def test_the_first_of_two_failures_stands(first: Status, second: Status) -> None:
    """Two different finals keep the first, with its own error, and are flagged."""
    message = fold(
        [fact(second, 2, error_code="2"), fact(first, 1, error_code="1", provider_status="one")]
    )
    assert message.status is first
    assert message.conflict == (first is not second)
    if first is not second:
        assert (message.error_code, message.provider_status) == ("1", "one")


def test_the_first_of_two_failures_goes_by_the_providers_time() -> None:
    """A final that arrived late but happened first is the first."""
    late = fact(Status.EXPIRED, 9, occurred_at=at(1))
    assert fold([fact(Status.FAILED, 2), late]).status is Status.EXPIRED


def test_a_snapshots_time_is_the_texts_not_the_statuss() -> None:
    """A listing that gives the day of sending does not make its status the first one."""
    listed = snapshot(9, Status.EXPIRED, occurred_at=at(0))
    assert fold([fact(Status.FAILED, 2), listed]).status is Status.FAILED


def test_finals_of_one_instant_go_by_key() -> None:
    """With equal times the smaller key is the first."""
    facts = [fact(Status.FAILED, 1, key="b"), fact(Status.EXPIRED, 1, key="a")]
    assert fold(facts).status is Status.EXPIRED


@pytest.mark.parametrize("already", [Status.SENDING, Status.SENT, Status.DELIVERED, Status.READ])
def test_canceled_is_void_once_a_text_began_to_leave(already: Status) -> None:
    """Canceled only counts from scheduled, accepted or queued, whichever fact came first."""
    for facts in permutations([fact(Status.CANCELED, 1), fact(already, 2)]):
        message = fold(facts)
        assert (message.status, message.conflict) == (already, True)


@pytest.mark.parametrize("before", [Status.SCHEDULED, Status.ACCEPTED, Status.QUEUED])
def test_canceled_counts_from_the_waiting_statuses(before: Status) -> None:
    """A text that was waiting can be canceled."""
    message = fold([fact(before, 2), fact(Status.CANCELED, 1)])
    assert (message.status, message.conflict) == (Status.CANCELED, False)


@pytest.mark.parametrize(
    ("direction", "status"),
    [(Direction.OUTBOUND, Status.UNKNOWN), (Direction.INBOUND, Status.RECEIVED)],
)
def test_a_text_without_any_status(direction: Direction, status: Status) -> None:
    """A reply was received even if nobody said so; of another text nothing is known."""
    assert fold([fact(None, direction=direction)]).status is status


def test_the_callbacks_of_clicks_say_nothing_about_the_text() -> None:
    """A click's status and time are not the text's."""
    clicked = replace(click(900), status=Status.FAILED, occurred_at=at(900))
    message = fold([fact(Status.SENT, 1), clicked])
    assert (message.status, message.occurred_at) == (Status.SENT, at(1))


def test_the_error_is_that_of_the_current_status() -> None:
    """Code and class come together, from facts with the status that stands."""
    facts = [
        fact(Status.FAILED, 1),
        snapshot(5, Status.FAILED, error_code="30007", error_class=ErrorClass.CONTENT),
        fact(Status.SENT, 0, error_code="1", error_class=ErrorClass.RATE),
    ]
    message = fold(facts)
    assert (message.error_code, message.error_class) == ("30007", ErrorClass.CONTENT)


def test_our_key_wins_over_the_providers() -> None:
    """The key is ours if any fact has one, the smallest of several."""
    facts = [fact(Status.SENT), fact(Status.QUEUED, message_key="b")]
    assert fold(facts).key == "b"
    assert fold([*facts, fact(Status.FAILED, message_key="a")]).key == "a"


def test_without_our_key_the_providers_id_names_the_text() -> None:
    """provider:account:id, and a fact without any id stands under its own key."""
    assert fold([fact(Status.SENT)]).key == "twilio:AC1:SM1"
    assert message_key([replace(fact(None, key="e1"), provider_message_id=None)]) == "twilio:AC1:e1"


def test_the_providers_time_comes_before_ours() -> None:
    """occurred_at is the provider's earliest time, else the earliest receipt."""
    assert fold([fact(Status.SENT, 7), fact(Status.QUEUED, 5)]).occurred_at == at(5)
    given_by_provider = fact(Status.DELIVERED, 9, occurred_at=at(8))
    assert fold([fact(Status.QUEUED, 5), given_by_provider]).occurred_at == at(8)
    assert fold([snapshot(99, sent_at=at(3)), fact(Status.SENT, 7)]).occurred_at == at(3)


def test_a_text_belongs_to_the_time_of_its_sending() -> None:
    """Whether a listing also saw it while it waited for that time, or not."""
    waiting = snapshot(5, Status.SCHEDULED, occurred_at=at(1))
    sent = snapshot(900, Status.SENT, occurred_at=at(800), sent_at=at(800))
    assert fold([waiting]).occurred_at == at(1)
    assert fold([waiting, sent]).occurred_at == fold([sent]).occurred_at == at(800)


def test_sent_at_is_the_first_sign_that_the_text_left() -> None:
    """The provider's own sent_at, else the first status that proves it; failing proves nothing."""
    assert fold([fact(Status.DELIVERED, 9), fact(Status.SENT, 7)]).sent_at == at(7)
    assert fold([fact(Status.SENDING, 3), fact(Status.FAILED, 4)]).sent_at is None
    assert fold([fact(Status.SENT, 7), snapshot(60, sent_at=at(2))]).sent_at == at(2)


def test_delivered_at_is_the_first_receipt_of_an_arrival() -> None:
    """The provider's time of a status comes before our receipt of it."""
    facts = [fact(Status.SENT, 1), fact(Status.DELIVERED, 9, occurred_at=at(4))]
    assert fold(facts).delivered_at == at(4)
    assert fold([*facts, fact(Status.DELIVERED, 3, key="twin")]).delivered_at == at(3)


def test_an_imported_log_puts_no_delivery_on_the_day_of_the_import() -> None:
    """A snapshot tells that a text arrived, not when."""
    message = fold([snapshot(86_400, Status.DELIVERED, sent_at=at(0), occurred_at=at(0))])
    assert (message.status, message.sent_at, message.delivered_at) == (
        Status.DELIVERED,
        at(0),
        None,
    )


def test_a_reply_has_no_time_of_sending() -> None:
    """Sent and delivered are said of our own texts only."""
    reply = fact(
        Status.RECEIVED, 3, kind=EventKind.REPLY, direction=Direction.INBOUND, sent_at=at(2)
    )
    message = fold([reply])
    assert (message.direction, message.sent_at, message.occurred_at) == (
        Direction.INBOUND,
        None,
        at(2),
    )


def test_a_snapshot_completes_what_callbacks_left_out() -> None:
    """Body, addresses, segments, price and media count come from a listing."""
    listed = snapshot(
        60,
        Status.SENT,
        body="Your table is ready",
        sender=OURS,
        recipient=MOBILE,
        segments=1,
        price=0.0079,
        media_count=0,
    )
    message = fold([listed, fact(Status.DELIVERED, 5)])
    assert message.status is Status.DELIVERED
    assert (message.body, message.sender, message.recipient) == (listed.body, OURS, MOBILE)
    assert (message.segments, message.price, message.media_count) == (1, 0.0079, 0)


def test_of_contradicting_values_the_newest_snapshot_stands() -> None:
    """Snapshots before callbacks, later receipts before earlier ones, then the greater key."""
    callback = fact(Status.SENT, 90, segments=1)
    assert fold([callback, fact(Status.QUEUED, 10, segments=2)]).segments == 1
    facts = [callback, snapshot(20, segments=3), snapshot(30, segments=4)]
    assert fold(facts).segments == 4
    assert fold([*facts, snapshot(30, segments=5, key="z")]).segments == 5


def test_media_are_counted_where_no_count_is_given() -> None:
    """A list of media is a count; no list is no knowledge."""
    assert fold([fact(None, media=("https://m.example/1",))]).media_count == 1
    assert fold([fact(None)]).media_count is None


@pytest.mark.parametrize("other", ["55511", "ACME", "whatsapp:+12025550123", "?"])
def test_a_number_is_the_better_address(other: str) -> None:
    """A listing that names the pool does not hide the number that a callback gave."""
    facts = [fact(Status.SENT, 1, sender=OURS), snapshot(9, sender=parse_address(other))]
    assert fold(facts).sender == OURS


def test_metadata_is_merged_field_by_field() -> None:
    """What one fact lacks another gives; of contradictions the newest stands."""
    facts = [
        fact(Status.QUEUED, 1, metadata=Metadata(campaign="autumn", arm="a")),
        fact(Status.SENT, 2, metadata=Metadata(campaign="winter", person_id="003A")),
        fact(Status.DELIVERED, 3),
    ]
    assert fold(facts).metadata == Metadata(campaign="winter", arm="a", person_id="003A")


@pytest.mark.parametrize("name", [field.name for field in fields(Metadata)])
def test_every_field_of_the_metadata_survives(name: str) -> None:
    """No field of the metadata is forgotten in the merge."""
    given = Metadata(**{name: "x"})
    facts = [fact(Status.SENT, 1, metadata=given), fact(Status.READ, 2, metadata=Metadata(arm="y"))]
    assert getattr(fold(facts).metadata, name) == ("y" if name == "arm" else "x")


def test_one_verified_fact_makes_a_text_verified() -> None:
    """A text is unverified only if none of its facts is verified."""
    doubtful = fact(Status.SENT, 1, verified=False)
    assert not fold([doubtful]).verified
    assert fold([doubtful, fact(Status.DELIVERED, 2)]).verified


def test_human_clicks_are_counted_once_each() -> None:
    """The count, the first and the last leave out machines; a repeated click counts once."""
    facts = [
        fact(Status.DELIVERED, 0),
        click(2),
        click(40, "Slackbot 1.0"),
        click(60),
        click(60),
        click(90),
    ]
    message = fold(facts)
    assert (message.click_count, message.first_clicked_at, message.last_clicked_at) == (
        2,
        at(60),
        at(90),
    )


def test_a_click_without_a_time_happened_when_we_heard_of_it() -> None:
    """The receipt stands in for a time that the provider did not give."""
    untimed = fact(None, 60, kind=EventKind.CLICK, click=Click("https://x.example/a", SAFARI))
    assert fold([untimed]).first_clicked_at == at(60)


def test_only_what_conversations_add_is_left_to_others() -> None:
    """A fold fills every field of a message except those that rest on other texts."""
    full = fact(
        Status.FAILED,
        1,
        message_key="k",
        error_code="1",
        error_class=ErrorClass.UNKNOWN,
        sender=OURS,
        recipient=MOBILE,
        body="x",
        segments=1,
        price=1.0,
        media_count=1,
        provider_status="failed",
    )
    message = fold([full, fact(Status.DELIVERED, 2), click(60)])
    failed = fold([full])
    empty = {
        field.name
        for field in fields(Message)
        if getattr(message, field.name) is None and getattr(failed, field.name) is None
    }
    assert empty == {"replied_at", "response_seconds"}
