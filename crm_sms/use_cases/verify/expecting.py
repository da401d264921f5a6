"""What a CRM should hold by the ledger: planned again as `process` does, and stored nowhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from crm_sms.ledger import conversations, mirror, texts
from crm_sms.ledger.carried import carried
from crm_sms.ledger.crm_records import CrmRecord, known_records
from crm_sms.ledger.facts import of_texts
from crm_sms.ledger.matched import matches_of, opt_out_of, opt_outs, roll_ups
from crm_sms.ledger.parked import Refused
from crm_sms.ledger.planned import Place
from crm_sms.ledger.verified import standing_at, unprocessed
from crm_sms.mapping import Mapping as AMapping
from crm_sms.mapping import RollUp
from crm_sms.mapping.scopes import RecordName
from crm_sms.matching import Excerpt, Match, Pipeline
from crm_sms.messages import Message, fold
from crm_sms.plan import plan_opportunity, plan_person
from crm_sms.records import DesiredRecord, Person, State
from crm_sms.use_cases.process.desk import Desk
from crm_sms.use_cases.process.opt_outs import opted_out
from crm_sms.use_cases.process.planning import acting, plan_one
from crm_sms.use_cases.verify.words import Expected, Finding, Kind, Verifying

Judged = tuple[list[Expected], list[Finding]]
"""Records to be compared, and what is to be said of those that could not even be planned."""

_OF_MIRROR = frozenset({"person", "owner", "opportunity", "opt_out"})
_RECORDS_OF_MIRROR = frozenset({RecordName.ACCOUNT, RecordName.OWNER})
"""Facts that the CRM may change after they were written, without any news of a text."""

_NOTHING = RollUp()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A planned record. `waits` if its text has news that are not processed yet; `if_seen` if the
    CRM should have it only where it has seen it before."""

    record: DesiredRecord
    waits: bool = False
    if_seen: bool = False


def expected_of_texts(verifying: Verifying, connection: Connection, ids: Collection[int]) -> Judged:
    """The records of these messages."""
    planner, crm = verifying.planner, verifying.planner.crm
    messages, waiting = _messages(connection, ids)
    matches = matches_of(connection, crm, messages)
    known = _excerpt(connection, crm, matches)
    desk = Desk(planner, known, acting(planner, connection, known))
    held = {match.conversation_id for match in matches.values() if match.conversation_id}
    talks = conversations.by_id(connection, held)
    for id, match in matches.items():
        plan_one(desk, id, messages[id], match, talks.get(match.conversation_id or 0))
    placed = {id for id, match in matches.items() if known.covers(match.person_id)}
    wanted = [
        _Wanted(record, id in waiting, id not in placed) for record, id in desk.planned.wanted
    ]
    expected = _expected(verifying, connection, wanted)
    return expected, _refused(connection, crm, desk.planned.refused)


def _messages(
    connection: Connection, ids: Collection[int]
) -> tuple[dict[int, Message], set[int | None]]:
    """These messages as their facts leave them, and those of which a fact is not processed yet."""
    names = texts.aliases_of(connection, ids)
    facts = of_texts(connection, {name for every in names.values() for name in every})
    fresh = unprocessed(connection, {number for some in facts.values() for number, _ in some})
    found: dict[int, Message] = {}
    waiting: set[int | None] = set()
    for id, stored in texts.stored(connection, ids).items():
        own = dict(fact for name in names.get(id, ()) for fact in facts.get(name, ()))
        if own:
            found[id] = replace(
                fold(list(own.values())),
                key=stored.key,
                replied_at=stored.replied_at,
                response_seconds=stored.response_seconds,
            )
        if not fresh.isdisjoint(own):
            waiting.add(id)
    return found, waiting


def _excerpt(connection: Connection, crm: str, matches: Mapping[int, Match]) -> Excerpt:
    people = {match.person_id for match in matches.values() if match.person_id}
    opportunities = {match.opportunity_id for match in matches.values() if match.opportunity_id}
    found = mirror.opportunities_by_id(connection, crm, opportunities)
    return Excerpt(
        people=mirror.people_by_id(connection, crm, people),
        holders={},
        assigned={},
        pipeline=Pipeline({}, found),
        matches=matches,
        before={},
    )


