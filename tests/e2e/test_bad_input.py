"""Bad input, one test for each sort: a clear message that says what to do, nothing lost, the rest
runs on.

Callbacks go to a real `crm-sms serve`, everything else through the commands an admin types.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
import structlog
from sqlalchemy import func, select
from typer.testing import CliRunner

from crm_sms.admin_files import shipped
from crm_sms.cli import app as commands
from crm_sms.ledger.tables import events
from crm_sms.sandbox.twilio.accounts import ACCOUNT_SID, AUTH_TOKEN
from crm_sms.sandbox.twilio.signature import json_url, sign
from crm_sms.testing.world import OUR_NUMBER, World

JANE, RAUL = "+12025550123", "+12025550188"
FORM = "application/x-www-form-urlencoded"


def sid(number: int) -> str:
    """A MessageSid."""
    return f"SM{number:032d}"


@dataclass
class Served:
    """A running `crm-sms serve`, called as Twilio calls it."""

    process: subprocess.Popen[str]
    port: int
    url: str

    def send(
        self, content: bytes, content_type: str = FORM, path: str = "/inbound", **headers: str
    ) -> int:
        """These bytes as they are; the status of the answer, whose body must be empty."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            sent = {"Content-Type": content_type, **headers}
            connection.request("POST", path, content, sent)
            answer = connection.getresponse()
            assert answer.read() == b""
            return answer.status
        finally:
            connection.close()

    def post(self, fields: dict[str, str], path: str = "/inbound", cut: int | None = None) -> int:
        """A form signed as Twilio signs it, its bytes cut on the way if asked for."""
        form = {"AccountSid": ACCOUNT_SID, **fields}
        place = f"/webhooks/twilio{path}"
        headers = {"X-Twilio-Signature": sign(AUTH_TOKEN, self.url + place, form.items())}
        return self.send(urlencode(form).encode()[:cut], FORM, place, **headers)

    def reply(self, number: int, body: str = "Yes please", sender: str = JANE) -> int:
        """Somebody texts."""
        ends = {"From": sender, "To": OUR_NUMBER}
        return self.post({"MessageSid": sid(number), "SmsStatus": "received", "Body": body, **ends})

    def log(self) -> str:
        """End it, and give what it said."""
        self.process.terminate()
        _, said = self.process.communicate(timeout=30)
        return said


Serve = Callable[..., Served]


@pytest.fixture
def serve(world: World) -> Iterator[Serve]:
    """Starts `crm-sms serve` on the installation; environment variables by keyword."""
    started: list[subprocess.Popen[str]] = []

    def begin(**environ: str) -> Served:
        folder = str(world.app.folder)
        process = subprocess.Popen(
            [sys.executable, "-m", "crm_sms", "--folder", folder, "serve"],
            env={**os.environ, "CRM_SMS_WEB__PORT": "0", **environ},
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stderr is not None
        first = process.stderr.readline()
        assert " port=" in first, first + process.stderr.read()
        return Served(process, int(first.rpartition("port=")[2]), world.box.url)

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@dataclass(frozen=True)
class Said:
    """What a command ended with, and everything it said."""

    code: int
    text: str


Run = Callable[..., Said]


@pytest.fixture
def crm_sms(world: World) -> Iterator[Run]:
    """Runs a command on the installation."""

    def run(*args: str) -> Said:
        given = ["--folder", str(world.app.folder), *args]
        result = CliRunner().invoke(commands, given, env={"COLUMNS": "200"})
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        text = result.stdout + result.stderr
        assert "Traceback" not in text
        return Said(result.exit_code, text)

    yield run
    structlog.reset_defaults()  # a command sets up logging for the whole process


@pytest.fixture
def jane(world: World) -> str:
    """A contact whom the mirror knows."""
    id = world.contact()
    world.advance(600)
    world.sync()
    return id


def kept(world: World) -> int:
    """Facts in the ledger."""
    with world.app.ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(events)).scalar_one()


def warnings(log: str, event: str) -> list[str]:
    """The lines of a log about one thing, each with what it gives as the reason."""
    return [line for line in log.splitlines() if f'event="{event}"' in line and "reason=" in line]


def edit(world: World, name: str, old: str, new: str) -> None:
    """The admin changes one line of a file."""
    file = world.app.folder / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


