"""`crm-sms import twilio`: counted, stored, and what is refused is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crm_sms.ledger import inbox
from crm_sms.testing.world import World

TWILIO = "AC00000000000000000000000000000001"


def message(number: int, **further: Any) -> dict[str, Any]:
    """A message as Twilio's Messages list has it."""
    return {
        "sid": f"SM{number:032x}",
        "account_sid": TWILIO,
        "from": "+15005550006",
        "to": "+12025550123",
        "body": "Hello",
        "status": "delivered",
        "direction": "outbound-api",
        "num_segments": "1",
        "num_media": "0",
        "price": None,
        "error_code": None,
        "date_created": "Fri, 13 Nov 2026 15:00:00 +0000",
        "date_sent": "Fri, 13 Nov 2026 15:00:01 +0000",
        "date_updated": "Fri, 13 Nov 2026 15:00:02 +0000",
    } | further


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Two texts, a STOP, and a row without a sid."""
    stop = {"direction": "inbound", "status": "received", "body": "STOP"}
    ends = {"from": "+12025550123", "to": "+15005550006"}
    rows = [message(1), message(2), message(3, **stop, **ends), message(4, sid=None)]
    path = tmp_path / "messages.json"
    path.write_text(json.dumps({"messages": rows}))
    return path


def test_a_dry_run_counts_and_stores_nothing(crm_sms: Any, world: World, export: Path) -> None:
    """By direction and status."""
    answer = crm_sms("import", "twilio", export, "--dry-run", "--json")
    document = answer.json
    assert answer.code == 3
    assert (document["dry_run"], document["rows"], document["new"]) == (True, 4, 3)
    assert document["opt_outs"] == 1
    assert {(kind["direction"], kind["status"]): kind["rows"] for kind in document["kinds"]} == {
        ("outbound", "delivered"): 2,
        ("inbound", "received"): 1,
    }
    with world.app.ledger.read() as connection:
        assert inbox.backlog(connection) == (0, None)


def test_an_import_can_be_repeated(crm_sms: Any, world: World, export: Path) -> None:
    """What is stored is known the second time."""
    first = crm_sms("import", "twilio", export, "--json").json
    second = crm_sms("import", "twilio", export, "--json").json
    assert (first["new"], first["duplicates"]) == (3, 0)
    assert (second["new"], second["duplicates"]) == (0, 3)
    with world.app.ledger.read() as connection:
        assert inbox.backlog(connection)[0] == 3


def test_refused_rows_are_named_with_their_reason(crm_sms: Any, export: Path) -> None:
    """The others are stored, and the command ends with 3."""
    answer = crm_sms("import", "twilio", export)
    assert answer.code == 3
    assert "stored" not in answer.out
    assert "line 1, message 4" in answer.out
    assert "it has no Sid" in answer.out
    assert "1 row was refused" in answer.err
    [refused] = crm_sms("import", "twilio", export, "--json").json["refused"]
    assert refused == {
        "place": "line 1, message 4",
        "reason": "it has no Sid; export messages with their Sid",
    }


def lines(text: str) -> list[str]:
    """What stands on a screen, without what only sets it."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_screen_says_what_an_admin_wants_to_know(
    crm_sms: Any, world: World, export: Path
) -> None:
    """What is new, what is known, who said no; in words that are not ours."""
    world.receive(world.outbound("+12025550123", f"SM{1:032x}"))
    said = lines(crm_sms("import", "twilio", export, "--dry-run").out)
    assert said[0] == "dry run: nothing is stored"
    for line in (
        "new texts 2",
        "known texts that learn something 1",
        "known already 0",
        "refused 1",
        "opt-outs among the new 1",
        "sent delivered 2",
        "reply received 1",
    ):
        assert line in said
    assert "snapshot" not in " ".join(said)
    stored = lines(crm_sms("import", "twilio", export).out)
    assert "dry run: nothing is stored" not in stored
    assert stored == said[1:]
    again = lines(crm_sms("import", "twilio", export).out)
    assert {"new texts 0", "known already 3"} <= set(again)


def test_very_many_refused_rows_do_not_fill_the_screen(crm_sms: Any, tmp_path: Path) -> None:
    """The first ones show what is wrong; the document has all."""
    path = tmp_path / "cut.csv"
    path.write_text("\n".join(["Sid,From,To", *(["SM1,a,b"] * 60)]))
    answer = crm_sms("import", "twilio", path)
    assert "line 2" in answer.out
    assert "and 40 more; all of them with --json" in answer.out
    assert len(crm_sms("import", "twilio", path, "--json").json["refused"]) == 60


def test_a_file_that_is_no_export_is_refused(crm_sms: Any, tmp_path: Path) -> None:
    """As a whole, with one message."""
    path = tmp_path / "holiday.json"
    path.write_text("[1")
    answer = crm_sms("import", "twilio", path)
    assert (answer.code, answer.out) == (1, "")
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("args", [["acme", "{file}"], ["twilio", "nowhere.json"], ["twilio"]])
def test_wrong_names_are_wrong_usage(crm_sms: Any, export: Path, args: list[str]) -> None:
    """The provider must be configured, the file must be there."""
    assert crm_sms("import", *(arg.format(file=export) for arg in args)).code == 2
