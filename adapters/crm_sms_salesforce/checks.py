"""What doctor says of an org: credentials, API version, limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crm_sms.errors import AccessRefused, TryLater
from crm_sms.ports import Finding, Room
from crm_sms.records import Usage
from crm_sms_salesforce.faults import ApiError
from crm_sms_salesforce.rest import Rest

RELEASES_SUPPORTED = 9
"""A version is supported for at least three years of three releases."""

LOW_SHARE = 0.2

LIMITS: Mapping[str, str] = {
    "DailyApiRequests": "buy API calls, or lengthen the windows of delivery",
    "DataStorageMB": "free storage, or shorten how long message records are kept",
}
"""Entries of the limits resource that matter to us, with what to do when little is left."""


def findings(rest: Rest, api_version: str) -> list[Finding]:
    """Never raises for what the org says; without credentials nothing further is asked."""
    credentials = _guarded("salesforce credentials", lambda: _credentials(rest))
    if not credentials[0].ok:
        return credentials
    version = _guarded("salesforce api_version", lambda: _version(rest, api_version))
    limits = _guarded("salesforce limits", lambda: _limits(rest))
    return [*credentials, *version, *limits]


def version_finding(served: list[str], api_version: str) -> Finding:
    """Whether the org serves the configured version, and for how much longer it may."""
    subject, newest = "salesforce api_version", max(served, key=float)
    if api_version not in served:
        text = f"the org does not serve {api_version}"
        return Finding(subject, False, text, f"set api_version to {newest} or lower")
    if float(newest) - float(api_version) >= RELEASES_SUPPORTED:
        text = f"{api_version} is {RELEASES_SUPPORTED} or more releases behind {newest}"
        return Finding(subject, None, text, "raise api_version before Salesforce retires it")
    return Finding(subject, True, f"{api_version} of at most {newest}")


def limit_findings(answer: Mapping[str, Any]) -> list[Finding]:
    """One line for each limit that matters and that our user may see."""
    return [
        _limit_finding(name, answer[name], remedy)
        for name, remedy in LIMITS.items()
        if name in answer
    ]


def room(answer: Mapping[str, Any], usage: Usage | None) -> Room:
    """The same limits as numbers; calls as the org's last answer told them, where the limits do not
    tell our user."""
    found = {
        name: Usage(answer[name]["Max"] - answer[name]["Remaining"], answer[name]["Max"])
        for name in LIMITS
        if name in answer
    }
    return Room(found.get("DailyApiRequests", usage), found.get("DataStorageMB"))


def _limit_finding(name: str, entry: Mapping[str, int], remedy: str) -> Finding:
    most, remaining = entry["Max"], entry["Remaining"]
    text = f"{remaining} of {most} left"
    if remaining < most * LOW_SHARE:
        return Finding(f"salesforce {name}", None, text, remedy)
    return Finding(f"salesforce {name}", True, text)


def _credentials(rest: Rest) -> list[Finding]:
    return [Finding("salesforce credentials", True, f"signed in at {rest.sign_in()}")]


def _version(rest: Rest, api_version: str) -> list[Finding]:
    return [version_finding(rest.versions(), api_version)]


def _limits(rest: Rest) -> list[Finding]:
    return limit_findings(rest.get("limits"))


def _guarded(subject: str, ask: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return ask()
    except AccessRefused as error:
        return [Finding(subject, False, str(error), "correct it and run doctor again")]
    except TryLater as error:
        return [Finding(subject, False, str(error), "check login_url and the network")]
    except ApiError as error:
        return [Finding(subject, None, str(error), "run doctor again")]
