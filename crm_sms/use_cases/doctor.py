"""Looks an installation over: what is well, what is not, and the remedy for each thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from crm_sms.clock import Clock
from crm_sms.errors import BadMapping, CrmSmsError, TryLater
from crm_sms.ledger import Ledger, inbox, mirror, schema
from crm_sms.ledger.history import History, histories
from crm_sms.mapping import check
from crm_sms.ports import Crm, Finding, SmsProvider
from crm_sms.settings import Settings
from crm_sms.use_cases import digest_key
from crm_sms.use_cases.mapping_in_use import what_follows
from crm_sms.use_cases.process import Planner
from crm_sms.use_cases.status import CrmStatus, LeftBehind, Unverified, overview, what_to_do

_LATE = timedelta(minutes=15)
"""What waits longer than this waits for somebody, not for its window."""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked over. Asking for a provider, CRM or planner may raise what is wrong there."""

    settings: Settings
    ledger: Ledger
    clock: Clock
    providers: Mapping[str, SmsProvider]
    crms: Mapping[str, Crm]
    planner: Callable[[str], Planner]
    full_id: Callable[[str], Callable[[str], str]]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything found; `parked` is how many records nothing will write by itself."""

    findings: tuple[Finding, ...]
    parked: int = 0

    @property
    def failed(self) -> bool:
        """Whether anything keeps the installation from working."""
        return any(finding.ok is False for finding in self.findings)


def doctor(patient: Patient) -> Diagnosis:
    """Look at everything; what cannot be looked at is a finding, never an error.

    Asks each CRM and provider, so it takes a few requests. Writes nothing to them.
    """
    findings = [*_schema(patient.ledger)]
    parked = 0
    readable = findings[0].ok
    if readable:
        found, parked = _stored(patient)
        findings += found
    findings += _configured(patient)
    for name in patient.providers:
        findings += _provider(patient, name)
        if readable:
            findings += _guarded(f"listing {name}", partial(_listings, patient, name))
    for name in patient.crms:
        findings += _crm(patient, name, readable)
    return Diagnosis(tuple(findings), parked)


def _configured(patient: Patient) -> Iterator[Finding]:
    """Without a CRM or provider nothing fails, and nothing happens either."""
    if not patient.providers:
        remedy = "add a table [providers.NAME] to crm-sms.toml; without one no texts come in"
        yield Finding("providers", None, "none is configured", remedy)
    if not patient.crms:
        remedy = "add a table [crms.NAME] to crm-sms.toml; until then texts wait"
        yield Finding("crms", None, "none is configured", remedy)


def unreadable(error: CrmSmsError) -> Diagnosis:
    """The finding for settings that cannot be read: there is nothing further to look at."""
    lines = filter(None, map(str.strip, str(error).splitlines()))
    return Diagnosis(tuple(Finding("settings", False, line, _REREAD) for line in lines))


_REREAD = "correct it, then run crm-sms doctor again"
_AGAIN = "it may pass by itself: run crm-sms doctor again in a while"


def _guarded(subject: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except TryLater as error:
        return [Finding(subject, False, str(error), _AGAIN)]
    except CrmSmsError as error:
        return [Finding(subject, False, str(error), _REREAD)]


def _schema(ledger: Ledger) -> list[Finding]:
    def look() -> Iterator[Finding]:
        schema.require(ledger)
        yield Finding("ledger", True, f"has the schema of this program, {schema.head()}")

    return _guarded("ledger", look)


def _stored(patient: Patient) -> tuple[list[Finding], int]:
    """What the ledger alone can tell."""
    found = overview(patient.ledger, tuple(patient.crms), patient.clock())
    findings = [_digest_key(patient.ledger), _inbox(patient.ledger, found.at)]
    findings += [_unverified(found.unverified)]
    for name, crm in found.crms.items():
        findings += [_parked(name, crm), _queue(name, crm, found.at), _mirror(patient, name, crm)]
        findings += _fallback_owner(patient, name, crm)
    findings += [_left_behind(name, left) for name, left in found.left_behind.items()]
    return findings, found.parked + sum(left.waiting for left in found.left_behind.values())


def _left_behind(name: str, left: LeftBehind) -> Finding:
    text = f"not in the settings, but {left.waiting} records wait and {left.parked} are parked"
    return Finding(f"outbox {name}", None, text, what_to_do(name))


def _digest_key(ledger: Ledger) -> Finding:
    """The first key that the ledger is seen with is the right one."""
    digest_key.keep(ledger)
    if digest_key.is_right(ledger):
        return Finding("digest_key", True, "is the one that the ledger is used with")
    return Finding("digest_key", False, digest_key.WRONG, digest_key.REMEDY)


def _inbox(ledger: Ledger, now: datetime) -> Finding:
    with ledger.read() as connection:
        events, since = inbox.backlog(connection)
    text = f"{events} events wait to be processed"
    if since is None or now - since < _LATE:
        return Finding("inbox", True, text)
    remedy = "start crm-sms worker, or have cron call crm-sms sync all; its log says what fails"
    return Finding("inbox", None, f"{text}, since {_shown(since)}", remedy)


def _unverified(found: Unverified) -> Finding:
    subject = "signatures"
    if not found.last_at:
        return Finding(subject, True, "no callback of the last day was kept unverified")
    text = f"{found.callbacks} callbacks of the last day were kept unverified; they make no tasks"
    remedy = (
        "the log of crm-sms serve says why (webhook kept unverified): most often public_url is not "
        "the address that the provider calls, or an account's token is missing or old"
    )
    return Finding(subject, None, f"{text}; the last came {_shown(found.last_at)}", remedy)


def _parked(name: str, crm: CrmStatus) -> Finding:
    counts = ", ".join(f"{rows} {reason}" for reason, rows in crm.parked.items())
    if not counts:
        return Finding(f"parked {name}", True, "nothing is parked")
    return Finding(f"parked {name}", None, counts, "crm-sms parked list says what to do")


def _queue(name: str, crm: CrmStatus, now: datetime) -> Finding:
    waiting, due = sum(q.waiting for q in crm.queues), sum(q.due for q in crm.queues)
    oldest = min((q.oldest for q in crm.queues if q.oldest), default=now)
    text = f"{waiting} records wait, {due} of them are due"
    if not due or now - oldest < _LATE:
        return Finding(f"outbox {name}", True, text)
    remedy = "start crm-sms worker, or have cron call crm-sms sync all"
    if crm.pause:
        remedy = f"the CRM is left alone until {_shown(crm.pause.until)}: {crm.pause.why}"
    return Finding(f"outbox {name}", None, f"{text}, the oldest since {_shown(oldest)}", remedy)


def _mirror(patient: Patient, name: str, crm: CrmStatus) -> Finding:
    subject, remedy = f"mirror {name}", "crm-sms sync people"
    people = [at for part, at in crm.mirror.items() if part.startswith("people")]
    if not people:
        return Finding(subject, None, "nobody was pulled yet", remedy)
    late = max(_LATE, timedelta(seconds=3 * patient.settings.worker.sync_s))
    text = f"last pulled {_shown(min(people))}"
    if patient.clock() - min(people) > late:
        return Finding(subject, None, text, f"{remedy}; the worker pulls by itself")
    return Finding(subject, True, text)


def _fallback_owner(patient: Patient, name: str, crm: CrmStatus) -> list[Finding]:
    subject, id = f"fallback owner {name}", patient.settings.tasks.fallback_owner
    if id is None:
        text = "without one, tasks of people without an active owner go to our own user"
        return [Finding(subject, None, text, "set tasks.fallback_owner to the id of a user")]
    if "owners" not in crm.mirror:
        return []  # the mirror's own finding says what to do

    def look() -> Iterator[Finding]:
        full = patient.full_id(name)(id)
        with patient.ledger.read() as connection:
            yield _owner(connection, subject, name, full)

    return _guarded(subject, look)


def _owner(connection: Connection, subject: str, crm: str, id: str) -> Finding:
    owner = mirror.owners_by_id(connection, crm, [id]).get(id)
    remedy = "set tasks.fallback_owner to the id of an active user"
    if owner is None:
        return Finding(subject, False, f"{id} is not a user of this CRM", remedy)
    if not owner.active:
        return Finding(subject, False, f"{id} is not active", remedy)
    return Finding(subject, True, f"{id} is active")


def _provider(patient: Patient, name: str) -> list[Finding]:
    def look() -> Iterator[Finding]:
        adapter = patient.providers[name]
        yield _webhooks(patient.settings.public_url, name)
        yield from adapter.check()

    return _guarded(name, look)


def _webhooks(public_url: str | None, name: str) -> Finding:
    subject = f"webhooks {name}"
    if public_url is None:
        remedy = "set public_url to the address under which the provider reaches this service"
        return Finding(subject, None, "no public_url is set", remedy)
    return Finding(subject, True, f"the provider calls {public_url}/webhooks/{name}")


def _listings(patient: Patient, name: str) -> Iterator[Finding]:
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


def _listing(patient: Patient, place: str, at: datetime | None) -> Finding:
    subject, remedy = f"listing {place}", "crm-sms sync provider"
    if at is None:
        return Finding(subject, None, "its texts were not listed to the end yet", remedy)
    late = max(_LATE, timedelta(seconds=3 * patient.settings.worker.history_s))
    text = f"its texts were last listed {_shown(at)}"
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


_NEVER_HEARD = "set the addresses of the webhooks at the provider, as its findings name them"
_MISSED = (
    "look whether crm-sms serve ran and was reached, and into the provider's log of failed "
    "callbacks; whoever sends texts must name a status callback"
)


def _crm(patient: Patient, name: str, readable: bool | None) -> list[Finding]:
    """A mapping that cannot be read and credentials that fail are told of both at once."""
    found = _guarded(name, lambda: iter(patient.crms[name].check()))
    planner: list[Planner] = []

    def read() -> Iterator[Finding]:
        try:
            planner.append(patient.planner(name))
        except BadMapping as error:
            follows = f"; {what_follows(patient.ledger, name)}" if readable else ""
            yield Finding(f"mapping {name}", False, str(error), f"{_REREAD}{follows}")

    found += _guarded(f"mapping {name}", read)
    if planner and not any(finding.ok is False for finding in found):
        found += _guarded(f"mapping {name}", lambda: _mapping(patient.crms[name], planner[0]))
    return found


def _mapping(crm: Crm, planner: Planner) -> Iterator[Finding]:
    subject, mapping = f"mapping {planner.crm}", planner.mapping
    problems = check(mapping, crm.describe(sorted(mapping.objects())))
    for problem in problems:
        text = f"{problem.file}: {problem.key}: {problem.text}"
        yield Finding(subject, False if problem.fatal else None, text, problem.remedy)
    if not problems:
        yield Finding(subject, True, f"{mapping.name} fits the CRM")


def _shown(at: datetime) -> str:
    return at.isoformat(" ", "seconds")
