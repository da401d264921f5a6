"""`crm-sms doctor`: every problem at once, each with its remedy."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from crm_sms.bootstrap import installation, planner
from crm_sms.ledger import store
from crm_sms.sandbox.server import running
from crm_sms.sandbox.twilio import SendText
from crm_sms.testing.world import OUR_NUMBER, World, build

NUMBER = "+12025550123"


def findings(answer: Any) -> dict[str, list[str]]:
    """Verdicts by subject."""
    found: dict[str, list[str]] = {}
    for one in answer.json["findings"]:
        found.setdefault(one["subject"], []).append(one["verdict"])
    return found


def remedies(answer: Any, subject: str) -> str:
    """What is to be done about a subject."""
    found = [one for one in answer.json["findings"] if one["subject"] == subject]
    return "\n".join(f"{one['text']} → {one['remedy']}" for one in found)


def test_a_good_installation_has_no_failure(crm_sms: Any, world: World, contact: str) -> None:
    """Everything is looked at; each finding that is not ok has a remedy."""
    answer = crm_sms("doctor", "--json")
    assert answer.code == 0
    found = findings(answer)
    assert {
        "ledger",
        "digest_key",
        "inbox",
        "parked salesforce",
        "outbox salesforce",
        "mirror salesforce",
        "fallback owner salesforce",
        "webhooks twilio",
        "salesforce credentials",
        "mapping salesforce",
    } <= set(found)
    assert found["mapping salesforce"] == ["ok"]
    for one in answer.json["findings"]:
        assert bool(one["remedy"]) == (one["verdict"] != "ok"), one
        assert list(one) == ["subject", "verdict", "text", "remedy"]
    document = answer.json
    assert list(document) == ["ok", "warning", "failed", "parked", "missed", "findings"]
    assert document["failed"] == document["parked"] == 0
    assert document["ok"] + document["warning"] == len(document["findings"])


def test_the_webhook_address_is_named(crm_sms: Any, world: World) -> None:
    """It is what has to be set at the provider."""
    assert f"{world.box.url}/webhooks/twilio" in remedies(
        crm_sms("doctor", "--json"), "webhooks twilio"
    )


def test_without_a_public_url_the_provider_knows_no_address(crm_sms: Any, world: World) -> None:
    """Whoever set none is told where; here the provider's own table has it."""
    file = world.app.folder / "crm-sms.toml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("public_url")]
    given = f'[providers.twilio]\npublic_url = "{world.box.url}"'
    file.write_text("\n".join(lines).replace("[providers.twilio]", given))
    answer = crm_sms("doctor", "--json")
    assert findings(answer)["webhooks twilio"] == ["warning"]
    assert "set public_url" in remedies(answer, "webhooks twilio")


def test_the_screen_ends_with_what_failed(crm_sms: Any, world: World) -> None:
    """That is where the eye is; the remedy stands with it."""
    text = crm_sms("doctor", CRM_SMS_CRMS__SALESFORCE__CLIENT_SECRET="wrong").out
    assert text.index("warning") < text.index("failed")
    assert "→" in text[text.index("failed") :]


def test_refused_credentials_fail(crm_sms: Any) -> None:
    """Nothing further is asked of that CRM; the rest is looked at."""
    answer = crm_sms("doctor", "--json", CRM_SMS_CRMS__SALESFORCE__CLIENT_SECRET="wrong")
    found = findings(answer)
    assert answer.code == 1
    assert found["salesforce credentials"] == ["failed"]
    assert "mapping salesforce" not in found
    assert found["ledger"] == ["ok"]


def test_bad_settings_are_all_told_at_once(crm_sms: Any) -> None:
    """Each with its key; nothing else can be looked at."""
    answer = crm_sms("doctor", "--json", CRM_SMS_TASKS__DUE_DAYS="soon", CRM_SMS_COLOUR="blue")
    assert answer.code == 1
    assert findings(answer) == {"settings": ["failed", "failed"]}
    assert "due_days" in remedies(answer, "settings")
    assert "colour" in remedies(answer, "settings")


