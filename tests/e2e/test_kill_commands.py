"""A kill -9 at the commits that only a command reaches: the command is repeated, and all is well.

`test_kill.py` kills the jobs; here are the rest of the ledger's commits, so that no commit is
without its kill test.
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select

from crm_sms.admin_files import shipped
from crm_sms.ledger import COMMITS
from crm_sms.ledger.tables import events, inbox, outbox, suppressions
from crm_sms.sandbox.twilio import Reply
from crm_sms.sandbox.twilio.accounts import ACCOUNT_SID, AUTH_TOKEN
from crm_sms.sandbox.twilio.signature import sign
from crm_sms.testing.world import OUR_NUMBER, World

JANE = "+12025550123"
SIDES = ("before", "after")


def crm_sms(world: World, *args: str, failpoint: str = "") -> int:
    """Run a command in a process of its own; its exit code, negative for a signal."""
    folder = str(world.app.folder)
    return subprocess.run(
        [sys.executable, "-m", "crm_sms", "--folder", folder, *args],
        env={**os.environ, "CRM_SMS_FAILPOINTS": failpoint},
        timeout=60,
        check=False,
        capture_output=True,
    ).returncode


def rows(world: World, *tables: object) -> list[int]:
    """How many rows each table has."""
    with world.app.ledger.read() as connection:
        counts = (select(func.count()).select_from(table) for table in tables)  # type: ignore[arg-type]
        return [connection.execute(count).scalar_one() for count in counts]


@pytest.fixture
def jane(world: World) -> str:
    """A contact whom the mirror knows."""
    id = world.contact()
    world.advance(600)
    world.sync()
    return id


def replan(world: World, _: str) -> tuple[str, ...]:
    """The mapping has changed while a reply's rows wait."""
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    text = (shipped() / "salesforce.toml").read_text()
    changed = text.replace('text = "SMS reply', 'text = "Text back')
    (world.app.folder / "salesforce.toml").write_text(changed)
    return ("process",)


def import_(world: World, _: str) -> tuple[str, ...]:
    """An export holds a reply."""
    file = world.app.folder / "messages.csv"
    row = f"{JANE},{OUR_NUMBER},Hi,received,2026-11-20T15:00:00Z,SM{1:032},inbound,{ACCOUNT_SID}"
    file.write_text(f"From,To,Body,Status,SentDate,Sid,Direction,AccountSid\n{row}\n")
    return ("import", "twilio", str(file))


def pause(world: World, _: str) -> tuple[str, ...]:
    """The CRM takes our token no more."""
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(61)
    world.fault("expired_token", for_good=True)
    return ("deliver",)


def parked(world: World, _: str) -> tuple[str, ...]:
    """A reply's rows are parked, and what was wrong is mended."""
    world.receive(world.reply(JANE, "SM1"))
    world.fault("row_error", code="FIELD_CUSTOM_VALIDATION_EXCEPTION")
    world.settle()
    world.clear_faults()
    return ("parked", "retry", "--all")


def unmatched(world: World, jane: str) -> tuple[str, ...]:
    """A reply came from a number that nobody has."""
    world.receive(world.reply("+12025550100", "SM1"))
    world.process()
    return ("unmatched", "assign", "+12025550100", jane)


def listed(world: World, _: str) -> tuple[str, ...]:
    """A reply came whose callback did not."""
    world.box.twilio.reply(Reply.model_validate({"from": JANE, "to": OUR_NUMBER, "body": "Hi"}))
    return ("sync", "provider")


def restored(world: World, _: str) -> tuple[str, ...]:
    """A reply waits, and somebody says that the ledger was restored."""
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    return ("db", "restored")


