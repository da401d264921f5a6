"""The manual of the sandbox, pasted line by line: nothing in it fails, and nothing is left out."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, get_args

import pytest

from crm_sms.sandbox.salesforce.fault_kinds import KINDS
from crm_sms.sandbox.twilio import orders

pytestmark = [
    pytest.mark.checkout,
    pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on this machine"),
]
PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
BOX, WEB = "http://127.0.0.1:8010", "http://127.0.0.1:8090"
PRELUDE = """
set -eu -o pipefail
curl() { command curl --fail --show-error "$@"; echo; }
crm-sms() { "$PYTHON" -m crm_sms "$@"; }
"""


def blocks(*headings: str) -> list[str]:
    """What is to be pasted under these headings."""
    found = []
    for heading in headings:
        (section,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
        found += re.findall(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    assert found
    return found


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def box(child: Any, tmp_path: Path) -> str:
    """A sandbox as the page starts it, on a free port."""
    process = child("sandbox", "--port", 0, "--clock", tmp_path / "now")
    return str(process.stdout.readline().strip())


def pasted(folder: Path, box: str, web: str, *lines: str) -> str:
    """What a shell says when it is given these lines; none of them may fail."""
    script = PRELUDE + "\n".join(lines).replace(BOX, box).replace(WEB, web)
    environ = {**os.environ, "PYTHON": sys.executable, "COLUMNS": "200"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def page(url: str) -> str:
    """The text of a page."""
    with urllib.request.urlopen(url, timeout=20) as answer:
        return str(answer.read().decode())


def record_page(box: str, name: str) -> str:
    """What a rep sees who follows a name."""
    (link,) = re.findall(rf'<a href="([^"]+)">{name}</a>', page(f"{box}/salesforce"))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page(box + link)))


def serve(child: Any, folder: Path, url: str) -> None:
    """What the page has in a third terminal."""
    child("--folder", folder, "serve", CRM_SMS_WEB__PORT=url.rsplit(":", 1)[1])
    for _ in range(200):
        try:
            page(f"{url}/healthz")
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise AssertionError("the web service does not answer")


def test_a_newcomer_gets_from_nothing_to_a_record_page(
    child: Any, box: str, tmp_path: Path
) -> None:
    """Doctor ok, history imported, a task for the owner; then live, an opt-out."""
    serving = f"http://127.0.0.1:{free_port()}"
    first, *then = blocks("From nothing to a record page")
    said = pasted(tmp_path, box, serving, first)
    assert "failed" not in said
    folder = tmp_path / "try"
    told = pasted(folder, box, serving, f"BOX={box}", *then)
    assert "new texts" in told
    ada = record_page(box, "Ada Doe")
    assert "May we call you tomorrow?" in ada
    assert "Open tasks" in ada
    assert "SMS reply from Ada Doe: Yes please" in ada

    settings = folder / "crm-sms.toml"
    settings.write_text(settings.read_text().replace(WEB, serving))  # 8090 may be taken
    serve(child, folder, serving)
    told = pasted(folder, box, serving, f"BOX={box}", *blocks("Live"))
    ada = record_page(box, "Ada Doe")
    assert "SMS Opt Out Yes" in ada
    assert ada.count("SMS reply from Ada Doe") == 1
    assert '"outcome":"204"' in told
    assert re.search(r"^ \+12025550124 +salesforce +1 +unknown", told, re.MULTILINE)


def test_every_other_line_can_be_pasted(box: str, tmp_path: Path) -> None:
    """In the order of the page, against one sandbox."""
    headings = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    rest = [h for h in headings if h not in ("From nothing to a record page", "Live")]
    told = pasted(tmp_path, box, WEB, f"BOX={BOX}", *blocks(*rest))
    assert "2026-01-31T10:00:00+00:00" in told


def sent(path: str) -> list[dict[str, Any]]:
    """The JSON of each line that posts to a path of the sandbox."""
    lines = re.findall(rf"^.*curl -s {re.escape(path)} -d '(.*)'(?: \||$)", PAGE, re.MULTILINE)
    return [json.loads(re.sub(r"'\$\w+'", "X", line)) for line in lines]


def test_every_fault_has_a_line() -> None:
    """Of the org and of Twilio."""
    assert {rule["kind"] for rule in sent("$FAULTS")} == set(KINDS)
    of_twilio = get_args(orders.Fault.model_fields["fault"].annotation)
    assert {rule["fault"] for rule in sent("$BOX/_sandbox/twilio/faults")} == set(of_twilio)


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
    path: str, order: type[orders.Order]
) -> None:
    """By the names that they have in JSON; those of faults stand in their own section."""
    (row,) = re.findall(rf"^\| `{path}` \| (.*) \|$", PAGE, re.MULTILINE)
    (faults,) = re.findall(r"^### Faults of Twilio\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    text = faults if path == "faults" else row
    names = {field.alias or name for name, field in order.model_fields.items()} - {"fault"}
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []
    assert sent(f"$BOX/_sandbox/twilio/{path}")