def test_a_secret_that_others_can_read_fails(crm_sms: Any, world: World) -> None:
    """With the command that mends it."""
    (world.app.folder / ".env").chmod(0o644)
    answer = crm_sms("doctor", "--json")
    assert answer.code == 1
    assert "chmod 600" in remedies(answer, "settings")


def test_a_hidden_optional_field_is_a_warning(crm_sms: Any, world: World) -> None:
    """The rest of the record is written."""
    world.fault("hidden", fields=["SMS_Message__c.Price__c"])
    answer = crm_sms("doctor", "--json")
    assert answer.code == 0
    assert findings(answer)["mapping salesforce"] == ["warning"]
    assert "Price__c" in remedies(answer, "mapping salesforce")


def test_every_hidden_required_field_fails(crm_sms: Any, world: World) -> None:
    """All of them at once, each with file, key and remedy."""
    world.fault("hidden", fields=["Contact.SMS_Opt_Out__c", "Task.SMS_Key__c"])
    answer = crm_sms("doctor", "--json")
    assert answer.code == 1
    assert "failed" in findings(answer)["mapping salesforce"]
    text = remedies(answer, "mapping salesforce")
    assert "SMS_Opt_Out__c" in text
    assert "SMS_Key__c" in text
    assert "salesforce.toml" in text


def test_an_org_without_our_fields_fails(anywhere: Any, tmp_path: Any) -> None:
    """What is missing is listed, field by field."""
    with running(bare=True) as box:
        world = build(tmp_path, box)
        answer = anywhere("--folder", tmp_path, "doctor", "--json")
        world.app.close()
    assert answer.code == 1
    assert "SMS_Message__c" in remedies(answer, "mapping salesforce")


def test_a_mapping_that_cannot_be_read_fails(crm_sms: Any, world: World) -> None:
    """It is told together with what the CRM says."""
    (world.app.folder / "salesforce.toml").write_text("colour = 1\n")
    answer = crm_sms("doctor", "--json")
    assert answer.code == 1
    assert findings(answer)["mapping salesforce"] == ["failed"]
    assert "colour" in remedies(answer, "mapping salesforce")
    assert findings(answer)["salesforce credentials"] == ["ok"]


def test_an_installation_without_anything_to_do_is_told(anywhere: Any, tmp_path: Any) -> None:
    """Such as one whose crm-sms.toml was lost: nothing fails, and nothing happens either."""
    assert anywhere("--folder", tmp_path, "init").code == 0
    (tmp_path / "crm-sms.toml").unlink()
    answer = anywhere("--folder", tmp_path, "doctor", "--json")
    assert answer.code == 0
    assert findings(answer)["crms"] == findings(answer)["providers"] == ["warning"]
    assert "[crms.NAME]" in remedies(answer, "crms")
    assert "[providers.NAME]" in remedies(answer, "providers")


def test_a_crm_that_is_silent_for_now_is_no_mistake_to_correct(crm_sms: Any, world: World) -> None:
    """What passes by itself has another remedy than what is wrong."""
    world.fault("status", status=503)
    text = remedies(crm_sms("doctor", "--json"), "mapping salesforce")
    assert "correct it" not in text
    assert "it may pass by itself" in text


def test_another_schema_fails(crm_sms: Any, tmp_path: Any) -> None:
    """CRM and provider are asked all the same."""
    answer = crm_sms("doctor", "--json", CRM_SMS_DATABASE=f"sqlite:///{tmp_path}/new.db")
    assert answer.code == 1
    assert findings(answer)["ledger"] == ["failed"]
    assert "crm-sms db upgrade" in remedies(answer, "ledger")
    assert findings(answer)["salesforce credentials"] == ["ok"]


def test_another_digest_key_fails(crm_sms: Any) -> None:
    """With it, nobody who said no would be found."""
    assert findings(crm_sms("doctor", "--json"))["digest_key"] == ["ok"]
    answer = crm_sms("doctor", "--json", CRM_SMS_DIGEST_KEY="x" * 64)
    assert answer.code == 1
    assert "restore CRM_SMS_DIGEST_KEY" in remedies(answer, "digest_key")
    assert findings(crm_sms("doctor", "--json"))["digest_key"] == ["ok"]


