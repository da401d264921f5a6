"""The command line against a sandbox: in this process on a clock that stands, and as a child."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from crm_sms.cli import app
from crm_sms.testing.sandbox import sandbox, world
from crm_sms.testing.world import World

__all__ = ["sandbox", "world"]

NUMBER = "+12025550123"
TWILIO = "AC00000000000000000000000000000001"


@dataclass(frozen=True)
class Answer:
    """What a command printed, and what it ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)


Run = Callable[..., Answer]


@pytest.fixture
def anywhere() -> Iterator[Run]:
    """Runs a command in this process."""

    def run(*args: object, **environ: str) -> Answer:
        result = CliRunner().invoke(
            app, [str(arg) for arg in args], env={"COLUMNS": "200"} | environ
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    yield run
    structlog.reset_defaults()  # a command sets up logging for the whole process


@pytest.fixture
def crm_sms(anywhere: Run, world: World) -> Run:
    """Runs a command on that installation."""
    return lambda *args, **environ: anywhere("--folder", world.app.folder, *args, **environ)


@pytest.fixture
def contact(world: World) -> str:
    """Somebody who is in the org and in the mirror."""
    id = world.contact(NUMBER, FirstName="Ada", LastName="Doe")
    world.sync()
    return id
