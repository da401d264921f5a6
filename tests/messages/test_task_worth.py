"""Which replies a person should act on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from crm_sms.events import Direction, OptOutType, Status
from crm_sms.messages import Message, is_task_worthy

REPLY = Message(
    key="twilio:AC1:SM1",
    provider="twilio",
    account="AC1",
    direction=Direction.INBOUND,
    status=Status.RECEIVED,
    occurred_at=datetime(2026, 11, 20, 12, tzinfo=UTC),
    received_at=datetime(2026, 11, 20, 12, tzinfo=UTC),
    body="Can we do Tuesday?",
)


def test_a_reply_is_worth_a_task() -> None:
    """What a person writes makes a task."""
    assert is_task_worthy(REPLY, None)


def test_our_own_texts_make_no_task() -> None:
    """Nobody has to act on what we sent."""
    assert not is_task_worthy(replace(REPLY, direction=Direction.OUTBOUND), None)


def test_unverified_texts_make_no_task() -> None:
    """A text that nobody vouches for does not send a rep to work."""
    assert not is_task_worthy(replace(REPLY, verified=False), None)


@pytest.mark.parametrize("kind", OptOutType)
def test_keywords_make_no_task(kind: OptOutType) -> None:
    """STOP, START and HELP are settled without a rep."""
    assert not is_task_worthy(REPLY, kind)


@pytest.mark.parametrize("body", ["YES", "yes", " Yes\n"])
def test_a_yes_makes_a_task_although_providers_take_it_for_start(body: str) -> None:
    """The best answer a rep can get is not lost to a keyword; a YES that stops still stops."""
    assert is_task_worthy(replace(REPLY, body=body), OptOutType.START)
    assert not is_task_worthy(replace(REPLY, body=body), OptOutType.STOP)
    assert not is_task_worthy(replace(REPLY, body="START"), OptOutType.START)


@pytest.mark.parametrize(
    "body",
    [
        "Liked “Your table is ready”",
        'Liked "Your table is ready"',
        "Loved “See you\nat noon”",
        "Disliked “x”",
        "Laughed at “x”",
        "Emphasized “x”",
        "Emphasised “x”",
        "Questioned “x”",
        "Liked an image",
        "Loved a movie",
        "Removed a like from “x”",
        "Removed an exclamation from “x”",
        "Reacted 😀 to “x”",
        "Reacted 👍🏽 to an image",
        "Removed 😀 from “x”",
        "👍 to “x”",
        "\u200a\u200b👍\u200b to “\u200ax\u200a”",
        "❤️ to “x”",
        "👩\u200d💻 to “x”",
        "👍 removed from “x”",
    ],
)
def test_reactions_make_no_task(body: str) -> None:
    """What phones write for a thumb on a bubble is no reply."""
    assert not is_task_worthy(replace(REPLY, body=body), None)


@pytest.mark.parametrize(
    "body",
    [
        "I'm driving right now - I'll get back to you later.",
        "I\u2019m driving with Do Not Disturb While Driving turned on.",
        "(I\u2019m not receiving notifications. If this is urgent, reply “urgent”.)",
        "Auto-reply: back on Monday",
        "AUTOMATIC REPLY. Thanks!",
        "This is an automated message",
        "I am currently out of the office",
        "Out of office until 3 May",
    ],
)
def test_auto_replies_make_no_task(body: str) -> None:
    """What a phone sends while its owner drives is no reply."""
    assert not is_task_worthy(replace(REPLY, body=body), None)


@pytest.mark.parametrize(
    "body",
    [
        "👍",
        "Yes",
        "",
        None,
        "Liked it, when can we talk?",
        "Loved the demo! Send me the price",
        "Questioned by my boss, call me",
        "Nice to “meet” you",
        "I will be driving to your office",
        "My auto reply is off",
    ],
)
def test_what_only_resembles_noise_is_worth_a_task(body: str | None) -> None:
    """A lone emoji is an answer, and a reply whose body is not known yet may be one."""
    assert is_task_worthy(replace(REPLY, body=body), None)


@pytest.mark.parametrize(
    ("piece", "worthy"),
    [
        ("\u200b", True),
        (" ", True),
        ("!", True),
        ("“", True),
        ("i'm ", True),
        ("auto ", True),
        ("\u200b👍 ", True),
        ("Liked “", False),
        ("(out of office) ", False),
    ],
)
def test_endless_bodies_are_judged_like_short_ones(piece: str, worthy: bool) -> None:
    """Whatever somebody repeats a hundred thousand times, no pattern gets lost in it."""
    assert is_task_worthy(replace(REPLY, body=piece * 100_000), None) is worthy
