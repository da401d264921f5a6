"""`crm-sms parked`: listed with the remedy, retried, dropped."""

from __future__ import annotations

import re
from typing import Any

import pytest

from crm_sms.cli.screen import many
from crm_sms.records import Reason
from crm_sms.testing.world import World
from crm_sms.use_cases.parked import REMEDIES

NUMBER = "+12025550123"
VALIDATION = "FIELD_CUSTOM_VALIDATION_EXCEPTION"


@pytest.fixture
def parked(world: World, contact: str) -> list[int]:
    """A text whose records the org refuses; their numbers."""
    world.fault("row_error", code=VALIDATION, message="ask Kim")
    world.receive(world.outbound(NUMBER, "SM1"))
    world.settle()
    world.clear_faults()
    from crm_sms.use_cases.parked import parked as find

    return [row.id for row in find(world.app.ledger)]


def test_each_cause_is_listed_with_its_remedy(crm_sms: Any, parked: list[int]) -> None:
    """And the CRM's words, an example, and how to have its rows written again."""
    answer = crm_sms("parked", "list")
    assert answer.code == 0
    assert answer.out.count(f"Remedy: {REMEDIES[Reason.VALIDATION]}") == len(parked)
    for one in crm_sms("parked", "list", "--json").json["causes"]:
        place = f"of {one['object']} in salesforce, cause {one['id']}"
        assert f"validation: {many(one['rows'], 'record', 'records')} {place}" in answer.out
        assert f"for example row {one['row']}: {one['example']}" in answer.out
        assert f"crm-sms parked retry --cause {one['id']} has" in answer.out
    assert "FIELD_CUSTOM_VALIDATION_EXCEPTION: ask Kim" in answer.out


def test_every_row_can_be_seen(crm_sms: Any, parked: list[int]) -> None:
    """With its number, for those that want one row alone."""
    answer = crm_sms("parked", "list", "--rows")
    assert set(parked) == {int(id) for id in re.findall(r"^ *(\d+) +salesforce", answer.out, re.M)}


def test_the_list_as_a_document(crm_sms: Any, parked: list[int]) -> None:
    """Rows with stable keys, and the causes among them."""
    document = crm_sms("parked", "list", "--json").json
    assert [row["id"] for row in document["rows"]] == parked
    assert set(document["rows"][0]) == {
        "id",
        "crm",
        "object",
        "key",
        "lane",
        "reason",
        "detail",
        "since",
        "tries",
        "cause",
    }
    assert {row["cause"] for row in document["rows"]} == {one["id"] for one in document["causes"]}
    assert document["causes"][0]["remedy"] == REMEDIES[Reason.VALIDATION]


def test_a_reason_picks_its_rows(crm_sms: Any, parked: list[int]) -> None:
    """Another reason shows none of them."""
    assert len(crm_sms("parked", "list", "--reason", "validation", "--json").json["rows"]) == len(
        parked
    )
    assert crm_sms("parked", "list", "--reason", "owner").out == "nothing is parked\n"


@pytest.mark.parametrize("how", [["--all"], ["--reason", "validation"]], ids=" ".join)
def test_a_retry_brings_the_records_to_the_crm(
    crm_sms: Any, world: World, parked: list[int], how: list[str]
) -> None:
    """Once the remedy is applied."""
    answer = crm_sms("parked", "retry", *how, "--json")
    assert (answer.code, answer.json) == (0, {"rows": len(parked), "missing": []})
    world.settle()
    assert len(world.records("SMS_Message__c")) == 1
    assert crm_sms("parked", "list").out == "nothing is parked\n"


def test_single_rows_are_retried_or_dropped_by_number(
    crm_sms: Any, world: World, parked: list[int]
) -> None:
    """The others stay."""
    first, *others = parked
    assert crm_sms("parked", "retry", first).out == "1 to be written again\n"
    assert crm_sms("parked", "drop", *others).out == f"{len(others)} dropped\n"
    assert crm_sms("parked", "list").out == "nothing is parked\n"


def test_a_number_that_is_not_parked_ends_with_3(crm_sms: Any, parked: list[int]) -> None:
    """The ones that are parked are handled all the same."""
    answer = crm_sms("parked", "drop", parked[0], 4711)
    assert (answer.code, answer.out) == (3, "1 dropped\n")
    assert "not parked: 4711" in answer.err


@pytest.mark.parametrize(
    "args",
    [
        ["retry"],
        ["drop"],
        ["retry", "1", "--all"],
        ["drop", "1", "--reason", "data"],
        ["retry", "--reason", "weather"],
        ["list", "--reason", "weather"],
        ["drop", "--all"],
        ["retry", "--cause", "0", "--reason", "data"],
        ["drop", "1", "--cause", "0"],
    ],
    ids=" ".join,
)
def test_unclear_orders_are_wrong_usage(crm_sms: Any, args: list[str]) -> None:
    """Nothing is guessed, and everything is never dropped at once."""
    assert crm_sms("parked", *args).code == 2


