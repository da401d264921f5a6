"""A batch in one CRM: whom each text concerns, and what that asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from crm_sms.ledger import mirror
from crm_sms.ledger.matched import store_matches
from crm_sms.ledger.planned import withdraw_unseen
from crm_sms.mapping.facts import ReplyTask, TextFacts
from crm_sms.matching import Cause, Excerpt, Match, match_texts, touched
from crm_sms.messages import Message
from crm_sms.plan import plan_text
from crm_sms.records import Owner, Person
from crm_sms.routing import Conversation, acting_owner, due_date, task_key
from crm_sms.use_cases.process.desk import Desk, Planned
from crm_sms.use_cases.process.opt_outs import plan_opt_outs
from crm_sms.use_cases.process.people import excerpt
from crm_sms.use_cases.process.replies import talks_of
from crm_sms.use_cases.process.sums import plan_roll_ups
from crm_sms.use_cases.process.threads import Places, put_followers_back
from crm_sms.use_cases.process.words import LoadedText, Planner, Processing


def plan_batch(
    processing: Processing,
    planner: Planner,
    connection: Connection,
    texts: Sequence[LoadedText],
    places: Places,
    now: datetime,
) -> Planned:
    """Match the texts, store the matches, and say what this CRM should hold."""
    ledger, crm = processing.ledger, planner.crm
    meant = {text.id: planner.meant(text.message) for text in texts}
    given = {message.metadata.person_id for message in meant.values()}
    known = excerpt(ledger, connection, planner, texts, given, places)
    chosen = match_texts(
        crm,
        meant,
        {key: place.before for key, place in places.items()},
        known,
    )
    former = [match for text in texts for match in text.former if match.crm == crm]
    concerned = touched([*former, *known.matches.values(), *chosen.values()])
    # Two processors that each add up the texts of one person, or of one opportunity, without the
    # other's would leave the sum of neither.
    ledger.lock(
        connection,
        [
            *(f"person:{crm}:{id}" for id in concerned.people),
            *(f"opportunity:{crm}:{id}" for id in concerned.opportunities),
        ],
    )
    talks = talks_of(processing, planner, connection, texts, chosen)
    store_matches(ledger, connection, list(chosen.values()))
    put_followers_back(ledger, connection, texts, _moved(chosen, known), places, now)
    desk = Desk(planner, known, acting(planner, connection, known))
    desk.planned.unmatched = sum(match.is_in_triage for match in chosen.values())
    for text in _placed(desk, connection, texts, chosen):
        key = text.message.key
        plan_one(desk, text.id, text.message, chosen[key], talks.get(key))
    plan_roll_ups(desk, connection, concerned)
    plan_opt_outs(ledger, desk, connection, texts)
    return desk.planned


def _moved(chosen: Mapping[str, Match], known: Excerpt) -> set[int]:
    """The messages that concern somebody else than before."""
    before = known.matches
    return {
        match.message_id
        for match in chosen.values()
        if match.message_id in before and before[match.message_id].person_id != match.person_id
    }


def acting(planner: Planner, connection: Connection, known: Excerpt) -> dict[str, Owner]:
    """Everybody who may have to act, by id."""
    ids = {person.owner_id for person in known.people.values()}
    ids |= {opportunity.owner_id for opportunity in known.pipeline.opportunities.values()}
    ids.add(planner.tasks.fallback_owner)
    return mirror.owners_by_id(connection, planner.crm, {id for id in ids if id})


def _placed(
    desk: Desk, connection: Connection, texts: Sequence[LoadedText], chosen: Mapping[str, Match]
) -> list[LoadedText]:
    """Those that have a place in the CRM: a person, or a record from when they had one."""
    message = desk.planner.mapping.message
    placed = [text for text in texts if desk.known.covers(chosen[text.message.key].person_id)]
    others = {
        (message.object, text.message.key, message.lane): text
        for text in texts
        if text.stored and not desk.known.covers(chosen[text.message.key].person_id)
    }
    seen = withdraw_unseen(connection, desk.planner.crm, dict.fromkeys(others))
    return placed + [text for place, text in others.items() if place in seen]


def plan_one(
    desk: Desk, message_id: int, message: Message, match: Match, talk: Conversation | None
) -> None:
    """A text's own record, its timeline entry, and its task if it opened a conversation."""
    person = desk.known.people.get(match.person_id or "")
    task = None
    if talk and talk.task_key == task_key(message.key):
        task = ReplyTask(talk.task_key, due_date(message, desk.planner.tasks))
    facts = _facts(desk, message, person, match)
    desk.lay(message_id, plan_text(desk.planner.mapping, desk.planner.crm, facts, task))


def _facts(desk: Desk, message: Message, person: Person | None, match: Match) -> TextFacts:
    opportunity = desk.known.opportunity(match)
    owner = acting_owner(person, opportunity, desk.owners, desk.planner.tasks.fallback_owner)
    return TextFacts(
        message,
        person,
        owner,
        opportunity,
        answered=message.replied_at is not None,
        opportunity_rule=match.opportunity_rule,
        converted=match.cause == Cause.CONVERSION,
    )