def gone(world: World, jane: str) -> tuple[str, ...]:
    """The deal that a reply's task names is deleted before the task is written."""
    deal = {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    [id] = world.create("Opportunity", deal)
    world.create("OpportunityContactRole", {"OpportunityId": id, "ContactId": jane})
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.delete(id)
    world.settle()
    world.advance(400)
    return ("sync", "people")


HERE: dict[str, Callable[[World, str], tuple[str, ...]]] = {
    "process.replan": replan,
    "deliver.pause": pause,
    "import": import_,
    "parked": parked,
    "reconcile": listed,
    "reconcile.mark": listed,
    "restored": restored,
    "sync.gone": gone,
    "unmatched": unmatched,
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", sorted(HERE))
def test_a_command_that_was_killed_is_simply_repeated(
    world: World, jane: str, name: str, side: str
) -> None:
    """Whatever it was about, the reply stands on its record and has its one task in the end."""
    command = HERE[name](world, jane)
    killed = crm_sms(world, *command, failpoint=f"{name}:{side}")
    assert killed == -signal.SIGKILL, "the failpoint was not reached"
    crm_sms(world, *command)
    world.clear_faults()
    for _ in range(3):
        world.process()
        world.advance(1000)
        world.deliver()
    [task] = world.tasks(deleted=True)
    assert task["WhoId"] == jane
    assert task["Subject"].startswith("Text back" if name == "process.replan" else "SMS reply")
    assert len(world.records("SMS_Message__c", deleted=True)) == 1
    assert world.record("Contact", jane)["SMS_Reply_Count__c"] == 1
    assert rows(world, inbox, outbox) == [0, 0]


@pytest.mark.parametrize("point", ["before", "after", "before=2", "after=2"])
def test_a_lead_that_was_killed_on_its_way_is_made_once(world: World, point: str) -> None:
    """Also between the CRM's yes and ours; at worst it waits until no request can be under way."""
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    command = ("unmatched", "create-lead", JANE, "--yes")
    assert crm_sms(world, *command, failpoint=f"unmatched:{point}") == -signal.SIGKILL
    assert len(world.records("Lead")) == (1 if point.endswith("=2") else 0)
    crm_sms(world, *command)
    world.advance(1000)
    crm_sms(world, *command)
    world.settle(rounds=2)
    [lead] = world.records("Lead", deleted=True)
    assert [record["Lead__c"] for record in world.records("SMS_Message__c")] == [lead["Id"]]


@pytest.fixture
def serve(world: World) -> Iterator[Callable[..., int]]:
    """Starts `crm-sms serve`; its port."""
    started: list[subprocess.Popen[str]] = []

    def begin(failpoint: str = "") -> int:
        environ = {"CRM_SMS_WEB__PORT": "0", "CRM_SMS_FAILPOINTS": failpoint}
        process = subprocess.Popen(
            [sys.executable, "-m", "crm_sms", "--folder", str(world.app.folder), "serve"],
            env={**os.environ, **environ},
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stderr is not None
        return int(process.stderr.readline().rpartition("port=")[2])

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def stop(world: World, port: int, number: int) -> int | None:
    """A signed STOP of the nth person; the status of the answer, None without one."""
    ends = {"From": f"+1202555{number:04}", "To": OUR_NUMBER}
    form = {"AccountSid": ACCOUNT_SID, "MessageSid": f"SM{number:032}", "Body": "STOP", **ends}
    path = "/webhooks/twilio/inbound"
    signature = sign(AUTH_TOKEN, f"{world.box.url}{path}", form.items())
    headers = {
        "X-Twilio-Signature": signature,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, urlencode(form), headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


@pytest.mark.parametrize("side", SIDES)
def test_a_stop_that_was_answered_suppresses_whatever_happens(
    world: World, serve: Callable[..., int], side: str
) -> None:
    """One at a time, so what is kept is told exactly: event, inbox row and suppression together."""
    port = serve(f"receive:{side}=3")
    answers = [stop(world, port, number) for number in range(5)]
    assert answers == [204, 204, None, None, None]
    whole = 2 if side == "before" else 3
    assert rows(world, events, inbox, suppressions) == [whole, whole, whole]
    again = serve()
    assert [stop(world, again, number) for number in range(5)] == [204] * 5
    assert rows(world, events, inbox, suppressions) == [5, 5, 5]


def test_no_commit_is_without_its_kill_test() -> None:
    """Each is killed on both sides: by name in test_kill.py, or here."""
    jobs = Path(__file__).with_name("test_kill.py").read_text()
    points = {f"{name}:{side}" for name in COMMITS for side in SIDES}
    told = {point for point in points if f'"{point}"' in jobs}
    told |= {f"{name}:{side}" for name in (*HERE, "receive") for side in SIDES}
    assert sorted(points - told) == []