def test_a_retry_plans_anew_what_the_mapping_could_not_make(
    crm_sms: Any, world: World, contact: str
) -> None:
    """Its text returns to the inbox."""
    mapping = crm_sms("init", "--mapping") and world.app.folder / "salesforce.toml"
    text = mapping.read_text()
    mapping.write_text(text.replace('"message.sender.shown"', '"1 // message.click_count"'))
    world.receive(world.outbound(NUMBER, "SM1"))
    answer = crm_sms("process", "--json")
    assert (answer.code, answer.json["process"]["report"]["refused"]) == (3, 1)
    assert [row["reason"] for row in crm_sms("parked", "list", "--json").json["rows"]] == ["setup"]
    mapping.unlink()
    crm_sms("parked", "retry", "--all")
    assert crm_sms("sync", "all").code == 0
    assert len(world.records("SMS_Message__c")) == 1


def test_every_reason_has_a_remedy() -> None:
    """One line each that says what to do: a retry, or the pull after which it goes on by itself."""
    assert set(REMEDIES) == set(Reason)
    assert all(re.search("retry|pull people", remedy) for remedy in REMEDIES.values())
    assert all(remedy[-1] != "." for remedy in REMEDIES.values())


def test_a_drop_by_reason_spares_opt_outs(crm_sms: Any, world: World, contact: str) -> None:
    """An opt-out is given up only by somebody who names it."""
    world.fault("row_error", code=VALIDATION, message="ask Kim")
    world.receive(world.reply(NUMBER, "SM1", "STOP"))
    world.settle()
    world.clear_faults()
    answer = crm_sms("parked", "drop", "--reason", "validation")
    assert "opt-outs stay" in answer.err
    rows = crm_sms("parked", "list", "--json").json["rows"]
    assert [row["lane"] for row in rows] == ["opt_out"]
    assert "opt_out" in crm_sms("parked", "list").out
    assert crm_sms("parked", "drop", str(rows[0]["id"])).code == 0
    assert crm_sms("parked", "list", "--json").json["rows"] == []


def test_what_a_crm_left_behind_is_listed_and_dropped(
    crm_sms: Any, world: World, parked: list[int]
) -> None:
    """All of it, opt-outs too, once its name is out of the settings; not before. Should the name
    come back, its texts are planned for it again."""
    world.receive(world.reply(NUMBER, "SM2", "STOP"))
    world.process()
    assert crm_sms("parked", "list", "--json").json["left_behind"] == {}
    refused = crm_sms("parked", "drop", "--crm", "salesforce")
    assert refused.code == 2
    assert "is in the settings" in refused.err
    toml = world.app.folder / "crm-sms.toml"
    before = toml.read_text()
    toml.write_text(before.replace("[crms.salesforce]", '[crms.sales]\nadapter = "salesforce"'))
    secret = "CRM_SMS_CRMS__SALESFORCE__CLIENT_SECRET"
    env = world.app.folder / ".env"
    kept = env.read_text()
    env.write_text(kept.replace(secret, secret.replace("SALESFORCE", "SALES")))
    left = crm_sms("parked", "list", "--json").json["left_behind"]
    assert left == {"salesforce": {"waiting": 4, "parked": len(parked)}}
    assert "put [crms.salesforce] back into crm-sms.toml" in crm_sms("parked", "list").out
    dropped = crm_sms("parked", "drop", "--crm", "salesforce", "--json").json
    assert dropped == {"rows": 4 + len(parked), "missing": []}
    assert crm_sms("status").code == 0
    toml.write_text(before)
    env.write_text(kept)
    assert crm_sms("sync", "all").code == 0
    assert len(world.records("SMS_Message__c")) == 2
    assert world.records("Contact")[0]["SMS_Opt_Out__c"] is True


def test_a_drop_of_a_crm_takes_nothing_else(crm_sms: Any, parked: list[int]) -> None:
    """Ids and a reason are other orders."""
    assert crm_sms("parked", "drop", "17", "--crm", "sales").code == 2


def test_one_cause_is_retried_alone(crm_sms: Any, world: World, contact: str) -> None:
    """Of two causes with one reason; which one is told apart by the CRM's words."""
    for object_name, message in (("SMS_Message__c", "ask Kim"), ("Contact", "ask Ann")):
        world.fault("row_error", code=VALIDATION, message=message, match={"object": object_name})
    world.receive(world.outbound(NUMBER, "SM1"))
    world.settle()
    world.clear_faults()
    found = crm_sms("parked", "list", "--json").json["causes"]
    kim = next(one for one in found if "ask Kim" in one["detail"])
    assert len(found) == 2
    seen = crm_sms("parked", "list", "--cause", kim["id"], "--json").json
    assert [row["object"] for row in seen["rows"]] == ["SMS_Message__c"]
    assert crm_sms("parked", "retry", "--cause", kim["id"]).out == "1 to be written again\n"
    world.settle()
    left = crm_sms("parked", "list", "--json").json["causes"]
    assert [one["detail"].partition(": ")[2] for one in left] == ["ask Ann"]
    assert crm_sms("parked", "drop", "--cause", left[0]["id"]).out == "1 dropped\n"


@pytest.mark.parametrize("command", ["retry", "drop"])
def test_a_cause_that_has_no_rows_ends_with_3(
    crm_sms: Any, parked: list[int], command: str
) -> None:
    """Nothing is done, and it says where to look."""
    answer = crm_sms("parked", command, "--cause", "0000")
    assert (answer.code, answer.out) == (3, "")
    assert "crm-sms parked list" in answer.err
