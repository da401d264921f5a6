"""The errors that the sandbox org can give against the table of those that are known."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

pytestmark = pytest.mark.judges

README = resources.files("crm_sms.sandbox.salesforce").joinpath("README.md").read_text("utf-8")


def first_cells(text: str, heading: str) -> str:
    """The first column of the first table below a heading."""
    lines = text[text.index(heading) :].splitlines()[1:]
    start = next(at for at, line in enumerate(lines) if line.startswith("|"))
    rows = [line for line in lines[start:] if line.startswith("|")]
    return "\n".join(row.split("|")[1] for row in rows)


def test_every_known_error_can_be_had(shared: Path) -> None:
    """Each code of the reference's table stands in the sandbox's, whose rows are all tested."""
    reference = (shared / "reference" / "crm-apis.md").read_text("utf-8")
    code = re.compile(r"`([A-Z][A-Z_]+)`")
    wanted = set(code.findall(first_cells(reference, "### 3.2 Error codes")))
    ours = set(code.findall(first_cells(README, "## Errors and how to have them")))
    assert len(wanted) > 25
    assert wanted - ours == set()
