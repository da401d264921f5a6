"""A lead for a number that nobody holds: made once, by whoever asks for it however often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_sms.errors import AccessRefused, CrmSmsError, RefusedInput, TryLater, Unclear
from crm_sms.ledger import mirror
from crm_sms.ledger.notes import forget_note, note, put_note
from crm_sms.ledger.triage import numbers_in_triage
from crm_sms.phone import parse_address
from crm_sms.records import Chunk, Columns, Op, Outcome, Person, PersonKind, Scalar, Verdict, Write
from crm_sms.use_cases.parked import REMEDIES
from crm_sms.use_cases.sync_people import Syncing, SyncReport
from crm_sms.use_cases.sync_people.look_up import sight
from crm_sms.use_cases.sync_people.people import store_people_page
from crm_sms.use_cases.unmatched import Holder, holder

COMPANY = "[not provided]"


@dataclass(frozen=True, slots=True)
class LeadPlan:
    """A lead that would be made: its fields by the CRM's names, and how many texts would be its
    own. None is made if `person` holds the number already."""

    crm: str
    object: str
    number: str
    fields: Mapping[str, Scalar]
    texts: int
    person: Holder | None


@dataclass(frozen=True, slots=True)
class LeadMade:
    """Who holds the number now, None if the CRM does not show the new lead yet; whether this run
    made them; how many texts are processed again; whether the mapping leaves them out, so that
    the texts concern nobody still."""

    id: str
    person: Holder | None
    made: bool
    texts: int
    left_out: bool


def plan_lead(
    syncing: Syncing, number: str, last_name: str | None = None, company: str | None = None
) -> LeadPlan:
    """What would be made; writes nothing.

    Raises RefusedInput for a number without texts that wait, or that somebody holds by the mirror,
    and AccessRefused if our user may not make leads.
    """
    e164 = parse_address(number, syncing.region).e164
    if e164 is None:
        raise RefusedInput("this is not a phone number; give it as +12025550123")
    texts = _waiting(syncing, e164)
    columns = _leads(syncing)
    phone = _phone_of(syncing, columns)
    required = syncing.crm.lead_fields(last_name or f"SMS {e164}", company or COMPANY)
    seen = _look(syncing, e164)
    person = holder(seen[0]) if seen else None
    fields = {**required, phone: e164}
    return LeadPlan(syncing.planner.crm, columns.object, e164, fields, texts, person)


def _waiting(syncing: Syncing, number: str) -> int:
    crm = syncing.planner.crm
    with syncing.ledger.read() as connection:
        texts = {one.number: one.texts for one in numbers_in_triage(connection, crm)}.get(number)
        held = mirror.holders(connection, crm, [number])
    if texts is None:
        raise RefusedInput(
            f"no text of this number concerns nobody in {crm}; see crm-sms unmatched list"
        )
    if held:
        raise RefusedInput(
            f"somebody in {crm} holds this number already; its texts go there with the next "
            "crm-sms process, or, if several hold it, to whom crm-sms unmatched assign says"
        )
    return texts


def _leads(syncing: Syncing) -> Columns:
    for columns in syncing.planner.mapping.columns():
        if columns.kind is PersonKind.LEAD:
            return columns
    raise RefusedInput(
        f"the mapping of {syncing.planner.crm} knows no leads; make the record in the CRM, then "
        "crm-sms sync people"
    )


def _phone_of(syncing: Syncing, columns: Columns) -> str:
    """The first of the mapping's phones that our user may fill in."""
    description = syncing.crm.describe([columns.object]).get(columns.object)
    if description is None or not description.creatable:
        raise AccessRefused(
            f"our user may not make a {columns.object}; give its permission set Create on it"
        )
    for name in columns.phones:
        if name in description.fields and description.fields[name].creatable:
            return name
    raise AccessRefused(
        f"our user may fill in none of {columns.object}'s phones {', '.join(columns.phones)}; give "
        "its permission set edit access to one"
    )


def _look(syncing: Syncing, number: str) -> Sequence[Person]:
    """Who holds the number in the CRM now."""
    people = syncing.crm.find_people(syncing.planner.mapping.columns(), [number])
    held = sight([number], people, syncing.region).held[number]
    return [person for person in people if person.id in held]


def create_lead(syncing: Syncing, plan: LeadPlan) -> LeadMade:
    """Make the lead, unless somebody holds the number by now, and have the texts go there.

    Raises RefusedInput with the CRM's words and a remedy, TryLater where nothing was made, Unclear
    where it may have been: a later run finds the lead, or makes it.
    """
    name = f"lead:{plan.crm}:{syncing.ledger.digest(plan.number)}"
    turn = _take_turn(syncing, name)
    try:
        seen = _look(syncing, plan.number)
        id = "" if seen else _made(syncing, plan, turn)
    except Unclear:
        raise
    except CrmSmsError:
        if turn:
            with syncing.ledger.write("unmatched") as connection:
                forget_note(connection, name)
        raise
    return _stored(syncing, name, id, seen or _look(syncing, plan.number))


_MAY_BE_MADE = (
    "an earlier request for this lead has no clear answer yet; run the same command again in a "
    "quarter of an hour: it finds the lead, or makes it"
)


def _take_turn(syncing: Syncing, name: str) -> datetime | None:
    """Since when the lead is ours to make; None while another request may still make it: leads have
    no unique key, so two people at once, or one who repeats after a kill, would make two."""
    now, limits = syncing.clock(), syncing.crm.limits
    passed = timedelta(seconds=limits.late_commit_s + limits.write_timeout_s)
    with syncing.ledger.write("unmatched") as connection:
        syncing.ledger.lock(connection, [name])
        last = note(connection, name)
        if last and abs(now - datetime.fromisoformat(last)) < passed:
            return None
        put_note(syncing.ledger, connection, name, now.isoformat())
    return now


def _made(syncing: Syncing, plan: LeadPlan, turn: datetime | None) -> str:
    if turn is None:
        raise Unclear(_MAY_BE_MADE)
    # Later, somebody else's turn may have begun.
    if syncing.clock() - turn > timedelta(seconds=syncing.crm.limits.write_timeout_s):
        raise TryLater(f"{plan.crm} took too long to say who holds the number; run it again")
    chunk = Chunk(plan.object, Op.CREATE, None, (Write(plan.number, plan.fields),))
    outcome: Outcome = syncing.crm.write([chunk]).outcomes[0][0]
    if outcome.verdict is Verdict.DONE:
        return outcome.crm_id or ""
    if outcome.verdict is Verdict.MAYBE:
        raise Unclear(f"{plan.crm} did not say whether it made the lead; {_MAY_BE_MADE}")
    remedy = REMEDIES[outcome.reason] if outcome.reason else "run crm-sms doctor"
    message = f"{plan.crm} refuses the lead: {outcome.detail}; {remedy}"
    raise TryLater(message) if outcome.verdict is Verdict.RETRY else RefusedInput(message)


def _stored(syncing: Syncing, name: str, id: str, seen: Sequence[Person]) -> LeadMade:
    report, now = SyncReport(), syncing.clock()
    with syncing.ledger.write("unmatched") as connection:
        if seen:
            store_people_page(syncing, report, connection, seen, now)
        forget_note(connection, name)
        stored = mirror.people_by_id(connection, syncing.planner.crm, [one.id for one in seen])
    person = holder(seen[0]) if seen else None
    left_out = bool(stored) and not any(one.covered for one in stored.values())
    return LeadMade(id or seen[0].id, person, bool(id), report.rematched, left_out)
