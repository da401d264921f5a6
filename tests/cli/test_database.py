"""`crm-sms db`, and what commands do with another schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crm_sms.ledger import schema
from crm_sms.testing.world import World


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    """The environment for a ledger that was never set up."""
    return {"CRM_SMS_DATABASE": f"sqlite:///{tmp_path}/empty.db"}


def test_upgrade_makes_the_schema(crm_sms: Any, empty: dict[str, str]) -> None:
    """From nothing; once more changes nothing."""
    first = crm_sms("db", "upgrade", "--json", **empty)
    again = crm_sms("db", "upgrade", "--json", **empty)
    assert first.json == {"before": None, "revision": schema.head()}
    assert again.json == {"before": schema.head(), "revision": schema.head()}
    assert (first.code, again.code) == (0, 0)


def test_a_new_ledger_is_said_to_be_new(crm_sms: Any, empty: dict[str, str]) -> None:
    """In words."""
    assert (
        crm_sms("db", "upgrade", **empty).out == f"the ledger is new, at schema {schema.head()}\n"
    )
    assert crm_sms("db", "upgrade", **empty).out == f"the ledger is at schema {schema.head()}\n"


def test_current_says_what_is_needed(crm_sms: Any, empty: dict[str, str]) -> None:
    """It ends with 3 while something is missing, and names the remedy."""
    before = crm_sms("db", "current", **empty)
    assert before.code == 3
    assert "run: crm-sms db upgrade" in before.out
    crm_sms("db", "upgrade", **empty)
    after = crm_sms("db", "current", "--json", **empty)
    assert after.json == {"revision": schema.head(), "needed": schema.head(), "current": True}
    assert after.code == 0


@pytest.mark.parametrize(
    "command",
    [
        ["serve"],
        ["worker"],
        ["process"],
        ["deliver"],
        ["sync", "people"],
        ["sync", "all"],
        ["status"],
        ["parked", "list"],
        ["unmatched", "list"],
        ["import", "twilio", __file__],
    ],
    ids=" ".join,
)
def test_an_older_schema_is_refused(
    crm_sms: Any, empty: dict[str, str], command: list[str]
) -> None:
    """With the remedy on standard error and nothing on standard output."""
    answer = crm_sms(*command, **empty)
    assert (answer.code, answer.out) == (1, "")
    assert "run: crm-sms db upgrade" in answer.err


def test_current_of_a_newer_ledger_names_the_remedy_that_helps(crm_sms: Any, world: World) -> None:
    """No upgrade by this program makes it older."""
    with world.app.ledger.write("meta") as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    answer = crm_sms("db", "current")
    assert answer.code == 3
    assert "install the crm-sms that upgraded it" in answer.out
    assert "crm-sms db upgrade" not in answer.out
    assert crm_sms("db", "current", "--json").json["revision"] == "9999"


@pytest.mark.parametrize("command", [["worker"], ["process"], ["db", "upgrade"]], ids=" ".join)
def test_a_newer_schema_is_refused(crm_sms: Any, world: World, command: list[str]) -> None:
    """An older program must not write into it."""
    with world.app.ledger.write("meta") as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    answer = crm_sms(*command)
    assert answer.code == 1
    assert "install the crm-sms that upgraded it" in answer.err
