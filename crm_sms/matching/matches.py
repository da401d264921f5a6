"""One match for each text of a batch, given what the mirror says and what was matched before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from crm_sms.matching.excerpts import Cause, Excerpt, Match
from crm_sms.matching.opportunities import OpportunityRule, choose_opportunity
from crm_sms.matching.rules import Candidate, Choice, Rule, choose
from crm_sms.messages import Message, tie_of
from crm_sms.records import Opportunity, Person, Role, Scalar


def match_texts(
    crm: str, texts: Mapping[int, Message], before: Mapping[str, str | None], known: Excerpt
) -> dict[str, Match]:
    """The match of each text, by message key. `texts` are by message id; `before` names, by message
    key, the text of ours that came before it in its thread.

    Earlier texts are matched first, as later ones rest on them.
    """
    chosen: dict[str, Match] = {}
    for id, text in sorted(texts.items(), key=lambda one: (one[1].occurred_at, tie_of(one[1]))):
        last = before.get(text.key) or ""
        last_match = chosen.get(last) or known.before.get(last)
        last_texted = known.person(last_match.person_id if last_match else None)
        match = _match(crm, id, text, last_texted, known)
        stored = known.matches.get(id)
        waited = match.rule == Rule.OUTSIDE or (stored is not None and stored.waited_outside)
        given = _meant_but_gone(text, known)
        chosen[text.key] = replace(match, given=given, waited_outside=waited)
    return chosen


def _meant_but_gone(text: Message, known: Excerpt) -> str | None:
    """Whom somebody meant, if a pull must bring that person first, or back, or take them in."""
    meant = (text.metadata.person_id, known.assigned.get(text.number or ""))
    return next((id for id in meant if id and not known.covers(id)), None)


def _match(crm: str, id: int, text: Message, last_texted: Person | None, known: Excerpt) -> Match:
    stored = known.matches.get(id)
    choice = _choose(text, last_texted, known, stored)
    person = choice.person
    if stored is None:
        return _matched(Match(id, crm, choice.rule, OpportunityRule.NONE), person, known)
    if person and stored.person_id == person.id:
        return replace(stored, rule=choice.rule)
    chosen = stored.as_chosen
    if person and known.person(chosen.person_id) == person:
        return _moved(chosen, person, choice.rule)
    # A reply takes the conversation that it opened along, to whomever it turns out to concern.
    talk = stored.conversation_id
    new = Match(id, crm, choice.rule, OpportunityRule.NONE, conversation_id=talk)
    found = _matched(new, person, known)
    if chosen.person_id is None or chosen.person_id in known.people:
        return found
    return found.without(chosen)


def _matched(new: Match, person: Person | None, known: Excerpt) -> Match:
    """The match with a person, and with how things stand for them now."""
    if person is None:
        return new
    roles, opportunities = known.pipeline.of(person.id)
    on_account = known.pipeline.of_account(person.account_id)
    opportunity, rule = choose_opportunity(roles, opportunities, on_account)
    return replace(
        new,
        opportunity_rule=rule,
        object=person.object,
        person_id=person.id,
        opportunity_id=opportunity.id if opportunity else None,
        context=_context(person, opportunity, roles, opportunities),
    )


def _moved(chosen: Match, person: Person, rule: str) -> Match:
    """The same match with the record that its person is by now: how things stood stays."""
    if chosen.person_id == person.id:
        return replace(chosen, rule=rule)
    converted = chosen.object != person.object or chosen.cause == Cause.CONVERSION
    cause = Cause.CONVERSION if converted else Cause.MERGE
    return replace(chosen, rule=rule, object=person.object, person_id=person.id, cause=cause)


def _choose(
    text: Message, last_texted: Person | None, known: Excerpt, stored: Match | None
) -> Choice:
    then = [stored.as_chosen, stored] if stored else []
    before = next(filter(None, (_as_before(match, known) for match in then)), None)
    given = known.person(text.metadata.person_id)
    if text.number is None and given is None:
        return before or Choice(None, Rule.NO_NUMBER)
    waits = stored is not None and _waits(stored, known)
    held = [] if waits else known.holders.get(text.number or "", [])
    return choose(
        [Candidate(known.people[id], known.pipeline.has_open(id)) for id in held],
        given=given,
        assigned=known.person(known.assigned.get(text.number or "")),
        last_texted=last_texted,
        stored=before,
    )


def _waits(stored: Match, known: Excerpt) -> bool:
    """Nobody else gets a text while the record that took its person's place is still to be pulled;
    nor one that nobody took when its person went: whoever gets the number later is a stranger."""
    nobody = stored.origin_id is not None and stored.rule == Rule.UNKNOWN
    return nobody or known.follow(stored.as_chosen.person_id).awaited is not None


def _as_before(match: Match, known: Excerpt) -> Choice | None:
    person = known.person(match.person_id)
    return Choice(person, Rule(match.rule)) if person else None


def _context(
    person: Person,
    opportunity: Opportunity | None,
    roles: Iterable[Role],
    opportunities: Iterable[Opportunity],
) -> dict[str, Scalar]:
    """How things stood when the text was first matched: it cannot be rebuilt later. The open
    opportunities are their ids, separated by `;`."""
    context: dict[str, Scalar] = {
        "kind": person.kind,
        "owner": person.owner_id,
        "account": person.account_id,
        "open_opportunities": ";".join(sorted(one.id for one in opportunities if one.open)),
        **person.fields,
    }
    if opportunity:
        played = (role.role for role in roles if role.opportunity_id == opportunity.id)
        context |= {
            "stage": opportunity.stage,
            "amount": opportunity.amount,
            "role": next(played, None),
        }
    return context


@dataclass(frozen=True, slots=True)
class Touched:
    """Whose sums a batch may change: people and opportunities by id, each with a message that is
    the reason."""

    people: Mapping[str, int]
    opportunities: Mapping[str, int]


def touched(matches: Iterable[Match]) -> Touched:
    """Whom these matches concern. Give the former matches of texts as well: who lost one to
    somebody else has other sums, too."""
    every = list(matches)
    return Touched(
        {one.person_id: one.message_id for one in every if one.person_id},
        {one.opportunity_id: one.message_id for one in every if one.opportunity_id},
    )