@pytest.mark.parametrize(("active", "verdict"), [(True, "ok"), (False, "failed"), (None, "failed")])
def test_the_fallback_owner_must_be_an_active_user(
    crm_sms: Any, world: World, active: bool | None, verdict: str
) -> None:
    """Otherwise tasks would go to nobody."""
    id = "0055g00000ZZZZZAAX"
    if active is not None:
        user = {
            "LastName": "Kim",
            "Username": "kim@example.com",
            "Email": "kim@example.com",
            "Alias": "kim",
            "IsActive": active,
        }
        [id] = world.create("User", user)
    world.sync()
    answer = crm_sms("doctor", "--json", CRM_SMS_TASKS__FALLBACK_OWNER=id)
    assert findings(answer)["fallback owner salesforce"] == [verdict]
    assert answer.code == (verdict == "failed")


def test_a_short_id_of_the_fallback_owner_is_taken(crm_sms: Any, world: World) -> None:
    """That of the user's page; tasks get the id that the API takes."""
    [id] = world.create(
        "User", {"LastName": "Kim", "Username": "k@x.com", "Email": "k@x.com", "Alias": "kim"}
    )
    world.sync()
    answer = crm_sms("doctor", "--json", CRM_SMS_TASKS__FALLBACK_OWNER=id[:15])
    assert findings(answer)["fallback owner salesforce"] == ["ok"]
    app = installation(world.app.folder, {"CRM_SMS_TASKS__FALLBACK_OWNER": id[:15]})
    assert planner(app, "salesforce").tasks.fallback_owner == id
    app.close()


def test_parked_records_end_it_with_3(crm_sms: Any, world: World, contact: str) -> None:
    """A warning that says which command says more."""
    world.fault("row_error", code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="no")
    world.receive(world.outbound(NUMBER, "SM1"))
    world.settle()
    answer = crm_sms("doctor", "--json")
    assert answer.code == 3
    assert answer.json["parked"] > 0
    assert "crm-sms parked list" in remedies(answer, "parked salesforce")


def test_what_waits_too_long_is_a_warning(crm_sms: Any, world: World, contact: str) -> None:
    """Nobody processes, nobody delivers, nobody pulls: each says what to start."""
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    world.receive(world.reply(NUMBER, "SM2"))
    assert findings(crm_sms("doctor", "--json"))["inbox"] == ["ok"]
    world.advance(3600)
    answer = crm_sms("doctor", "--json")
    found = findings(answer)
    assert answer.code == 0
    assert (found["inbox"], found["outbox salesforce"], found["mirror salesforce"]) == (
        ["warning"],
        ["warning"],
        ["warning"],
    )
    assert "crm-sms worker" in remedies(answer, "inbox")


def test_a_crm_that_is_left_alone_says_why_its_queue_waits(
    crm_sms: Any, world: World, contact: str
) -> None:
    """The remedy is not to start a worker that runs already."""
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    world.advance(3600)
    world.fault("status", status=503)
    world.deliver()
    world.clear_faults()
    assert "is left alone until" in remedies(crm_sms("doctor", "--json"), "outbox salesforce")


def test_no_secret_is_printed(crm_sms: Any, world: World) -> None:
    """Whatever fails."""
    secrets = [
        line.partition("=")[2] for line in (world.app.folder / ".env").read_text().splitlines()
    ]
    for environ in ({}, {"CRM_SMS_CRMS__SALESFORCE__CLIENT_ID": "unknown"}):
        answer = crm_sms("doctor", "--json", **environ)
        json.loads(answer.out)
        assert not [secret for secret in secrets if secret and secret in answer.out + answer.err]


