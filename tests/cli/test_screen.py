"""How commands answer: documents, tables, counts, bars."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from crm_sms.cli.screen import answer, bars, cell, counted, table
from crm_sms.records import Reason
from crm_sms.testing.world import World
from crm_sms.use_cases.deliver import DeliveryReport
from crm_sms.use_cases.process import ProcessReport
from crm_sms.use_cases.sync_people import SyncReport

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_document_holds_plain_values_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Dataclasses as objects, instants with their zone, words of enumerations as texts."""
    report = DeliveryReport(done=2, paused_until=NOON)
    answer({"report": report, "reason": Reason.DATA, "name": "Zoë"}, True, lambda: ["for people"])
    printed = capsys.readouterr().out
    document = json.loads(printed)
    assert document["report"]["paused_until"] == "2026-11-20T12:00:00+00:00"
    assert (document["report"]["done"], document["reason"]) == (2, "data")
    assert "Zoë" in printed
    assert "for people" not in printed


def test_a_screen_that_has_not_every_letter_still_gets_the_report(tmp_path: Path) -> None:
    """Of another encoding: what it cannot show is replaced, and JSON stays whole."""
    code = "import crm_sms.cli.screen as s; s.forgive()\n"
    code += "s.answer({'n': 'Zo\u00eb \U0001f44b'}, {json}, lambda: ['Zo\u00eb → \U0001f44b'])"
    environ = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    outs = [
        subprocess.run(
            [sys.executable, "-c", code.replace("{json}", as_json)],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for as_json in ("False", "True")
    ]
    assert outs[0] == "Zo? ? ?\n"
    assert json.loads(outs[1]) == {"n": "Zoë \U0001f44b"}


def test_what_has_no_form_in_json_is_our_mistake() -> None:
    """It is not guessed."""
    with pytest.raises(TypeError, match="object has no JSON form"):
        answer({"thing": object()}, True, list)


def test_text_of_others_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets of a CRM's message are no mark-up, and a long line is not broken."""
    text = "[red]Title is required[/red] :smile: " + "x" * 300
    answer({}, False, lambda: [text])
    assert capsys.readouterr().out == text + "\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (0, "0"),
        (NOON, "2026-11-20 12:00:00+00:00"),
        (Reason.DATA, "data"),
        ("a", "a"),
    ],
)
def test_cells_are_for_people(value: object, shown: str) -> None:
    """Nothing for what is not known, instants to the second."""
    assert cell(value) == shown


def test_a_table_keeps_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    """Cells hold the words of others too."""
    answer({}, False, lambda: [table("what", rows=[("[bold]",)])])
    assert "[bold]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (DeliveryReport(), "nothing to do"),
        (DeliveryReport(requests=1, done=3, failed="x", paused_until=NOON), "1 request, 3 done"),
        (
            SyncReport(rows={"owners": 2, "tasks": 3}, written_back=1),
            "5 rows new or changed, 1 written back",
        ),
        (
            SyncReport(rows={"owners": 1}, opt_outs=1, calls=2),
            "1 row new or changed, 2 calls, 1 opt-out",
        ),
        (SyncReport(rows={"owners": 0}, calls=7), "nothing new, 7 calls"),
        (ProcessReport(events=1, messages=1, records=2), "1 event, 1 message, 2 records"),
    ],
)
def test_a_report_in_one_line(report: object, line: str) -> None:
    """Counts that are not zero, the rows of all parts in one."""
    assert counted(report) == line


def test_bars_are_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    """A log of cron holds none."""
    with bars() as tell:
        tell("events", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_bars_go_to_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for each thing that is worked on, with how much of it is done."""
    monkeypatch.setattr(Console, "is_terminal", True)
    with bars() as tell:
        tell("events", 1, 2)
        tell("salesforce records", 5, None)
        tell("events", 2, 2)
    out, shown = capsys.readouterr()
    assert out == ""
    assert "events" in shown
    assert "2/2" in shown
    assert "salesforce records" in shown


def test_a_document_stays_whole_beside_bars(
    crm_sms: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal, too."""
    monkeypatch.setattr(Console, "is_terminal", True)
    world.receive(world.reply("+12025550123", "SM1"))
    result = crm_sms("process", "--json")
    assert result.json["process"]["report"]["events"] == 1
    assert "1/1" in result.err
