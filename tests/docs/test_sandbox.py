"""The manual of the sandbox, pasted line by line: nothing in it fails, and nothing is left out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from crm_sms.sandbox.salesforce.fault_kinds import KINDS
from crm_sms.sandbox.twilio import orders

pytestmark = [pytest.mark.checkout, pytest.mark.manuals]
BOX = "BOX=http://127.0.0.1:8010"


@pytest.fixture
def manual(page: Any) -> Any:
    """The page on the sandbox."""
    return page("sandbox.md")


def test_a_newcomer_gets_from_nothing_to_a_record_page(
    manual: Any, paste: Any, record_page: Any, serve: Any, web: str, tmp_path: Path
) -> None:
    """Doctor ok, history imported, a task for the owner; then live, an opt-out."""
    first, *then = manual.blocks("From nothing to a record page")
    assert "failed" not in paste(tmp_path, first)
    folder = tmp_path / "try"
    assert "new texts" in paste(folder, BOX, *then)
    ada = record_page("Ada Doe")
    assert "May we call you tomorrow?" in ada
    assert "Open tasks" in ada
    assert "SMS reply from Ada Doe: Yes please" in ada

    settings = folder / "crm-sms.toml"
    settings.write_text(settings.read_text().replace("http://127.0.0.1:8090", web))
    serve(folder)
    told = paste(folder, BOX, *manual.blocks("Live"))
    ada = record_page("Ada Doe")
    assert "SMS Opt Out Yes" in ada
    assert ada.count("SMS reply from Ada Doe") == 1
    assert '"outcome":"204"' in told
    assert re.search(r"^ \+12025550124 +salesforce +1 +unknown", told, re.MULTILINE)


def test_every_other_line_can_be_pasted(manual: Any, paste: Any, tmp_path: Path) -> None:
    """In the order of the page, against one sandbox."""
    rest = [h for h in manual.headings if h not in ("From nothing to a record page", "Live")]
    assert "2026-01-31T10:00:00+00:00" in paste(tmp_path, BOX, *manual.blocks(*rest))


def sent(text: str, path: str) -> list[dict[str, Any]]:
    """The JSON of each line that posts to a path of the sandbox."""
    lines = re.findall(rf"^.*curl -s {re.escape(path)} -d '(.*)'(?: \||$)", text, re.MULTILINE)
    return [json.loads(re.sub(r"'\$\w+'", "X", line)) for line in lines]


def test_every_fault_has_a_line(manual: Any) -> None:
    """Of the org and of Twilio."""
    assert {rule["kind"] for rule in sent(manual.text, "$FAULTS")} == set(KINDS)
    of_twilio = get_args(orders.Fault.model_fields["fault"].annotation)
    assert {rule["fault"] for rule in sent(manual.text, "$BOX/_sandbox/twilio/faults")} == set(
        of_twilio
    )


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("texts", orders.SendText),
        ("replies", orders.Reply),
        ("clicks", orders.Visit),
        ("config", orders.Configure),
        ("accounts", orders.AddAccount),
        ("deliver", orders.Deliver),
        ("faults", orders.Fault),
    ],
)
def test_every_order_to_twilio_is_told_with_its_fields(
    manual: Any, path: str, order: type[orders.Order]
) -> None:
    """By the names that they have in JSON; those of faults stand in their own section."""
    (row,) = re.findall(rf"^\| `{path}` \| (.*) \|$", manual.text, re.MULTILINE)
    (faults,) = re.findall(
        r"^### Faults of Twilio\n(.*?)^```", manual.text, re.DOTALL | re.MULTILINE
    )
    text = faults if path == "faults" else row
    names = {field.alias or name for name, field in order.model_fields.items()} - {"fault"}
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []
    assert sent(manual.text, f"$BOX/_sandbox/twilio/{path}")
