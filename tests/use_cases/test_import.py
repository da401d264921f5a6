"""A provider's export in the ledger: counted, once, and the same in a dry run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from crm_sms.errors import Unreadable
from crm_sms.ledger import Ledger
from crm_sms.ledger.tables import event_data, events, inbox, suppressions
from crm_sms.use_cases.import_texts import BATCH, import_texts

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
Row = dict[str, Any] | str
Export = Callable[[Iterable[Row]], Path]


@pytest.fixture
def provider(acme: Any) -> Any:
    """Acme, with its clock standing still."""
    return acme.Acme({"secret": "s"}, lambda: NOW)


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Writes an export; a text in place of a row is a broken line."""

    def write(rows: Iterable[Row]) -> Path:
        path = tmp_path / "export.jsonl"
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        path.write_text("\n".join(["acme export", *lines]))
        return path

    return write


def text(number: int, **further: Any) -> dict[str, Any]:
    """A delivered text, ten days old."""
    at = (NOW - timedelta(days=10)).isoformat()
    return {"id": f"m{number}", "status": "delivered", "to": "+12025550123", "at": at, **further}


def reply(number: int, body: str) -> dict[str, Any]:
    """A reply of the same age."""
    at = (NOW - timedelta(days=10)).isoformat()
    return {
        "id": f"r{number}",
        "text": body,
        "from": "+12025550123",
        "to": "+12025550999",
        "at": at,
    }


def rows_of(ledger: Ledger) -> list[int]:
    """Rows in the tables that an import writes."""
    tables = events, event_data, inbox, suppressions
    with ledger.read() as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        ]


def test_an_export_is_stored_and_counted(ledger: Ledger, provider: Any, export: Export) -> None:
    """By direction and status; a broken row has its place and reason, the rest is kept."""
    path = export([text(1), text(2, status="failed"), "{broken", reply(1, "stop"), reply(2, "hi")])
    report = import_texts(ledger, provider, path, NOW)
    assert report.sorts == {
        ("outbound", "delivered"): 1,
        ("outbound", "failed"): 1,
        ("inbound", ""): 2,
    }
    assert (report.rows, report.new, report.duplicates, report.opt_outs) == (5, 4, 0, 1)
    assert [(row.place, row.refused) for row in report.refused] == [("line 4", "not a message")]
    assert rows_of(ledger) == [4, 4, 4, 1]


def test_a_second_import_adds_nothing(ledger: Ledger, provider: Any, export: Export) -> None:
    """All of it is known, also the opt-outs."""
    path = export([text(1), text(1), reply(1, "stop")])
    first = import_texts(ledger, provider, path, NOW)
    again = import_texts(ledger, provider, path, NOW)
    assert (first.new, first.duplicates, first.opt_outs) == (2, 1, 1)
    assert (again.new, again.duplicates, again.opt_outs) == (0, 3, 0)
    assert rows_of(ledger) == [2, 2, 2, 1]


