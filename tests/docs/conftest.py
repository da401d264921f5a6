"""Pages of the manual, followed word by word: what they have an admin paste runs in a shell."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BOX, WEB = "http://127.0.0.1:8010", "http://127.0.0.1:8090"
PRELUDE = """
set -eu -o pipefail
curl() { command curl --fail --show-error "$@"; echo; }
crm-sms() { "$PYTHON" -m crm_sms "$@"; }
"""


@dataclass(frozen=True)
class Page:
    """A page of the manual."""

    name: str

    @property
    def text(self) -> str:
        """As it stands in the checkout."""
        return (DOCS / self.name).read_text(encoding="utf-8")

    @property
    def headings(self) -> list[str]:
        """Of its chapters, in their order."""
        return re.findall(r"^## (.*)$", self.text, re.MULTILINE)

    def blocks(self, *headings: str, kind: str = "sh") -> list[str]:
        """What is to be pasted, or of another kind, under these headings."""
        found = []
        for heading in headings:
            pattern = rf"^#+ {re.escape(heading)}\n(.*?)(?=^## |\Z)"
            (section,) = re.findall(pattern, self.text, re.DOTALL | re.MULTILINE)
            found += re.findall(rf"^```{kind}\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
        assert found, headings
        return found


@pytest.fixture
def page() -> Callable[[str], Page]:
    """A page by the name of its file."""
    return Page


@pytest.fixture
def box(child: Any, tmp_path: Path) -> str:
    """A sandbox as the pages start it, on a free port."""
    process = child("sandbox", "--port", 0, "--clock", tmp_path / "now")
    return str(process.stdout.readline().strip())


@pytest.fixture
def web() -> str:
    """Where `serve` is to listen in this test: 8090 may be taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


Paste = Callable[..., str]


@pytest.fixture
def paste(box: str, web: str) -> Paste:
    """Gives lines to a shell, on the ports of this test; what it says. None of them may fail."""
    if not shutil.which("curl"):
        pytest.skip("curl is not on this machine")

    def pasted(folder: Path, *lines: str, **environ: str) -> str:
        script = PRELUDE + "\n".join(lines).replace(BOX, box).replace(WEB, web)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env={**os.environ, "PYTHON": sys.executable, "COLUMNS": "200", **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return pasted


def fetched(asked: str | urllib.request.Request) -> str:
    """What is at this address, or what this request is answered."""
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return str(answer.read().decode())


@pytest.fixture
def fetch() -> Callable[[str | urllib.request.Request], str]:
    """Asks for what is at an address."""
    return fetched


Look = Callable[[str], str]


@pytest.fixture
def record_page(box: str) -> Look:
    """What a rep sees who follows a name in the sandbox's org."""

    def look(name: str) -> str:
        (link,) = re.findall(rf'<a href="([^"]+)">{name}</a>', fetched(f"{box}/salesforce"))
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", fetched(box + link)))

    return look


@pytest.fixture
def serve(child: Any, web: str) -> Callable[..., Any]:
    """Starts the web service of a folder as the pages do, in a terminal of its own."""

    def begin(folder: Path, *options: str) -> Any:
        process = child(
            "--folder", folder, "serve", *options, CRM_SMS_WEB__PORT=web.rpartition(":")[2]
        )
        for _ in range(200):
            try:
                fetched(f"{web}/healthz")
                return process
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        raise AssertionError("the web service does not answer")

    return begin
