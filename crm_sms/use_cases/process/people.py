"""What a batch must know of one CRM's people: the part of the mirror that its texts rest on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from crm_sms.ledger import Ledger, mirror
from crm_sms.ledger.accounts import open_on_accounts
from crm_sms.ledger.assignments import assigned
from crm_sms.ledger.matched import matches_of
from crm_sms.ledger.texts import owners_of
from crm_sms.matching import Excerpt, Pipeline
from crm_sms.records import Person
from crm_sms.use_cases.process.threads import Places
from crm_sms.use_cases.process.words import LoadedText, Planner


def excerpt(
    ledger: Ledger,
    connection: Connection,
    planner: Planner,
    texts: Sequence[LoadedText],
    given: Collection[str | None],
    places: Places,
) -> Excerpt:
    """Everybody whom one of these texts may concern, and what was matched before; `given` are the
    ids of those whom their senders meant."""
    crm = planner.crm
    keys = {text.message.key for text in texts}
    befores = {places[key].before for key in keys if key in places}
    earlier = owners_of(connection, {key for key in befores if key} - keys)
    stored = matches_of(connection, crm, {text.id for text in texts} | set(earlier.values()))
    numbers = {text.number for text in texts if text.number}
    holders = mirror.holders(connection, crm, numbers)
    by_hand = assigned(ledger, connection, crm, numbers)
    wanted = {id for held in holders.values() for id in held}
    had = [*stored.values(), *(match for text in texts for match in text.former)]
    wanted |= {id for match in had for id in (match.person_id, match.origin_id) if id}
    wanted |= {id for id in given if id}
    wanted |= set(by_hand.values())
    people, became = _people(connection, crm, wanted)
    further = {match.opportunity_id for match in had if match.opportunity_id}
    return Excerpt(
        people=people,
        holders=holders,
        assigned=by_hand,
        pipeline=_pipeline(connection, planner, people, further),
        matches=stored,
        before={key: stored[id] for key, id in earlier.items() if id in stored},
        became=became,
    )


def _people(
    connection: Connection, crm: str, wanted: Collection[str]
) -> tuple[dict[str, Person], dict[str, str | None]]:
    """The living ones, and who the others became, with whoever is left of them."""
    people = mirror.people_by_id(connection, crm, wanted)
    became = mirror.gone(connection, crm, set(wanted) - people.keys())
    ends = {id for id in became.values() if id}
    return people | mirror.people_by_id(connection, crm, ends), became


def _pipeline(
    connection: Connection, planner: Planner, people: Mapping[str, Person], kept: Collection[str]
) -> Pipeline:
    """What these people have to do with which opportunities. A text keeps its own (`kept`), also
    when its person has no part in it any more."""
    crm = planner.crm
    found = mirror.pipeline(connection, crm, people)
    accounts = {person.account_id for person in people.values() if person.account_id}
    on_account = open_on_accounts(connection, crm, accounts if planner.account_fallback else ())
    further = {*kept, *(id for ids in on_account.values() for id in ids)}
    others = mirror.opportunities_by_id(connection, crm, further - found.opportunities.keys())
    return replace(found, opportunities={**found.opportunities, **others}, on_account=on_account)
