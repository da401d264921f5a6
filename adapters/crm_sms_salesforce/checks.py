"""What doctor says of an org: credentials, scopes, API version, permissions, limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from crm_sms.errors import AccessRefused, TryLater
from crm_sms.ports import Finding, Room
from crm_sms.records import Usage
from crm_sms_salesforce.faults import HIDDEN, ApiError
from crm_sms_salesforce.rest import Rest
from crm_sms_salesforce.soql import select_permissions
from crm_sms_salesforce.versions import SUBJECT, version_finding

LOW_SHARE = 0.2

LIMITS: Mapping[str, str] = {
    "DailyApiRequests": "buy API calls, or lengthen the windows of delivery",
    "DataStorageMB": "free storage, or shorten how long message records are kept",
}
"""Entries of the limits resource that matter to us, with what to do when little is left."""

TOO_MUCH: Mapping[str, str] = {
    "PermissionsModifyAllData": "Modify All Data",
    "PermissionsCustomizeApplication": "Customize Application",
    "PermissionsManageUsers": "Manage Users",
    "PermissionsAuthorApex": "Author Apex",
}
"""Permissions of a System Administrator that we never need, as Salesforce's set-up calls them."""

_NO_CALLS = "TotalRequests"
"""In what Salesforce says when the calls of a day are used up."""


def findings(rest: Rest, api_version: str, today: date) -> list[Finding]:
    """Never raises for what the org says; without credentials, or with a token that the API does
    not take, nothing further is asked."""
    found = _guarded("salesforce credentials", lambda: _credentials(rest))
    if any(finding.ok is False for finding in found):
        return found
    found += _guarded(SUBJECT, lambda: iter([version_finding(rest.versions(), api_version, today)]))
    found += _guarded("salesforce limits", lambda: iter(limit_findings(rest.get("limits"))))
    if not any(finding.ok is False for finding in found):
        found += _guarded("salesforce permissions", lambda: permission_findings(_permissions(rest)))
    return found


def scope_findings(scopes: frozenset[str]) -> Iterator[Finding]:
    """Nothing where the org did not say which the token has."""
    subject, place = "salesforce scopes", "in the External Client App's OAuth settings"
    if not scopes:
        return
    if not scopes & {"api", "full"}:
        text = f"our token is for {', '.join(sorted(scopes))}, not for the API"
        remedy = f'add the scope "Manage user data via APIs (api)" {place}'
        yield Finding(subject, False, text, remedy)
    elif "full" in scopes:
        remedy = f'replace "Full access (full)" by "Manage user data via APIs (api)" {place}'
        yield Finding(subject, None, "our token may do all that its user may in a browser", remedy)
    else:
        yield Finding(subject, True, f"our token is for {', '.join(sorted(scopes))}")


def permission_findings(held: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether our user may do more than it needs; nothing where the org does not tell."""
    subject = "salesforce permissions"
    too_much = [label for name, label in TOO_MUCH.items() if held.get(name)]
    if too_much:
        remedy = (
            "have the app run as an integration user of its own: licence Salesforce Integration, "
            "profile Minimum Access - API Only Integrations, and the permission set that crm-sms "
            "plan --out writes; then no stolen secret opens the whole org"
        )
        text = f"our user may do more than it needs: {', '.join(too_much)}"
        yield Finding(subject, None, text, remedy)
    elif held:
        yield Finding(subject, True, "our user has none of a System Administrator's")


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


def _credentials(rest: Rest) -> Iterator[Finding]:
    yield Finding("salesforce credentials", True, f"signed in at {rest.sign_in()}")
    yield from scope_findings(rest.scopes)


def _permissions(rest: Rest) -> Mapping[str, Any]:
    """Ours among those that weigh; nothing where the org does not know one of them."""
    try:
        page = next(rest.pages(select_permissions(TOO_MUCH), deleted=False))
    except ApiError as error:
        if error.codes & HIDDEN:
            return {}
        raise
    return next(iter(page["records"]), {})


def _guarded(subject: str, ask: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(ask())
    except AccessRefused as error:
        return [Finding(subject, False, str(error), "correct it and run doctor again")]
    except TryLater as error:
        return [Finding(subject, False, str(error), "check login_url and the network")]
    except ApiError as error:
        if _NO_CALLS in str(error):
            text = f"none is left: {error}"
            return [Finding("salesforce DailyApiRequests", False, text, LIMITS["DailyApiRequests"])]
        return [Finding(subject, None, str(error), "run doctor again")]
