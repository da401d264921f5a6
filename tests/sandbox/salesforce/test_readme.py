"""The README tells what there is."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources

import pytest
from starlette.routing import Route

from crm_sms.sandbox.salesforce import Salesforce, life
from crm_sms.sandbox.salesforce.fault_deeds import CALL_DEEDS
from crm_sms.sandbox.salesforce.fault_kinds import KINDS
from crm_sms.sandbox.salesforce.row_deeds import ROW_DEEDS
from crm_sms.sandbox.salesforce.setup import SETTINGS

README = resources.files("crm_sms.sandbox.salesforce").joinpath("README.md").read_text("utf-8")
ROWS = {line.split("`")[1]: line for line in README.splitlines() if line.startswith("| `")}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_fault_is_told_with_its_parameters(kind: str) -> None:
    """Its own row, or one that it shares, names each of them."""
    row = next(line for line in ROWS.values() if f"`{kind}`" in line.split("|")[1])
    assert [name for name in KINDS[kind] if f"`{name}`" not in row] == []


def test_every_fault_does_something() -> None:
    """A kind strikes calls, or rows, or describes the org; none is only a name."""
    assert set(CALL_DEEDS) | set(ROW_DEEDS) | SETTINGS | {"quota", "scopes"} == set(KINDS)


@pytest.mark.parametrize("operation", sorted(life._OPERATIONS))
def test_every_operation_is_told(operation: str) -> None:
    """With an example."""
    assert f'{{"op": "{operation}"' in README


def test_every_switch_is_told() -> None:
    """Each route below /_sandbox."""
    org = Salesforce(lambda: datetime(2026, 3, 2, tzinfo=UTC))
    paths = [route.path for route in org.routes() if isinstance(route, Route)]
    switches = [path for path in paths if path.startswith("/_sandbox/")]
    assert len(switches) == 4
    assert [path for path in switches if f"{path}`" not in README] == []