@pytest.mark.parametrize("dry_run", [True, False])
def test_new_texts_are_told_from_more_about_known_ones(
    ledger: Ledger, provider: Any, export: Export, monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    """Known from what was stored, or from an earlier row of the file, in this batch or before."""
    monkeypatch.setattr("crm_sms.use_cases.import_texts.BATCH", 2)
    import_texts(ledger, provider, export([text(1, status="sent"), text(2)]), NOW)
    now = [text(1), text(2), text(3, status="sent"), text(4), text(3), text(4, status="sent")]
    report = import_texts(ledger, provider, export(now), NOW, dry_run=dry_run)
    assert (report.new, report.new_texts, report.duplicates) == (5, 2, 1)


def test_old_texts_keep_both_times(ledger: Ledger, provider: Any, export: Export) -> None:
    """When it happened is the provider's word, when it came in is ours: no task follows from it."""
    import_texts(ledger, provider, export([reply(1, "hi")]), NOW)
    with ledger.read() as connection:
        row = connection.execute(select(events.c.occurred_at, events.c.received_at)).one()
    assert tuple(row) == (NOW - timedelta(days=10), NOW)


def test_progress_is_told_after_each_batch(ledger: Ledger, provider: Any, export: Export) -> None:
    """Broken rows count as read; a batch is never larger than a write transaction may be."""
    told: list[int] = []
    path = export([*(text(number) for number in range(2 * BATCH)), "{"])
    report = import_texts(ledger, provider, path, NOW, progress=told.append)
    assert told == [BATCH, 2 * BATCH, 2 * BATCH + 1]
    assert (report.new, len(report.refused)) == (2 * BATCH, 1)


def test_an_empty_export_is_an_empty_report(ledger: Ledger, provider: Any, export: Export) -> None:
    """Nothing in it is nothing wrong."""
    report = import_texts(ledger, provider, export([]), NOW)
    assert (report.rows, report.new, report.sorts, report.refused) == (0, 0, {}, ())


def test_another_file_is_refused(ledger: Ledger, provider: Any, tmp_path: Path) -> None:
    """What is no export of this provider is said to be none, and nothing is stored."""
    path = tmp_path / "photo.jpg"
    path.write_text("not an export")
    with pytest.raises(Unreadable, match=r"photo\.jpg"):
        import_texts(ledger, provider, path, NOW)
    assert rows_of(ledger) == [0, 0, 0, 0]


def test_odd_text_in_an_export_is_stored(ledger: Ledger, provider: Any, export: Export) -> None:
    """A character that a database refuses stops no batch."""
    path = export([reply(1, "a\0b\ud800"), reply(2, "hi"), text(3, segments=2**40)])
    assert import_texts(ledger, provider, path, NOW, dry_run=True).new == 3
    assert import_texts(ledger, provider, path, NOW).new == 3
    assert import_texts(ledger, provider, path, NOW, dry_run=True).new == 0


NUMBERS = st.lists(st.integers(0, 12), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(NUMBERS, NUMBERS, st.integers(1, 7))
def test_a_dry_run_says_what_the_import_then_does(
    ledger: Ledger, provider: Any, export: Export, before: list[int], now: list[int], batch: int
) -> None:
    """Whatever is stored and repeated, in batches of any size: same report, nothing stored."""
    with ledger.write("import") as connection:
        for table in (inbox, event_data, suppressions, events):
            connection.execute(table.delete())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crm_sms.use_cases.import_texts.BATCH", batch)
        import_texts(ledger, provider, export(map(_some, before)), NOW)
        stored = rows_of(ledger)
        path = export(map(_some, now))
        promised = import_texts(ledger, provider, path, NOW, dry_run=True)
        assert rows_of(ledger) == stored
        assert import_texts(ledger, provider, path, NOW) == promised
    assert rows_of(ledger)[0] == len({*before, *now} - {12})


def _some(number: int) -> Row:
    return "{" if number == 12 else reply(number, "stop") if number % 3 == 0 else text(number)


SCRIPT = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from acme_sms import Acme
from crm_sms.ledger import Failpoints, Ledger
from crm_sms.use_cases.import_texts import import_texts
now = datetime(2026, 11, 20, tzinfo=UTC)
ledger = Ledger(sys.argv[1], b"k", Failpoints(os.environ["CRM_SMS_FAILPOINTS"]))
import_texts(ledger, Acme({"secret": "s"}, lambda: now), Path(sys.argv[2]), now)
"""


@pytest.mark.parametrize(("side", "kept"), [("before", BATCH), ("after", 2 * BATCH)])
def test_an_import_that_was_killed_is_simply_repeated(
    ledger: Ledger, ledger_url: str, acme: Any, export: Export, side: str, kept: int
) -> None:
    """Whole batches are there with their inbox rows; the next run adds what is missing."""
    path = export([text(number) for number in range(2 * BATCH + 10)])
    environ = {
        **os.environ,
        "PYTHONPATH": str(Path(acme.__file__).parent),
        "CRM_SMS_FAILPOINTS": f"import:{side}=2",
    }
    command = [sys.executable, "-c", SCRIPT, ledger_url, str(path)]
    assert subprocess.run(command, env=environ, check=False).returncode == -signal.SIGKILL
    assert rows_of(ledger)[:3] == [kept] * 3
    provider = acme.Acme({"secret": "s"}, lambda: NOW)
    report = import_texts(ledger, provider, path, NOW)
    assert (report.new, report.duplicates) == (2 * BATCH + 10 - kept, kept)
    assert rows_of(ledger)[:3] == [2 * BATCH + 10] * 3
