"""`crm-sms serve` and `worker` as processes of their own, against a sandbox on real time."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crm_sms.bootstrap import installation
from crm_sms.ledger import inbox, schema
from crm_sms.sandbox.clock import FileClock
from crm_sms.sandbox.server import running
from crm_sms.sandbox.twilio.accounts import ACCOUNT_SID, AUTH_TOKEN
from crm_sms.sandbox.twilio.signature import sign
from crm_sms.testing.world import World, install

NUMBER = "+12025550123"
NEVER = {"CRM_SMS_WORKER__SYNC_S": "86400", "CRM_SMS_WORKER__POLL_S": "86400"}
"""A schedule on which nothing comes by itself after the start."""
Child = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[World]:
    """An installation on real time; one contact is in the org."""
    with running(FileClock()) as box:
        with urllib.request.urlopen(f"{box.url}/_sandbox/salesforce") as answer:
            credentials = json.load(answer)["credentials"]
        install(tmp_path, box.url, credentials, {ACCOUNT_SID: AUTH_TOKEN})
        app = installation(tmp_path, {})
        schema.upgrade(app.ledger)
        world = World(app, box, ACCOUNT_SID)
        world.contact(NUMBER)
        yield world
        app.close()


@dataclass
class Program:
    """A running `serve` or `worker`, once it has said that it runs."""

    process: subprocess.Popen[str]
    said: str
    port: int = 0

    def post(self, world: World, path: str, token: str = AUTH_TOKEN, **fields: str) -> int:
        """A callback signed as Twilio signs it; the status of the answer."""
        form = {"AccountSid": ACCOUNT_SID, **fields}
        signature = sign(token, f"{world.box.url}/webhooks/twilio{path}", form.items())
        headers = {
            "X-Twilio-Signature": signature,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        body = urllib.parse.urlencode(form)
        connection.request("POST", f"/webhooks/twilio{path}", body, headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def reply(self, world: World, sid: str, body: str = "Yes please", **further: Any) -> int:
        """Somebody texts."""
        ends = {"From": NUMBER, "To": "+15005550006"}
        return self.post(
            world, "/inbound", **further, MessageSid=sid, SmsStatus="received", Body=body, **ends
        )

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; the exit code, and how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        return code, time.monotonic() - began


@pytest.fixture
def start(child: Child, live: World) -> Callable[..., Program]:
    """Starts a command and waits until it says that it is at work."""

    def begin(*args: str, **environ: str) -> Program:
        environ = {"CRM_SMS_WEB__PORT": "0", **environ}
        process = child("--folder", live.app.folder, *args, **environ)
        assert process.stderr is not None
        said = ""
        word = "event=serving" if "serve" in args else "event=working"
        while word not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        port = int(said.rpartition("port=")[2]) if "serve" in args else 0
        return Program(process, said, port)

    return begin


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds; fail when that takes unreasonably long."""
    deadline = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def backlog(live: World) -> int:
    """Events that wait."""
    with live.app.ledger.read() as connection:
        return inbox.backlog(connection)[0]


SID = "SM" + "0" * 31


def test_a_signed_reply_becomes_a_task(live: World, start: Callable[..., Program]) -> None:
    """One process takes the webhook, matches the person and writes the task; a forged one gets
    nothing done."""
    program = start("serve", "--with-worker")
    until(lambda: live.app.ledger and _mirrored(live))
    assert program.reply(live, SID + "1") == 204
    assert program.reply(live, SID + "2", token="forged") == 403
    until(live.tasks)
    [task] = live.tasks()
    assert "Yes please" in f"{task['Subject']} {task['Description']}"
    code, seconds = program.end()
    assert code == 0
    assert seconds < 10


def _mirrored(live: World) -> bool:
    from crm_sms.ledger.mirror_pages import pulled

    with live.app.ledger.read() as connection:
        return "people:Contact" in pulled(connection, "salesforce")


def test_a_worker_in_another_process_is_woken_by_serve(
    live: World, start: Callable[..., Program]
) -> None:
    """Its own schedule would come tomorrow."""
    worker = start("worker", **NEVER)
    until(lambda: _mirrored(live))
    web = start("serve")
    assert web.reply(live, SID + "1") == 204
    until(live.tasks)
    assert (web.end()[0], worker.end()[0]) == (0, 0)


def test_webhooks_go_on_while_the_crm_is_down(live: World, start: Callable[..., Program]) -> None:
    """They are answered, planned, and delivered when it returns, by themselves."""
    live.sync()
    live.fault("status", status=503)
    program = start("serve", "--with-worker")
    assert [program.reply(live, f"{SID}{number}") for number in range(5)] == [204] * 5
    until(lambda: backlog(live) == 0)
    assert not live.tasks()
    live.clear_faults()
    until(live.tasks)
    assert len(live.tasks()) == 1
    program.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("args", [["worker"], ["serve"], ["serve", "--with-worker"]], ids=" ".join)
def test_a_signal_ends_it_well(
    live: World, start: Callable[..., Program], args: list[str], number: signal.Signals
) -> None:
    """With 0, within seconds, and without a stack trace."""
    program = start(*args)
    code, seconds = program.end(number)
    assert code == 0
    assert seconds < 10
    _, errors = program.process.communicate()
    assert "Traceback" not in errors


def test_a_request_under_way_does_not_hold_up_the_end(
    live: World, start: Callable[..., Program]
) -> None:
    """It is cut off after some seconds; its records are written again by the next worker."""
    live.fault("latency", ms=25_000)
    program = start("worker")
    time.sleep(0.3)
    code, seconds = program.end()
    assert code == 0
    assert seconds < 15
    live.clear_faults()


def test_a_port_that_is_taken_is_a_clear_failure(
    live: World, start: Callable[..., Program], child: Child
) -> None:
    """With the remedy, and exit code 1."""
    program = start("serve")
    port = str(program.port)
    second = child("--folder", live.app.folder, "serve", CRM_SMS_WEB__PORT=port)
    _, errors = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"127.0.0.1:{port} cannot be taken" in errors
    assert "Traceback" not in errors


def test_no_number_and_no_body_is_logged(live: World, start: Callable[..., Program]) -> None:
    """Whatever happens on the way."""
    program = start("serve", "--with-worker")
    live.fault("row_error", code="FIELD_CUSTOM_VALIDATION_EXCEPTION", times=1)
    program.reply(live, SID + "1", body="my secret answer")
    program.post(live, "/inbound", From=NUMBER, Body="my secret answer")
    until(lambda: backlog(live) == 0)
    program.end()
    _, errors = program.process.communicate()
    for secret in (NUMBER, NUMBER[1:], "secret answer", AUTH_TOKEN):
        assert secret not in program.said + errors