def _refused(connection: Connection, crm: str, refused: Sequence[Refused]) -> list[Finding]:
    parked = standing_at(connection, crm, {one.place for one in refused})
    return [
        Finding(
            Kind.PARKED if one.place in parked else Kind.MISSING,
            one.record,
            str(one.message_id),
            f"the mapping cannot make it: {one.detail}",
        )
        for one in refused
    ]


def expected_of_people(
    verifying: Verifying, connection: Connection, ids: Collection[str]
) -> Judged:
    """The sums of these people, as far as they have texts, and their opt-outs."""
    planner, crm = verifying.planner, verifying.planner.crm
    people = mirror.people_by_id(connection, crm, ids)
    sums = roll_ups(connection, crm, "person_id", ids)
    wanted = []
    for id, person in people.items():
        plan = plan_person(planner.mapping, crm, person, roll_up=sums.get(id, _NOTHING))
        counted = person.covered
        wanted += [_Wanted(record, if_seen=id not in sums) for record in plan.records if counted]
    wanted += map(_Wanted, _opt_outs(verifying, connection, people))
    return _expected(verifying, connection, wanted), []


def _opt_outs(
    verifying: Verifying, connection: Connection, people: Mapping[str, Person]
) -> Iterator[DesiredRecord]:
    """The no of everybody who holds a number that said it, or took it over. Where somebody opted a
    person out by hand nothing is ours but the flag, which must stay."""
    ledger, planner = verifying.ledger, verifying.planner
    numbers = {phone.raw for person in people.values() for phone in person.phones}
    said = opt_outs(ledger, connection, numbers)
    took_over = carried(connection, planner.crm, people)
    ours = {person.id for person, _ in opted_out(ledger, planner, connection, people)}
    flags = {one.object: one.opt_out for one in planner.mapping.columns()}
    for person in people.values():
        held = [phone.raw for phone in person.phones]
        no = opt_out_of(held, said, took_over.get(person.id))
        plan = plan_person(planner.mapping, planner.crm, person, opt_out=no)
        for record in plan.records if no else ():
            flag = flags[person.object]
            kept = {name: field for name, field in record.fields.items() if name == flag}
            yield record if person.id in ours else replace(record, fields=kept)


def expected_of_opportunities(
    verifying: Verifying, connection: Connection, ids: Collection[str]
) -> Judged:
    """The sums of these opportunities, as far as they have texts."""
    planner, crm = verifying.planner, verifying.planner.crm
    sums = roll_ups(connection, crm, "opportunity_id", ids)
    wanted = []
    for id, one in mirror.opportunities_by_id(connection, crm, ids).items():
        plan = plan_opportunity(planner.mapping, crm, one, sums.get(id, _NOTHING))
        wanted += [_Wanted(record, if_seen=id not in sums) for record in plan.records]
    return _expected(verifying, connection, wanted), []


def _expected(
    verifying: Verifying, connection: Connection, wanted: Sequence[_Wanted]
) -> list[Expected]:
    """These with all that is known of them."""
    crm, mapping = verifying.planner.crm, verifying.planner.mapping
    known = known_records(connection, crm, {(w.record.object, w.record.key) for w in wanted})
    standing = standing_at(connection, crm, {_place(one.record) for one in wanted})
    found = []
    for one in wanted:
        record, stands = one.record, standing.get(_place(one.record))
        before = known.get((record.object, record.key))
        if one.if_seen and not stands and not (before and _holds(before, record)):
            continue
        parked = stands is not None and stands.state is State.PARKED
        waits = one.waits or (stands is not None and not parked)
        why = f"{stands.reason}: {stands.detail}".rstrip(": ") if stands and parked else ""
        found.append(Expected(record, before, waits, why, _of_mirror(mapping, record)))
    return found


def _place(record: DesiredRecord) -> Place:
    return record.object, record.key, record.lane


def _holds(before: CrmRecord, record: DesiredRecord) -> bool:
    return record.create_only or not before.written.keys().isdisjoint(record.fields)


def _of_mirror(mapping: AMapping, record: DesiredRecord) -> frozenset[str]:
    """The fields that rest on what the mirror says as well."""
    sections = [
        one
        for one in mapping.sections
        if (one.object, one.lane) == (record.object, record.lane) and not one.create_only
    ]
    return frozenset(
        field.name
        for section in sections
        for field in section.fields
        if field.record in _RECORDS_OF_MIRROR or not _OF_MIRROR.isdisjoint(field.roots)
    )
