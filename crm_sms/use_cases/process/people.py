"""Whom the texts of a batch concern in one CRM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from crm_sms.ledger import Ledger, mirror
from crm_sms.ledger.assignments import assigned
from crm_sms.ledger.matched import Match, matches_of
from crm_sms.ledger.texts import owners_of
from crm_sms.matching import Candidate, Choice, OpportunityRule, Rule, choose, choose_opportunity
from crm_sms.records import Opportunity, Person, Scalar
from crm_sms.use_cases.process.threads import Places
from crm_sms.use_cases.process.words import LoadedText


@dataclass(slots=True)
class Known:
    """The part of the mirror that a batch needs, and the matches stored before it."""

    people: dict[str, Person]
    holders: Mapping[str, list[str]]
    pipeline: mirror.Pipeline
    matches: Mapping[tuple[int, str], Match]
    ids: Mapping[str, int]
    assigned: Mapping[str, str]
    chosen: dict[str, Match] = field(default_factory=dict)

    def opportunity(self, match: Match) -> Opportunity | None:
        """The opportunity of a match."""
        return self.pipeline.opportunities.get(match.opportunity_id or "")


def match_texts(
    ledger: Ledger, connection: Connection, crm: str, texts: Sequence[LoadedText], places: Places
) -> tuple[dict[str, Match], Known]:
    """One match per text, by message key; earlier texts first, as later ones rest on them."""
    known = _known(ledger, connection, crm, texts, places)
    for text in sorted(texts, key=lambda text: (text.message.occurred_at, text.message.key)):
        key = text.message.key
        match = _match(crm, text, known, places[key].before if key in places else None)
        known.chosen[key] = replace(match, given=_given_but_unknown(text, known))
    return known.chosen, known


def _given_but_unknown(text: LoadedText, known: Known) -> str | None:
    """Whom the sender meant, if a pull must bring that person first."""
    given = text.message.metadata.person_id
    return None if given in known.people else given


def _known(
    ledger: Ledger, connection: Connection, crm: str, texts: Sequence[LoadedText], places: Places
) -> Known:
    keys = {text.message.key for text in texts}
    befores = {places[key].before for key in keys if key in places}
    earlier = {key for key in befores if key} - keys
    ids = owners_of(connection, earlier)
    stored = matches_of(connection, {text.id for text in texts if text.id} | set(ids.values()))
    numbers = {text.number for text in texts if text.number}
    holders = mirror.holders(connection, crm, numbers)
    by_hand = assigned(ledger, connection, crm, numbers)
    wanted = {id for held in holders.values() for id in held}
    wanted |= {match.person_id for match in stored.values() if match.person_id}
    wanted |= {text.message.metadata.person_id for text in texts if text.message.metadata.person_id}
    wanted |= set(by_hand.values())
    people = mirror.people_by_id(connection, crm, wanted)
    pipeline = mirror.pipeline(connection, crm, people)
    # A text keeps its opportunity, also when its person has no part in it any more.
    kept = {match.opportunity_id for match in stored.values() if match.opportunity_id}
    older = mirror.opportunities_by_id(connection, crm, kept - pipeline.opportunities.keys())
    pipeline = replace(pipeline, opportunities={**pipeline.opportunities, **older})
    return Known(people, holders, pipeline, stored, ids, by_hand)


def _match(crm: str, text: LoadedText, known: Known, last: str | None) -> Match:
    stored = known.matches.get((text.id, crm))
    choice = _choose(crm, text, known, last, stored)
    # A reply takes the conversation that it opened along, to whomever it turns out to concern.
    talk = stored.conversation_id if stored else None
    if choice.person is None:
        none = OpportunityRule.NONE
        return Match(text.id, crm, choice.rule, none, conversation_id=talk)
    if stored and stored.person_id == choice.person.id:
        return _kept(stored, choice.rule)
    opportunity, rule = choose_opportunity(*known.pipeline.of(choice.person.id))
    return Match(
        text.id,
        crm,
        choice.rule,
        rule,
        object=choice.person.object,
        person_id=choice.person.id,
        opportunity_id=opportunity.id if opportunity else None,
        context=_context(choice.person, opportunity),
        conversation_id=talk,
    )


def _kept(stored: Match, rule: Rule) -> Match:
    values = {name: getattr(stored, name) for name in Match.__slots__}
    return Match(**{**values, "rule": rule})


def _choose(
    crm: str, text: LoadedText, known: Known, last: str | None, stored: Match | None
) -> Choice:
    before = None
    if stored and stored.person_id in known.people:
        before = Choice(known.people[stored.person_id], Rule(stored.rule))
    given = known.people.get(text.message.metadata.person_id or "")
    if text.number is None and given is None:
        return before or Choice(None, Rule.NO_NUMBER)
    held = known.holders.get(text.number or "", [])
    candidates = [Candidate(known.people[id], known.pipeline.has_open(id)) for id in held]
    return choose(
        candidates,
        given=given,
        assigned=known.people.get(known.assigned.get(text.number or "", "")),
        last_texted=_last(crm, known, last),
        stored=before,
    )


def _last(crm: str, known: Known, last: str | None) -> Person | None:
    """The person of the outbound text before, chosen in this batch or earlier."""
    if last is None:
        return None
    match = known.chosen.get(last) or known.matches.get((known.ids.get(last, 0), crm))
    return known.people.get(match.person_id) if match and match.person_id else None


def _context(person: Person, opportunity: Opportunity | None) -> dict[str, Scalar]:
    """How things stood when the text was first matched: it cannot be rebuilt later."""
    context: dict[str, Scalar] = {
        "kind": person.kind,
        "owner": person.owner_id,
        "account": person.account_id,
        **person.fields,
    }
    if opportunity:
        context |= {"stage": opportunity.stage, "amount": opportunity.amount}
    return context