# ── Callbacks ────────────────────────────────────────────────────────────────────────────────────


def test_a_forged_callback(world: World, jane: str, serve: Serve, crm_sms: Run) -> None:
    """403, and the log says which settings to compare; the authentic one beside it goes on."""
    served = serve()
    forged = urlencode({"AccountSid": ACCOUNT_SID, "From": JANE, "Body": "STOP"}).encode()
    path = "/webhooks/twilio/inbound"
    assert served.send(forged, path=path, **{"X-Twilio-Signature": "c2lnbmVk"}) == 403
    assert served.send(forged, path=path) == 403
    assert served.reply(1) == 204
    assert kept(world) == 1
    lines = warnings(served.log(), "webhook forged")
    assert len(lines) == 2
    assert all("public_url" in line and "auth_token" in line for line in lines)
    assert crm_sms("sync", "all").code == 0
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is False
    assert len(world.tasks()) == 1


def test_a_replayed_callback(world: World, jane: str, serve: Serve, crm_sms: Run) -> None:
    """Answered 204 each time, counted as a duplicate, and done once."""
    served = serve()
    assert [served.reply(1) for _ in range(5)] == [204] * 5
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.request("GET", "/metrics")
    metrics = connection.getresponse().read().decode()
    connection.close()
    assert 'crm_sms_duplicates_total{provider="twilio"} 4.0' in metrics
    assert kept(world) == 1
    assert crm_sms("sync", "all").code == 0
    assert served.reply(1) == 204
    world.advance(600)
    assert crm_sms("sync", "all").code == 0
    assert len(world.tasks()) == 1
    assert world.record("Contact", jane)["SMS_Reply_Count__c"] == 1


def test_a_truncated_callback(world: World, jane: str, serve: Serve, crm_sms: Run) -> None:
    """Never taken for the whole: it is refused with a reason, and the whole one is taken later."""
    served = serve()
    whole = {"MessageSid": sid(1), "SmsStatus": "received", "Body": "call me", "From": JANE}
    assert served.post({**whole, "To": OUR_NUMBER}, cut=-20) == 403
    body = b'{"sms_sid": "SM1", "link": "https://exa'
    signature = sign(AUTH_TOKEN, json_url(f"{served.url}/webhooks/twilio/click", body))
    path = json_url("/webhooks/twilio/click", body)
    headers = {"X-Twilio-Signature": signature}
    assert served.send(body, "application/json", path, **headers) == 400
    assert kept(world) == 0
    assert served.post({**whole, "To": OUR_NUMBER}) == 204
    log = served.log()
    assert len(warnings(log, "webhook forged")) == 1
    [line] = warnings(log, "webhook unreadable")
    assert "broken or cut off" in line
    assert "#rc=3&rp=all" in line
    assert crm_sms("sync", "all").code == 0
    assert len(world.tasks()) == 1


def test_a_wrongly_encoded_callback(world: World, jane: str, serve: Serve) -> None:
    """400 with the reason; text that is odd but encoded well is taken as it is."""
    served = serve()
    latin = urlencode({"AccountSid": ACCOUNT_SID, "Body": "café"}, encoding="latin-1").encode()
    headers = {"X-Twilio-Signature": "c2lnbmVk"}
    assert served.send(latin, path="/webhooks/twilio/inbound", **headers) == 400
    assert kept(world) == 0
    assert served.reply(1, "caf\u00e9 \u0000 \U0001f44d") == 204
    assert kept(world) == 1
    [line] = warnings(served.log(), "webhook unreadable")
    assert "not UTF-8" in line
    assert "a proxy in between must not change bodies" in line


def test_an_oversized_callback(world: World, jane: str, serve: Serve) -> None:
    """413, and the log names the setting that would let it in; the next one is taken."""
    served = serve(CRM_SMS_WEB__MAX_BODY_KB="4")
    assert served.reply(1, "x" * 5000) == 413
    assert kept(world) == 0
    assert served.reply(2) == 204
    assert kept(world) == 1
    [line] = warnings(served.log(), "webhook too large")
    assert "web.max_body_kb" in line


