"""An installation on the sandbox whose org knows the people that the traffic is with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crm_sms.admin_files import shipped
from crm_sms.sandbox.server import running
from crm_sms.testing.world import World, build
from figures.load import number_of

_PORTION = 1000
_TIMELINE = "when = \"message.direction == 'inbound' or answered\""


@contextmanager
def world_with(folder: Path, people: int, *, timeline: bool = True) -> Iterator[World]:
    """A world whose mirror has pulled so many contacts; `timeline` False maps no entries."""
    if not timeline:
        text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
        (folder / "salesforce.toml").write_text(text.replace(_TIMELINE, 'when = "false"'))
    with running() as box:
        world = build(folder, box)
        for start in range(0, people, _PORTION):
            world.create("Contact", *map(_contact, range(start, min(people, start + _PORTION))))
        world.advance(600)
        world.sync()
        yield world
        world.app.close()


def _contact(person: int) -> dict[str, Any]:
    return {"LastName": f"Person {person}", "MobilePhone": number_of(person)}
