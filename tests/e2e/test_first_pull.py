"""The first pull of an org with very many people: cut off anywhere, nobody is left out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from structlog.testing import capture_logs

from crm_sms.bootstrap import syncing
from crm_sms.errors import QuotaEnded, TryLater
from crm_sms.ledger.mirror_pages import watermark
from crm_sms.ledger.resuming import resume_at
from crm_sms.ledger.tables import people, phones
from crm_sms.sandbox.salesforce import paging
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.sync_people import SyncReport, sync_people
from crm_sms_salesforce import bulk

SIZES = {"FROM_ROWS": 50, "ROWS_AT_ONCE": 30, "_ROWS_A_PAGE": 20}
"""What is many here: fifty people. An answer of a job is two pages."""
PART = "people:Contact"
PROGRAM = """
import os, pathlib
import crm_sms.bootstrap as b
from crm_sms.use_cases.sync_people import sync_people
from crm_sms_salesforce import bulk
for name, size in {sizes!r}.items():
    setattr(bulk, name, size)
bulk._sleep = lambda seconds: None
sync_people(b.syncing(b.installation(pathlib.Path({folder!r}), os.environ), "salesforce"))
"""


@pytest.fixture(autouse=True)
def _many_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_sleep", lambda seconds: None)
    monkeypatch.setattr(paging, "PAGE", 12)
    for name, size in SIZES.items():
        monkeypatch.setattr(bulk, name, size)


@pytest.fixture
def crowd(world: World) -> dict[str, str]:
    """A hundred people, a minute apart, and older than the overlap: their numbers by id."""
    made = {}
    for number in range(100):
        made[world.contact(f"+1202555{number:04}")] = f"+1202555{number:04}"
        world.advance(60)
    world.advance(600)
    return made


def child(world: World, failpoint: str) -> int:
    """Pull in a process of its own; its exit code, negative for a signal."""
    program = PROGRAM.format(sizes=SIZES, folder=str(world.app.folder))
    environment = {**os.environ, "CRM_SMS_FAILPOINTS": failpoint}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=world.app.folder,
        timeout=60,
        check=False,
        capture_output=True,
    ).returncode


def mirrored(world: World) -> dict[str, str]:
    """Who is in the mirror with which number."""
    with world.app.ledger.read() as connection:
        rows = connection.execute(select(phones.c.person_id, phones.c.e164))
        return {row.person_id: row.e164 for row in rows}


def names(world: World) -> set[str]:
    """The names in the mirror."""
    with world.app.ledger.read() as connection:
        return set(connection.execute(select(people.c.name)).scalars())


def place(world: World) -> tuple[Any, str | None]:
    """How far the pull of contacts came: its watermark, and where it was cut off."""
    with world.app.ledger.read() as connection:
        return watermark(connection, CRM, PART), resume_at(connection, CRM, PART)


def jobs(world: World) -> dict[str, Any]:
    """Query jobs that the org keeps."""
    kept: dict[str, Any] = world.box.salesforce._backend._jobs.by_id
    return kept


def test_everybody_comes_and_the_watermark_is_that_of_the_job(
    world: World, crowd: dict[str, str]
) -> None:
    """Progress counts them and knows how many there will be; the next pull looks back from when
    the job was made, and finds nobody new."""
    heard: list[tuple[int, int | None]] = []
    made = world.now

    def tell(part: str, done: int, total: int | None) -> None:
        if part == PART:
            heard.append((done, total))

    report = sync_people(syncing(world.app, CRM), progress=tell)
    assert mirrored(world) == crowd
    assert report.rows[PART] == 100
    assert (heard[0], heard[-1]) == ((12, 100), (101, 101)), "one came by both ways"
    assert place(world) == (made, None)
    assert world.sync().rows[PART] == 0


@pytest.mark.parametrize("failpoint", [f"sync.page:after={n}" for n in (2, 3, 4, 5, 7, 9)])
def test_a_kill_in_the_middle_loses_nobody(
    world: World, crowd: dict[str, str], failpoint: str
) -> None:
    """Whoever runs next goes on with the same job where that was, and people who changed meanwhile
    are as they are now."""
    assert child(world, failpoint) == -signal.SIGKILL, "the failpoint was not reached"
    world.advance(600)
    (first, *_, last) = crowd
    world.edit("Contact", first, LastName="Earlier")
    world.edit("Contact", last, LastName="Later")
    world.sync()
    assert mirrored(world) == crowd
    assert names(world) == {"Doe", "Earlier", "Later"}
    assert len(jobs(world)) == 1
    assert place(world)[1] is None


@pytest.mark.parametrize("days", [0, 6, 8])
def test_a_job_that_nobody_went_on_with_for_days(
    world: World, crowd: dict[str, str], days: int
) -> None:
    """As long as the org keeps it, it is read to its end; else everybody is pulled anew who was not
    seen, though somebody was who changed after them: a job is in no order."""
    for late in list(crowd)[44:46]:  # one of them on the last page kept
        world.advance(60)
        world.edit("Contact", late, LastName="Changed last")
    world.advance(600)
    assert child(world, "sync.page:after=6") == -signal.SIGKILL
    world.advance(timedelta(days=days).total_seconds() + 600)
    (new,) = world.create("Contact", {"LastName": "New", "MobilePhone": "+12025559999"})
    if days > 7:  # the org forgets it when the next one is made
        jobs(world).clear()
    with capture_logs() as logs:
        world.sync()
    assert mirrored(world) == crowd | {new: "+12025559999"}
    assert [log["event"] for log in logs if log["log_level"] == "warning"] == (
        ["a query job is gone; people are pulled anew"] if days > 7 else []
    )


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(deeds=st.lists(st.sampled_from(["cut", "edit", "delete", "abort", "new"]), max_size=8))
def test_whatever_happens_meanwhile_the_mirror_ends_as_the_org(
    world: World, deeds: list[str]
) -> None:
    """Pulls that end after any page, edits, deletions, new people and aborted jobs in any order."""
    made = []
    for _ in range(7):
        made += world.create("Contact", *({"LastName": "Doe"} for _ in range(10)))
        world.advance(60)
    world.advance(400)
    for number, deed in enumerate(deeds):
        world.advance(100)
        _do(world, deed, number, made)
    world.advance(100)
    world.sync()
    world.sync()
    org = {row["Id"]: row["LastName"] for row in world.records("Contact")}
    with world.app.ledger.read() as connection:
        rows = connection.execute(select(people.c.id, people.c.name).where(~people.c.deleted))
        assert {row.id: row.name for row in rows} == org


def _do(world: World, deed: str, number: int, made: list[str]) -> None:
    match deed:
        case "cut":
            _cut_off(world, 2 + number)
        case "edit":
            world.edit("Contact", made[number], LastName=f"Edited {number}")
        case "delete":
            world.delete(made.pop())
        case "new":
            world.create("Contact", {"LastName": f"New {number}"})
        case "abort":
            for job in jobs(world).values():
                job.state = "Aborted"


def _cut_off(world: World, commits: int) -> None:
    """A pull that ends after so many of its pages."""
    count = 0

    def tell(part: str, done: int, total: int | None) -> None:
        nonlocal count
        count += 1
        if count >= commits:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        sync_people(syncing(world.app, CRM), progress=tell)


@pytest.mark.parametrize("page", [12, 200])
def test_a_job_that_fails_leaves_the_rest_to_rest(
    world: World, crowd: dict[str, str], page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is left out, and the next pull starts with no job that is not there, also where the
    first page had everybody."""
    monkeypatch.setattr(paging, "PAGE", page)
    world.fault("status", status=400, body="json", code="API_ERROR", match={"path": "results$"})
    with capture_logs() as logs:
        report = world.sync()
    assert report.rows[PART] == 100
    assert mirrored(world) == crowd
    assert place(world)[1] is None
    assert "a query job failed; people are pulled page by page" in {log["event"] for log in logs}