def test_an_unknown_callback(world: World, jane: str, serve: Serve, crm_sms: Run) -> None:
    """An authentic one that nobody understands is kept with its bytes and listed; a status with a
    new word stands as Unknown; an address of no provider is refused by name."""
    served = serve()
    assert served.post({"Level": "ERROR", "Payload": "{}"}, path="/status") == 204
    texted = {"From": OUR_NUMBER, "To": JANE, "MessageSid": sid(1)}
    assert served.post({**texted, "MessageStatus": "teleported"}, path="/status") == 204
    assert served.send(b"x", path="/webhooks/telnyx/status") == 404
    assert served.reply(2) == 204
    assert kept(world) == 3
    [line] = warnings(served.log(), "webhook for no provider")
    assert "have the callback URL end in /webhooks/twilio" in line
    assert crm_sms("sync", "all").code == 0
    assert sorted(row["Status__c"] for row in world.records("SMS_Message__c")) == [
        "Received",
        "Unknown",
    ]
    assert len(world.tasks()) == 1


# ── Numbers ──────────────────────────────────────────────────────────────────────────────────────


def test_short_codes_and_unparsable_numbers(
    world: World, jane: str, serve: Serve, crm_sms: Run
) -> None:
    """They are nobody's: kept, listed with the reason, never completed to a number of somebody; a
    contact with a number nobody can read is mirrored without it."""
    world.contact("ask at the desk", LastName="Roe")
    world.contact("(202) 555-0188 ext. 7", LastName="Poe")
    served = serve()
    assert served.reply(1, "STOP", sender="55511") == 204
    assert served.reply(2, "hello", sender="ACME Bank") == 204
    assert served.reply(3, "hello", sender="+1 (202) 555") == 204
    assert served.reply(4) == 204
    world.advance(600)
    assert crm_sms("sync", "all").code == 0
    assert len(world.tasks()) == 1
    listed = crm_sms("unmatched", "list").text
    assert "no_number" in listed
    assert "suppressions: 0" in crm_sms("status").text
    assert crm_sms("unmatched", "assign", "55511", jane).text.strip() == (
        "this is not a phone number; give it as +12025550123"
    )


# ── The admin's files ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ('Subject = { text = "{{ mesage.body }}" }\n', "mesage"),
        ("Subject = { text = ", "line"),
        ('Subject = { valeu = "message.body" }\n', "valeu"),
    ],
    ids=["unknown name", "broken TOML", "unknown key"],
)
def test_an_error_in_the_mapping(
    world: World, jane: str, serve: Serve, crm_sms: Run, wrong: str, named: str
) -> None:
    """File, place and remedy are named; meanwhile callbacks are taken, planned by the last mapping
    that could be read, and written; with the correction all is well."""
    world.receive(world.outbound(JANE, sid(9)))
    world.process()
    world.advance(61)
    file = world.app.folder / "salesforce.toml"
    good = (shipped() / "salesforce.toml").read_text()
    file.write_text(re.sub(r"Subject = .*\n", wrong, good, count=1))
    served = serve()
    assert served.reply(1) == 204
    told = crm_sms("sync", "all")
    assert told.code == 1
    assert str(file) in told.text
    assert named in told.text
    assert len(world.tasks()) == 1
    assert kept(world) == 2
    for command, code in (("doctor", 1), ("status", 3)):
        told = crm_sms(command)
        assert told.code == code
        assert named in told.text
        assert "stays in use" in told.text
    file.write_text(good)
    assert crm_sms("sync", "all").code == 0
    assert crm_sms("status").code == 0
    assert len(world.tasks()) == 1


def test_an_error_in_the_settings(world: World, jane: str, crm_sms: Run) -> None:
    """Every problem at once, each with its key and what to do; nothing runs half."""
    world.receive(world.reply(JANE, sid(1)))
    edit(world, "crm-sms.toml", 'default_region = "US"', 'default_region = "USA"\ndatabse = "x"')
    told = crm_sms("sync", "all")
    assert told.code == 1
    assert "default_region" in told.text
    assert "ISO 3166" in told.text
    assert "did you mean database?" in told.text
    assert world.tasks() == []
    edit(world, "crm-sms.toml", 'default_region = "USA"\ndatabse = "x"', 'default_region = "US"')
    assert crm_sms("sync", "all").code == 0
    assert len(world.tasks()) == 1


