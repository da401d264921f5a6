"""Links within the manual lead somewhere, and from the first page to every other one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def prose(page: Path) -> str:
    """A page without what is to be pasted."""
    return re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def headings(page: Path) -> set[str]:
    """What an address may have after its #."""
    titles = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    """Those within the checkout; others need a network."""
    for target, anchor in re.findall(r"\]\(([^)#: ]*)(?:#([^)]*))?\)", prose(page)):
        file = page.parent / target if target else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in headings(file), f"{target}#{anchor}"


def test_the_first_page_leads_to_every_other_one() -> None:
    """By one link or two: a page that nobody finds is not there."""
    seen, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        links = re.findall(r"\]\(([^)#: ]+\.md)", prose(page))
        found = {(page.parent / link).resolve() for link in links} - seen
        seen |= found
        waiting += found
    assert {page.resolve() for page in PAGES} - {(ROOT / "README.md").resolve()} <= seen


@pytest.mark.parametrize("name", ["go-live.md", "salesforce-setup.md", "uninstall.md"])
def test_steps_in_screens_of_others_name_their_source(name: str) -> None:
    """Each paragraph, list item and row of a table that sends somebody into Setup has a link to
    what its vendor says of it, or to the chapter that has."""
    text = prose(ROOT / "docs" / name)
    blocks = re.split(r"\n\n|\n(?=\d\. |- |\| )", text)
    steps = [block for block in blocks if "Setup →" in block]
    assert steps or name == "go-live.md"
    bare = [
        block for block in steps if "](https://" not in block and "](salesforce-setup" not in block
    ]
    assert bare == []
