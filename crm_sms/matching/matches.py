"""One match for each text of a batch, given what the mirror says and what was matched before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from crm_sms.matching.opportunities import OpportunityRule, Pipeline, choose_opportunity
from crm_sms.matching.rules import Candidate, Choice, Rule, choose
from crm_sms.messages import Message, tie_of
from crm_sms.records import Opportunity, Person, Role, Scalar


@dataclass(frozen=True, slots=True)
class Match:
    """One text in one CRM: the person or None, the rule, the opportunity, how things stood.

    `given` is the person whom the sender meant and the mirror does not know."""

    message_id: int
    crm: str
    rule: str
    opportunity_rule: str
    object: str | None = None
    person_id: str | None = None
    opportunity_id: str | None = None
    context: Mapping[str, Scalar] | None = None
    conversation_id: int | None = None
    given: str | None = None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The part of one CRM's mirror that a batch rests on, and what was matched there before.

    `holders` are ids of people by number, `assigned` those whom somebody said it is. `matches` are
    by message, of the batch's own texts, `before` by message key, of texts that came before them.
    """

    people: Mapping[str, Person]
    holders: Mapping[str, list[str]]
    assigned: Mapping[str, str]
    pipeline: Pipeline
    matches: Mapping[int, Match]
    before: Mapping[str, Match]

    def opportunity(self, match: Match) -> Opportunity | None:
        """The opportunity of a match."""
        return self.pipeline.opportunities.get(match.opportunity_id or "")


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
        last_texted = known.people.get((last_match and last_match.person_id) or "")
        match = _match(crm, id, text, last_texted, known)
        chosen[text.key] = replace(match, given=_given_but_unknown(text, known))
    return chosen


def _given_but_unknown(text: Message, known: Excerpt) -> str | None:
    """Whom the sender meant, if a pull must bring that person first."""
    given = text.metadata.person_id
    return None if given in known.people else given


def _match(crm: str, id: int, text: Message, last_texted: Person | None, known: Excerpt) -> Match:
    stored = known.matches.get(id)
    choice = _choose(text, last_texted, known, stored)
    # A reply takes the conversation that it opened along, to whomever it turns out to concern.
    talk = stored.conversation_id if stored else None
    if choice.person is None:
        return Match(id, crm, choice.rule, OpportunityRule.NONE, conversation_id=talk)
    if stored and stored.person_id == choice.person.id:
        return replace(stored, rule=choice.rule)
    roles, opportunities = known.pipeline.of(choice.person.id)
    on_account = known.pipeline.of_account(choice.person.account_id)
    opportunity, rule = choose_opportunity(roles, opportunities, on_account)
    return Match(
        id,
        crm,
        choice.rule,
        rule,
        object=choice.person.object,
        person_id=choice.person.id,
        opportunity_id=opportunity.id if opportunity else None,
        context=_context(choice.person, opportunity, roles, opportunities),
        conversation_id=talk,
    )


def _choose(
    text: Message, last_texted: Person | None, known: Excerpt, stored: Match | None
) -> Choice:
    before = None
    if stored and (person := known.people.get(stored.person_id or "")):
        before = Choice(person, Rule(stored.rule))
    given = known.people.get(text.metadata.person_id or "")
    if text.number is None and given is None:
        return before or Choice(None, Rule.NO_NUMBER)
    held = known.holders.get(text.number or "", [])
    return choose(
        [Candidate(known.people[id], known.pipeline.has_open(id)) for id in held],
        given=given,
        assigned=known.people.get(known.assigned.get(text.number or "", "")),
        last_texted=last_texted,
        stored=before,
    )


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
