"""The public face of crm_sms is the list in its `__all__`, no more and no less."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

import crm_sms


def test_at_most_thirty_names_are_public() -> None:
    """The list is short and sorted, as `dir` shows it."""
    assert len(crm_sms.__all__) <= 30
    assert sorted(crm_sms.__all__) == crm_sms.__all__ == dir(crm_sms)


@pytest.mark.parametrize("name", crm_sms.__all__)
def test_every_public_name_is_a_documented_thing(name: str) -> None:
    """Each name gives a class or function with a docstring, never the module of the same name."""
    found = getattr(crm_sms, name)
    assert not isinstance(found, ModuleType)
    assert callable(found)
    assert found.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelt name fails as in any module."""
    with pytest.raises(AttributeError, match="sned"):
        crm_sms.sned  # noqa: B018


def test_the_import_alone_loads_nothing() -> None:
    """`import crm_sms` brings neither its own rooms nor anybody's library."""
    program = (
        "import sys, crm_sms; "
        "print([m for m in sys.modules if m.partition('.')[0] not in sys.stdlib_module_names])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.strip()
    assert "'crm_sms'" in loaded
    assert not any(name in loaded for name in ("crm_sms.", "sqlalchemy", "pydantic", "twilio"))