def test_a_mapping_that_changes_while_rows_wait(world: World, jane: str, crm_sms: Run) -> None:
    """What waits and what is parked is written as the new file says, and the log says so."""
    world.fault("status", status=503)
    world.receive(world.reply(JANE, sid(1)))
    assert crm_sms("sync", "all").code == 1
    world.clear_faults()
    text = (shipped() / "salesforce.toml").read_text()
    changed = text.replace('text = "SMS reply', 'text = "Text back')
    (world.app.folder / "salesforce.toml").write_text(changed)
    world.advance(600)
    told = crm_sms("sync", "all")
    assert told.code == 0
    assert 'event="mapping or settings changed"' in told.text
    [task] = world.tasks()
    assert task["Subject"].startswith("Text back")


def test_settings_that_change_while_rows_wait(world: World, jane: str, crm_sms: Run) -> None:
    """A CRM that is taken out of the settings keeps its rows, and they are not kept in silence."""
    world.receive(world.reply(JANE, sid(1)))
    world.process()
    toml = (world.app.folder / "crm-sms.toml").read_text()
    without = re.sub(r"(?s)\[crms\.salesforce\].*?(?=\[providers)", "", toml)
    (world.app.folder / "crm-sms.toml").write_text(without)
    env = (world.app.folder / ".env").read_text()
    edit(world, ".env", "CRM_SMS_CRMS__SALESFORCE__CLIENT_SECRET", "X_CLIENT_SECRET")
    crm_sms("sync", "all")
    for command, code in ((("status",), 3), (("doctor",), 3), (("parked", "list"), 0)):
        told = crm_sms(*command)
        assert told.code == code
        assert re.search(r"salesforce\W+not in the settings|salesforce is not in", told.text)
        assert "put [crms.salesforce] back" in told.text
        assert "crm-sms parked drop --crm salesforce" in told.text
    (world.app.folder / "crm-sms.toml").write_text(toml)
    (world.app.folder / ".env").write_text(env)
    world.advance(61)
    assert crm_sms("sync", "all").code == 0
    assert len(world.tasks()) == 1


# ── Access ───────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_secret_of_the_crm(world: World, jane: str, serve: Serve, crm_sms: Run) -> None:
    """The message names the variable; callbacks are taken and planned, and wait for it."""
    edit(world, ".env", "CRM_SMS_CRMS__SALESFORCE__CLIENT_SECRET", "X_CLIENT_SECRET")
    assert serve().reply(1) == 204
    assert crm_sms("process").code == 0
    for command in (("deliver",), ("doctor",)):
        told = crm_sms(*command)
        assert told.code == 1
        assert "client_secret" in told.text
        assert "CRM_SMS_CRMS__SALESFORCE__" in told.text
    edit(world, ".env", "X_CLIENT_SECRET", "CRM_SMS_CRMS__SALESFORCE__CLIENT_SECRET")
    assert crm_sms("sync", "all").code == 0
    world.advance(61)
    assert crm_sms("sync", "all").code == 0
    assert len(world.tasks()) == 1


def test_a_missing_secret_of_the_provider(world: World, jane: str, crm_sms: Run) -> None:
    """Serving stops at the start with the name of the variable; what is there is written all the
    same."""
    world.receive(world.reply(JANE, sid(1)))
    edit(world, ".env", "__AUTH_TOKEN", "__X_TOKEN")
    # In a process of its own, as `serve` takes the signals of the one it runs in.
    command = [sys.executable, "-m", "crm_sms", "--folder", str(world.app.folder), "serve"]
    served = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert served.returncode == 1
    assert "auth_token" in served.stderr
    assert "CRM_SMS_PROVIDERS__TWILIO__" in served.stderr
    assert "Traceback" not in served.stderr
    told = crm_sms("sync", "all")
    assert told.code == 1  # the provider cannot be asked for what its callbacks missed
    assert "auth_token" in told.text
    assert len(world.tasks()) == 1


