"""A rep opens the contact in a real browser and sees the texts, the task and the opt-out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from crm_sms.events import Status
from crm_sms.testing.world import World

pytestmark = pytest.mark.browser

JANE = "+12025550123"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> str:
    """The path of a Chromium."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium: sudo apt-get install -y chromium")
    return found


def chromium(browser: str, folder: Path, url: str, *options: str) -> str:
    """What the browser prints with these options, its profile in `folder`."""
    command = [
        browser,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={folder / 'profile'}",
        *options,
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.fixture
def page(world: World) -> str:
    """The address of a contact with a text, an answer with markup in it, and a STOP."""
    jane = world.contact(FirstName="Jane")
    world.advance(600)
    world.sync()
    world.receive(world.outbound(JANE, "SM1", Status.DELIVERED, body="Shall we talk?"))
    world.advance(60)
    world.receive(world.reply(JANE, "SM2", "Yes <script>document.title='x'</script> please"))
    world.settle()
    world.receive(world.reply(JANE, "SM3", "STOP"))
    world.settle()
    return f"{world.box.url}/lightning/r/Contact/{jane}/view"


def test_a_contact_shows_texts_task_and_opt_out(browser: str, page: str, tmp_path: Path) -> None:
    """The page as the browser holds it names all of them, and runs nothing of a text's body."""
    shown = chromium(browser, tmp_path, page, "--dump-dom")
    for expected in ("Jane Doe", "Shall we talk?", "please", "STOP", "SMS Opt Out Phone", JANE):
        assert expected in shown
    assert "&lt;script&gt;" in shown
    assert "<title>x</title>" not in shown


def test_the_page_can_be_seen(browser: str, page: str, tmp_path: Path) -> None:
    """The screenshot is a picture of more than an empty page."""
    picture = tmp_path / "contact.png"
    chromium(browser, tmp_path, page, f"--screenshot={picture}", "--window-size=1200,1400")
    blank = tmp_path / "blank.png"
    chromium(browser, tmp_path, "about:blank", f"--screenshot={blank}", "--window-size=1200,1400")
    assert picture.stat().st_size > 4 * blank.stat().st_size