def test_a_worker_that_never_ran_is_told(crm_sms: Any, world: World) -> None:
    """Nothing comes of texts before; whatever a job did is a trace of it."""
    assert findings(crm_sms("doctor", "--json"))["worker"] == ["warning"]
    assert "no job has run yet" in remedies(crm_sms("doctor", "--json"), "worker")
    world.sync()
    assert findings(crm_sms("doctor", "--json"))["worker"] == ["ok"]


@pytest.mark.parametrize(("minutes", "verdict"), [(15, "ok"), (16, "warning")])
def test_a_worker_that_stopped_is_told(
    crm_sms: Any, world: World, contact: str, minutes: int, verdict: str
) -> None:
    """With what to start."""
    world.advance(minutes * 60)
    answer = crm_sms("doctor", "--json")
    assert findings(answer)["worker"] == [verdict]
    if verdict == "warning":
        assert "crm-sms worker" in remedies(answer, "worker")


def test_a_worker_that_rests_long_is_not_missed(crm_sms: Any, world: World, contact: str) -> None:
    """Three rests may go by."""
    world.advance(3000)
    answer = crm_sms("doctor", "--json", CRM_SMS_WORKER__HISTORY_S="1000")
    assert findings(answer)["worker"] == ["ok"]


@pytest.mark.parametrize(
    ("free_mb", "verdict"), [(1024, "ok"), (1023, "warning"), (100, "warning"), (99, "failed")]
)
def test_a_disk_that_gets_full(
    crm_sms: Any, monkeypatch: pytest.MonkeyPatch, free_mb: int, verdict: str
) -> None:
    """A full one keeps no callback."""
    usage = SimpleNamespace(free=free_mb * 2**20)
    monkeypatch.setattr("crm_sms.ledger.health.shutil.disk_usage", lambda _: usage)
    answer = crm_sms("doctor", "--json")
    assert findings(answer)["disk"] == [verdict]
    assert findings(answer)["digest_key"] == ["ok"]
    assert f"{free_mb:,} MB" in remedies(answer, "disk")


def test_a_database_that_takes_no_writes_fails(
    crm_sms: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a finding with its remedy; CRM and provider are asked all the same."""
    monkeypatch.setattr(store, "_PATIENCE_S", 0.0)
    with world.app.ledger.write("meta"):  # as a process that hangs in a commit
        answer = crm_sms("doctor", "--json")
    assert answer.code == 1
    assert findings(answer)["database"] == ["failed"]
    assert "check the disk" in remedies(answer, "database")
    assert findings(answer)["salesforce credentials"] == ["ok"]
    assert findings(crm_sms("doctor", "--json"))["database"] == ["ok"]


def test_a_database_on_a_network_disk(
    crm_sms: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where SQLite cannot have a write-ahead log, readers and writers wait for each other."""
    world.app.close()
    file = world.app.folder / "crm-sms.db"
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
    pragmas = [one for one in store._PRAGMAS if "journal" not in one]
    monkeypatch.setattr(store, "_PRAGMAS", pragmas)
    answer = crm_sms("doctor", "--json")
    assert findings(answer)["database journal"] == ["warning"]
    assert "a disk of this machine" in remedies(answer, "database journal")


def test_a_postgresql_database_has_neither_disk_nor_journal(
    anywhere: Any, tmp_path: Any, postgres_url: str
) -> None:
    """Both are the server's; writes are tried."""
    with running() as box:
        world = build(tmp_path, box, database=postgres_url)
        found = findings(anywhere("--folder", tmp_path, "doctor", "--json"))
        world.app.close()
    assert found["database"] == ["ok"]
    assert not {"disk", "database journal"} & set(found)


def test_missed_callbacks_end_it_with_3(crm_sms: Any, world: World, contact: str) -> None:
    """As status does."""
    lost = SendText(to=NUMBER, from_=OUR_NUMBER, body="Hi")
    world.receive(world.reply(NUMBER, "SM0"))
    world.box.twilio.send(lost)
    world.advance(600)
    assert crm_sms("sync", "provider").code == 3
    answer = crm_sms("doctor", "--json")
    assert (answer.code, answer.json["missed"], answer.json["parked"]) == (3, 1, 0)
