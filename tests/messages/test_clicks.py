"""Who clicked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.events import Click, ClickClass
from crm_sms.messages import classify
from crm_sms.messages.clicks import TOO_MANY_WITHIN, classify_each

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1"


def click(seconds: float | None = 60, agent: str | None = SAFARI, link: str = "a") -> Click:
    moment = None if seconds is None else NOON + timedelta(seconds=seconds)
    return Click(f"https://x.example/{link}", agent, moment)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (SAFARI, ClickClass.HUMAN),
        ("Mozilla/5.0 (Linux; Android 16) Chrome/140.0 Mobile Safari/537.36", ClickClass.HUMAN),
        (
            "Mozilla/5.0 Google-PageRenderer Google (+https://developers.google.com/+/web/snippet/)",
            ClickClass.PREVIEW,
        ),
        ("facebookexternalhit/1.1 Facebot Twitterbot/1.0", ClickClass.PREVIEW),
        ("Slackbot-LinkExpanding 1.0", ClickClass.PREVIEW),
        ("WhatsApp/2.23", ClickClass.PREVIEW),
        ("LinkPreview/3", ClickClass.PREVIEW),
        ("Googlebot/2.1", ClickClass.BOT),
        ("SomeCrawler", ClickClass.BOT),
        ("SecurityScan 1", ClickClass.BOT),
        (None, ClickClass.UNKNOWN),
        ("  ", ClickClass.UNKNOWN),
    ],
)
def test_the_agent_tells(agent: str | None, expected: ClickClass) -> None:
    """Known machines are named by their agent; without an agent nobody is human."""
    assert classify(click(agent=agent), NOON, []) is expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-10, ClickClass.BOT),
        (0, ClickClass.BOT),
        (5, ClickClass.BOT),
        (5.001, ClickClass.HUMAN),
        (None, ClickClass.HUMAN),
    ],
)
def test_nobody_clicks_within_five_seconds(seconds: float | None, expected: ClickClass) -> None:
    """A click before delivery or up to five seconds after it is a scanner's."""
    assert classify(click(seconds), NOON, []) is expected


def test_without_a_delivery_the_time_tells_nothing() -> None:
    """Where no receipt is known, being early cannot be seen."""
    assert classify(click(0), None, []) is ClickClass.HUMAN


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (click(61, link="b"), ClickClass.BOT),
        (click(59, link="b"), ClickClass.BOT),
        (click(61.001, link="b"), ClickClass.HUMAN),
        (click(60.5, link="a"), ClickClass.HUMAN),
        (click(None, link="b"), ClickClass.HUMAN),
    ],
)
def test_several_links_at_once_are_a_machines(other: Click, expected: ClickClass) -> None:
    """Two different links of one text within a second, in either order; one link twice is a
    nervous thumb."""
    assert classify(click(60), NOON, [click(60), other]) is expected


def test_timing_betrays_a_machine_without_an_agent() -> None:
    """No agent is unknown, unless the time says more."""
    assert classify(click(1, agent=None), NOON, []) is ClickClass.BOT


@pytest.mark.parametrize("said", [ClickClass.PREVIEW, ClickClass.BOT])
def test_the_providers_word_on_machines_stands(said: ClickClass) -> None:
    """What the provider calls a preview or a bot stays one."""
    made = Click("https://x.example/a", SAFARI, NOON + timedelta(minutes=5), said)
    assert classify(made, NOON, []) is said


def test_the_providers_word_on_people_is_tested() -> None:
    """A click that the provider calls human still has to look like one."""
    made = Click("https://x.example/a", "Googlebot", NOON, ClickClass.HUMAN)
    assert classify(made, None, []) is ClickClass.BOT


def at_once(one: Click, every: Sequence[Click]) -> bool:
    """The rule, pair by pair."""
    return any(
        other.link != one.link
        and one.clicked_at is not None
        and other.clicked_at is not None
        and abs(other.clicked_at - one.clicked_at) <= TOO_MANY_WITHIN
        for other in every
    )


SECONDS = st.none() | st.sampled_from([60, 60.999_999, 61, 61.000_001]) | st.floats(59, 65)
CLICKS = st.lists(st.builds(click, SECONDS, st.just(SAFARI), st.sampled_from("abc")), max_size=12)


@given(CLICKS)
def test_each_click_is_compared_with_all_others(clicks: list[Click]) -> None:
    """In any order, with and without times: a click is a machine's if it is one of several."""
    expected = [ClickClass.BOT if at_once(one, clicks) else ClickClass.HUMAN for one in clicks]
    assert classify_each(clicks, NOON) == expected
    assert [classify(one, NOON, clicks) for one in clicks] == expected


class Counted(datetime):
    """An instant that counts how often one is taken from another."""

    times = 0

    def __sub__(self, other: object) -> timedelta:  # type: ignore[override]
        Counted.times += 1
        return datetime.__sub__(self, other)  # type: ignore[operator, no-any-return]


@pytest.mark.parametrize("apart_ms", [0, 1, 2000])
def test_many_clicks_cost_little_each(apart_ms: int) -> None:
    """A link that the whole world opens does not hold the other texts up."""
    start, many = Counted(2026, 11, 20, 13, tzinfo=UTC), 1000
    Counted.times = 0
    clicks = [
        Click(f"https://x.example/{n % 3}", SAFARI, start + timedelta(milliseconds=n * apart_ms))
        for n in range(many)
    ]
    machine = apart_ms < 2000
    assert set(classify_each(clicks, None)) == {ClickClass.BOT if machine else ClickClass.HUMAN}
    assert 0 < Counted.times < 5 * many
