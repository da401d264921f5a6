"""Providers: what they say themselves, and whether their callbacks reach us."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from crm_sms.errors import CrmSmsError
from crm_sms.ledger.history import History, histories
from crm_sms.ports import Finding
from crm_sms.use_cases.doctor.clocks import agreement, timed
from crm_sms.use_cases.doctor.words import LATE, Patient, guarded, shown
from crm_sms.use_cases.status import Unverified

_NEVER_HEARD = "set the addresses of the webhooks at the provider, as its findings name them"
_MISSED = (
    "look whether crm-sms serve ran and was reached, and into the provider's log of failed "
    "callbacks; whoever sends texts must name a status callback"
)


def provider(patient: Patient, name: str) -> list[Finding]:
    """The address that it calls, all that its adapter looks at, and its clock."""

    def look() -> Iterator[Finding]:
        adapter = patient.providers[name]
        yield _webhooks(patient.settings.public_url, name)
        looked = timed(patient.clock, adapter.check)
        yield from looked.findings
        yield from agreement(f"clock {name}", looked, adapter.answered_at)

    return guarded(name, look)


def trial(patient: Patient, name: str) -> list[Finding]:
    """What becomes of a test callback that is posted to ourselves from outside."""

    def look() -> Iterator[Finding]:
        adapter, url = patient.providers[name], patient.settings.public_url
        if url is None:
            remedy = "set public_url to the address under which the provider reaches this service"
            yield Finding("test callback", False, "no public_url is set", remedy)
        else:
            yield from adapter.test_callback(f"{url}/webhooks/{name}")

    return guarded("test callback", look)


def unverified(found: Unverified) -> Finding:
    """Callbacks that were kept though nobody proved who sent them."""
    subject = "signatures"
    if not found.last_at:
        return Finding(subject, True, "no callback of the last day was kept unverified")
    text = f"{found.callbacks} callbacks of the last day were kept unverified; they make no tasks"
    remedy = (
        "the log of crm-sms serve says why (webhook kept unverified): most often public_url is not "
        "the address that the provider calls, or an account's token is missing or old"
    )
    return Finding(subject, None, f"{text}; the last came {shown(found.last_at)}", remedy)


def listings(patient: Patient, name: str) -> Iterator[Finding]:
    """What the listings of each account say; settings that are wrong are a finding already."""
    try:
        provider = patient.providers[name]
    except CrmSmsError:
        return
    with patient.ledger.read() as connection:
        known = histories(connection)
    for account in provider.accounts:
        place = f"{provider.name} {account}"
        history = known.get(place, History())
        yield _listing(patient, place, history.at)
        if history.at:
            yield _callbacks(place, history)


def _webhooks(public_url: str | None, name: str) -> Finding:
    subject = f"webhooks {name}"
    if public_url is None:
        remedy = "set public_url to the address under which the provider reaches this service"
        return Finding(subject, None, "no public_url is set", remedy)
    return Finding(subject, True, f"the provider calls {public_url}/webhooks/{name}")


def _listing(patient: Patient, place: str, at: datetime | None) -> Finding:
    subject, remedy = f"listing {place}", "crm-sms sync provider"
    if at is None:
        return Finding(subject, None, "its texts were not listed to the end yet", remedy)
    late = max(LATE, timedelta(seconds=3 * patient.settings.worker.history_s))
    text = f"its texts were last listed {shown(at)}"
    if patient.clock() - at > late:
        return Finding(subject, None, text, f"{remedy}; the worker lists by itself")
    return Finding(subject, True, text)


def _callbacks(place: str, history: History) -> Finding:
    subject = f"callbacks {place}"
    if not history.missed:
        return Finding(subject, True, "none is known to be missing")
    text = f"those of {history.missed} texts of the last hours never came; the texts are all here"
    if history.heard_at is None:
        return Finding(subject, None, f"none has ever come; {text}", _NEVER_HEARD)
    return Finding(subject, None, text, _MISSED)