def test_a_missing_digest_key(world: World, jane: str, crm_sms: Run) -> None:
    """No command works with another one, since no opt-out would be found."""
    world.receive(world.reply(JANE, sid(1), "STOP"))
    assert crm_sms("db", "upgrade").code == 0
    file = world.app.folder / ".env"
    good = file.read_text()
    file.write_text(re.sub("CRM_SMS_DIGEST_KEY=.*\n", "", good))
    told = crm_sms("sync", "all")
    assert told.code == 1
    assert "CRM_SMS_DIGEST_KEY" in told.text
    file.write_text(re.sub("CRM_SMS_DIGEST_KEY=.*\n", f"CRM_SMS_DIGEST_KEY={'x' * 40}\n", good))
    told = crm_sms("sync", "all")
    assert told.code == 1
    assert "restore CRM_SMS_DIGEST_KEY in .env" in told.text
    file.write_text(good)
    assert crm_sms("sync", "all").code == 0
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True


def test_a_revoked_token(world: World, jane: str, serve: Serve, crm_sms: Run) -> None:
    """The remedy is told, nothing parks, callbacks are taken; with new credentials all goes on."""
    world.fault("expired_token", for_good=True)
    assert serve().reply(1) == 204
    told = crm_sms("sync", "all")
    assert told.code == 1
    assert "External Client App" in told.text or "client_secret" in told.text
    assert "nothing is parked" in crm_sms("parked", "list").text
    assert "left alone until" in crm_sms("status").text
    world.clear_faults()
    world.advance(61)
    assert crm_sms("sync", "all").code == 0
    assert len(world.tasks()) == 1


# ── The CRM's data and limits ────────────────────────────────────────────────────────────────────


def test_a_deleted_contact(world: World, jane: str, crm_sms: Run) -> None:
    """What was for them parks with the reason and the remedy; other people's records go on."""
    raul = world.contact("(202) 555-0188", LastName="Roe")
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, sid(1)), world.reply(RAUL, sid(2)))
    world.process()
    world.delete(jane)
    world.advance(61)
    assert crm_sms("deliver").code == 3
    assert [task["WhoId"] for task in world.tasks()] == [raul]
    listed = crm_sms("parked", "list")
    assert "deleted: " in listed.text
    assert "restore it and retry, or drop the row" in listed.text
    assert kept(world) == 2


def test_an_ended_quota(world: World, jane: str, serve: Serve, crm_sms: Run) -> None:
    """Nothing parks; status says why and until when the CRM is left alone; then all is written."""
    world.fault("quota", remaining=0)
    assert serve().reply(1) == 204
    told = crm_sms("sync", "all")
    assert told.code == 1
    assert "nothing is lost" in told.text
    assert "nothing is parked" in crm_sms("parked", "list").text
    status = crm_sms("status").text
    assert "left alone until" in status
    assert "quota" in status or "no more calls" in status
    world.clear_faults()
    world.advance(3600)
    assert crm_sms("sync", "all").code == 0
    assert len(world.tasks()) == 1


# ── Exports ──────────────────────────────────────────────────────────────────────────────────────

HEADER = "From,To,Body,Status,SentDate,Sid,Direction,AccountSid"
STOP = f"{JANE},{OUR_NUMBER},Stop,received,2026-11-01T10:00:00Z,{sid(1)},inbound,{ACCOUNT_SID}"
REPLY = f"{JANE},{OUR_NUMBER},Hi,received,2026-11-02T10:00:00Z,{sid(2)},inbound,{ACCOUNT_SID}"
TEXT = f"{OUR_NUMBER},{JANE},Hello,delivered,2026-11-03T10:00:00Z,{sid(3)},outbound,{ACCOUNT_SID}"


def test_a_broken_row_in_an_export(world: World, jane: str, crm_sms: Run) -> None:
    """It is named with its place and the reason, the others are stored; the corrected file adds
    what was missing."""
    file = world.app.folder / "messages.csv"
    file.write_text("\n".join([HEADER, STOP, REPLY.replace(sid(2), ""), "two,cells", TEXT]))
    assert crm_sms("import", "twilio", str(file), "--dry-run").code == 3
    assert kept(world) == 0
    told = crm_sms("import", "twilio", str(file))
    assert told.code == 3
    assert re.search(r"line 3 .*export messages with their Sid", told.text)
    assert re.search(r"line 4 .*it has 2 cells", told.text)
    assert "correct them and import again" in told.text
    assert kept(world) == 2
    assert crm_sms("sync", "all").code == 0
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True
    assert world.tasks() == []
    file.write_text("\n".join([HEADER, STOP, REPLY, TEXT]))
    assert crm_sms("import", "twilio", str(file)).code == 0
    assert kept(world) == 3