def test_a_new_column_begins_anew(world: World, crowd: dict[str, str]) -> None:
    """A job without it is not gone on with."""
    assert child(world, "sync.page:after=6") == -signal.SIGKILL
    assert place(world)[1]
    text = (world.app.folder / "crm-sms.toml").read_text()
    (world.app.folder / "crm-sms.toml").write_text(text.replace('"US"', '"GB"'))
    assert child(world, "sync.watermark:after=2") == -signal.SIGKILL
    assert place(world) == (None, None)


@pytest.mark.parametrize("remaining", [16, 19], ids=["while it gathers", "while it is read"])
def test_the_reserve_for_opt_outs_is_kept_by_a_job(
    world: World, crowd: dict[str, str], remaining: int
) -> None:
    """Each look is a call, and after each one the rest of the quota is looked at; when calls have
    come back, the pull goes on with the same job."""
    world.fault("quota", limit=100, remaining=remaining)
    with pytest.raises(QuotaEnded, match="kept for opt-outs"):
        world.sync()
    assert place(world)[1]
    world.clear_faults()
    world.advance(24 * 3600 + 1)
    world.sync()
    assert mirrored(world) == crowd
    assert len(jobs(world)) == 1


def test_two_pulls_at_once_are_harmless(world: World, crowd: dict[str, str]) -> None:
    """The slower one puts its place over that of the faster one: rows come twice, none is lost."""
    seen: list[SyncReport] = []

    def tell(part: str, done: int, total: int | None) -> None:
        if part == PART and done >= 60 and not seen:
            seen.append(SyncReport())
            seen[0] = world.sync()

    sync_people(syncing(world.app, CRM), progress=tell)
    assert mirrored(world) == crowd
    assert place(world)[1] is None
    with world.app.ledger.read() as connection:
        assert connection.execute(select(func.count()).select_from(people)).scalar_one() == 100


def test_postgres_keeps_the_place_as_well(postgres_world: World) -> None:
    """A pull that the org no longer answers goes on where it was."""
    world = postgres_world
    world.create("Contact", *({"LastName": "Doe"} for _ in range(100)))
    world.advance(600)
    world.fault("drop", match={"path": "results"}, times=1)
    with pytest.raises(TryLater):
        world.sync()
    assert place(world)[1]
    world.sync()
    assert place(world)[1] is None
    with world.app.ledger.read() as connection:
        assert connection.execute(select(func.count()).select_from(people)).scalar_one() == 100
