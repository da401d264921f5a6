"""`crm-sms status` on a screen and as a document."""

from __future__ import annotations

from typing import Any

from crm_sms.admin_files import shipped
from crm_sms.testing.world import World

NUMBER = "+12025550123"


def test_a_fresh_installation(crm_sms: Any) -> None:
    """Says what has not happened yet, and which command makes it happen."""
    answer = crm_sms("status")
    assert answer.code == 0
    assert "inbox: 0 events wait\n" in answer.out
    assert "mirror: never pulled (crm-sms sync people)" in answer.out
    assert "last request: none yet" in answer.out


def test_ages_are_told_in_words(crm_sms: Any, world: World, contact: str) -> None:
    """The document has the instants themselves."""
    began = world.now
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    world.receive(world.reply(NUMBER, "SM2"))
    world.advance(7200)
    text = crm_sms("status").out
    assert "inbox: 1 event waits, the oldest since 2 h ago" in text
    assert "people:Contact 2 h ago" in text
    document = crm_sms("status", "--json").json
    assert (document["inbox"], document["inbox_since"]) == (1, began.isoformat())
    crm = document["crms"]["salesforce"]
    keys = {"queues", "parked", "mirror", "unmatched", "last_request", "pause", "mapping", "behind"}
    assert set(crm) == keys
    assert (crm["mapping"], document["left_behind"]) == ("", {})
    assert {q["lane"]: q["due"] for q in crm["queues"]}["task"] == 1


def test_a_pause_is_shown_with_its_reason(crm_sms: Any, world: World, contact: str) -> None:
    """Until it is over."""
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    world.fault("status", status=503)
    world.settle()
    assert "left alone until 2026-11-20 15:" in crm_sms("status").out
    pause = crm_sms("status", "--json").json["crms"]["salesforce"]["pause"]
    assert pause["why"]
    world.advance(3600)
    assert "left alone" not in crm_sms("status").out


def test_parked_records_end_it_with_3(crm_sms: Any, world: World, contact: str) -> None:
    """So that a monitor sees it; the last request and the command to look are named."""
    world.fault("row_error", code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="no")
    world.receive(world.outbound(NUMBER, "SM1"), world.reply("+12025550199", "SM2"))
    world.settle()
    answer = crm_sms("status")
    assert answer.code == 3
    assert "validation (crm-sms parked list)" in answer.out
    assert "texts without a person: 1 unknown (crm-sms unmatched list)" in answer.out
    assert "0 unclear, 2 parked" in answer.out


def test_texts_of_people_who_are_left_out_are_counted_and_ask_for_nothing(
    crm_sms: Any, world: World
) -> None:
    """They are in no list of unmatched texts."""
    text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    line = 'object = "Contact"\n'
    own = text.replace(line, f'{line}where = "false"\n', 1)
    (world.app.folder / "salesforce.toml").write_text(own, encoding="utf-8")
    world.contact(NUMBER)
    world.sync()
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    answer = crm_sms("status")
    assert answer.code == 0
    assert "texts without a person: 1 outside\n" in answer.out


def test_callbacks_that_nobody_signed_are_counted_for_a_day(crm_sms: Any, world: World) -> None:
    """By status and doctor, with what to look at; what was signed is not among them."""
    world.receive(world.reply(NUMBER, "SM1"))
    assert "unverified" not in crm_sms("status").out
    world.receive(
        world.reply(NUMBER, "SM2", verified=False), world.reply(NUMBER, "SM3", verified=False)
    )
    came = world.now
    world.advance(600)
    told = "unverified: 2 callbacks of the last day, the last 10 min ago (crm-sms doctor)\n"
    assert told in crm_sms("status").out
    found = crm_sms("status", "--json").json["unverified"]
    assert found == {"callbacks": 2, "last_at": came.isoformat()}
    findings = {one["subject"]: one for one in crm_sms("doctor", "--json").json["findings"]}
    assert "2 callbacks of the last day" in findings["signatures"]["text"]
    assert "public_url" in findings["signatures"]["remedy"]
    world.advance(86400)
    assert "unverified" not in crm_sms("status").out
    findings = {one["subject"]: one for one in crm_sms("doctor", "--json").json["findings"]}
    assert findings["signatures"]["verdict"] == "ok"


def test_a_mapping_that_cannot_be_read_is_shown(crm_sms: Any, world: World, contact: str) -> None:
    """With its file and what follows, until it is mended; a monitor sees it by the 3."""
    world.process()
    file = world.app.folder / "salesforce.toml"
    file.write_text("object = 3\n")
    answer = crm_sms("status")
    assert answer.code == 3
    assert f"mapping: {file}" in answer.out.replace("\n", "")
    assert "stays in use" in crm_sms("status", "--json").json["crms"]["salesforce"]["mapping"]
    file.unlink()
    assert crm_sms("status").code == 0
