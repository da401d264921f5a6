"""What a day of texts will cost, held against days that were played.

A played day has random texts, clicks, replies and opt-outs; what came is processed at once and what
is due is delivered at once, on a clock that stands while a call is made: nothing takes time, so the
CRM is asked as often as it ever can be.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import pytest

from crm_sms.admin_files import shipped
from crm_sms.bootstrap import delivering, forecasting, processing, syncing
from crm_sms.delivery.forecast import DAY_S
from crm_sms.events import Click, Event, EventKind, Status
from crm_sms.ledger import outbox
from crm_sms.sandbox.server import running
from crm_sms.testing.world import CRM, World, build
from crm_sms.use_cases.deliver import deliver
from crm_sms.use_cases.forecast import outlook
from crm_sms.use_cases.process import process
from crm_sms.use_cases.sync_people import sync_people

WITHIN = 0.25
SYNC_S = 300
AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"
TEXT = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
ENTRIES = "when = \"message.direction == 'inbound' or answered\""


def number(person: int) -> str:
    """Somebody's number."""
    return f"+1202{2_000_000 + person:07d}"


@dataclass
class Played:
    """What happened, and what it cost by kind of call."""

    happened: Counter[str]
    calls: Counter[str]


def script(world: World, a_day: float, seconds: float, people: int) -> list[tuple[str, Event]]:
    """Texts at random, each with what becomes of it; by time."""
    chance, at, found = random.Random(7), 0.0, list[tuple[str, Event]]()
    start, texts = world.now, 0
    while (at := at + chance.expovariate(a_day / DAY_S)) < seconds:
        who, sid = number(chance.randrange(people)), f"SM{texts}"
        texts += 1
        for name, after, event in becomes(world, chance, who, sid):
            moment = start + timedelta(seconds=at + after)
            click = replace(event.click, clicked_at=moment) if event.click else None
            found.append((name, replace(event, received_at=moment, click=click)))
    found.sort(key=lambda one: one[1].received_at)
    until = start + timedelta(seconds=seconds)
    return [one for one in found if one[1].received_at < until]


def becomes(
    world: World, chance: random.Random, who: str, sid: str
) -> Iterator[tuple[str, float, Event]]:
    """What happens, seconds after the text was sent."""
    yield "sent", 0, world.outbound(who, sid)
    yield "status", chance.uniform(1, 6), world.outbound(who, sid, Status.DELIVERED)
    if chance.random() < 0.1:
        click = Click("https://sms.example/l/a", AGENT, world.now)
        event = world.outbound(who, sid)
        yield (
            "clicked",
            chance.uniform(20, 60),
            replace(event, key=f"click:{sid}", kind=EventKind.CLICK, status=None, click=click),
        )
    said = chance.random()
    if said < 0.25:
        yield "reply", chance.uniform(20, 60), world.reply(who, f"{sid}r")
    elif said < 0.27:
        yield "opt_out", chance.uniform(20, 60), world.reply(who, f"{sid}r", body="STOP")


def play(world: World, a_day: float, seconds: float, people: int) -> Played:
    """So many seconds of a day of so many texts."""
    for portion in range(0, people, 1000):
        numbers = range(portion, min(people, portion + 1000))
        rows = ({"LastName": f"Person {one}", "MobilePhone": number(one)} for one in numbers)
        world.create("Contact", *rows)
    world.advance(600)
    world.sync()
    before = Counter(world.box.salesforce.stats()["by_kind"])
    coming = script(world, a_day, seconds, people)
    pulls = run(world, [event for _, event in coming], seconds)
    asked = Counter(world.box.salesforce.stats()["by_kind"]) - before
    writes = asked.total() - pulls - asked["describe"]
    calls = {"write": writes, "describe": asked["describe"], "pull": pulls}
    return Played(Counter(name for name, _ in coming), Counter(calls))


def run(world: World, coming: list[Event], seconds: float) -> int:
    """The worker's loop by hand, from one instant at which something is to be done to the next; how
    many calls its pulls made."""
    app = world.app
    prepared, writing, pulling = processing(app), delivering(app, CRM), syncing(app, CRM)
    until = world.now + timedelta(seconds=seconds)
    pull_at = world.now + timedelta(seconds=SYNC_S / 2)
    pulls, due = 0, until
    # What comes within a fifth of a second comes at its end.
    groups = groupby(coming, key=lambda event: int(event.received_at.timestamp() * 5))
    waiting = [(list(events), second / 5 + 0.2) for second, events in groups]
    while (now := min(due, pull_at, _first(waiting, until))) < until:
        world.box.clock.set(max(now, world.now))
        if waiting and _first(waiting, until) <= now:
            world.receive(*waiting.pop(0)[0])
            process(prepared)
        elif due <= now:
            deliver(writing)
        else:
            pulls += sync_people(pulling).calls
            pull_at += timedelta(seconds=SYNC_S)
        with app.ledger.read() as connection:
            due = outbox.next_due(connection, CRM) or until
    return pulls


def _first(waiting: list[tuple[list[Event], float]], until: datetime) -> datetime:
    return datetime.fromtimestamp(waiting[0][1], UTC) if waiting else until


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """An installation; a parameter is the rule for its timeline entries."""
    if when := getattr(request, "param", None):
        (tmp_path / "salesforce.toml").write_text(TEXT.replace(ENTRIES, f'when = "{when}"'))
    with running() as box:
        it = build(tmp_path, box)
        yield it
        it.app.close()


HOURS = [(2_000, 3600, 300), (20_000, 3600, 2_000), (100_000, 3600, 10_000)]
PARTS = [(2_000, 1800, 300), (20_000, 600, 1_000), (60_000, 300, 1_000)]


def assert_foreseen(world: World, a_day: float, seconds: float, people: int) -> None:
    """The forecast after the play: the ledger tells it what becomes of texts."""
    played = play(world, a_day, seconds, people)
    sent_a_day = played.happened["sent"] * DAY_S / seconds
    found = outlook(forecasting(world.app, CRM, sent_a_day))
    foreseen = {kind: calls * seconds / DAY_S for kind, calls in found.forecast.by_kind.items()}
    told = f"{a_day} a day: {dict(played.calls)} counted, {foreseen} foreseen"
    assert foreseen["write"] == pytest.approx(played.calls["write"], rel=WITHIN), told
    assert foreseen["pull"] == pytest.approx(played.calls["pull"], rel=WITHIN), told
    total = played.calls.total()
    assert sum(foreseen.values()) == pytest.approx(total, rel=WITHIN), told


@pytest.mark.parametrize(("a_day", "seconds", "people"), PARTS, ids=str)
def test_a_played_day_costs_what_was_foreseen(
    world: World, a_day: float, seconds: float, people: int
) -> None:
    """Within a quarter, with few texts and with many: a part of the day."""
    assert_foreseen(world, a_day, seconds, people)


@pytest.mark.slow
@pytest.mark.parametrize(("a_day", "seconds", "people"), HOURS, ids=str)
def test_a_played_hour_costs_what_was_foreseen(
    world: World, a_day: float, seconds: float, people: int
) -> None:
    """The same for an hour each."""
    assert_foreseen(world, a_day, seconds, people)


@pytest.mark.parametrize("world", ["true", "false"], indirect=True)
def test_other_timeline_entries_cost_what_was_foreseen(world: World) -> None:
    """An entry for every text makes two requests of most, none makes one of some."""
    assert_foreseen(world, 20_000, 300, 1_000)
