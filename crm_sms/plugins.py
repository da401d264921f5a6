"""Finds adapters by their entry points; an adapter is imported when it is asked for."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from crm_sms.errors import BadSettings

PROVIDERS = "crm_sms.sms"
CRMS = "crm_sms.crm"


def adapter(group: str, name: str) -> Any:
    """The adapter class of this name in PROVIDERS or CRMS.

    Raises BadSettings, which lists what is installed, for an unknown name; MissingExtra of an
    adapter whose vendor library is not installed comes through.
    """
    found = entry_points(group=group, name=name)
    if not found:
        names = ", ".join(sorted(entry_points(group=group).names)) or "none"
        raise BadSettings(f"adapter: no {group} adapter is named {name!r}; installed are: {names}")
    return next(iter(found)).load()
