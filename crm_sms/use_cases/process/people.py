"""What a batch must know of one CRM's people: the part of the mirror that its texts rest on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from crm_sms.ledger import Ledger, mirror
from crm_sms.ledger.assignments import assigned
from crm_sms.ledger.matched import matches_of
from crm_sms.ledger.texts import owners_of
from crm_sms.matching import Excerpt
from crm_sms.use_cases.process.threads import Places
from crm_sms.use_cases.process.words import LoadedText


def excerpt(
    ledger: Ledger,
    connection: Connection,
    crm: str,
    texts: Sequence[LoadedText],
    given: Collection[str | None],
    places: Places,
) -> Excerpt:
    """Everybody whom one of these texts may concern, and what was matched before; `given` are the
    ids of those whom their senders meant."""
    keys = {text.message.key for text in texts}
    befores = {places[key].before for key in keys if key in places}
    earlier = owners_of(connection, {key for key in befores if key} - keys)
    stored = matches_of(connection, crm, {text.id for text in texts} | set(earlier.values()))
    numbers = {text.number for text in texts if text.number}
    holders = mirror.holders(connection, crm, numbers)
    by_hand = assigned(ledger, connection, crm, numbers)
    wanted = {id for held in holders.values() for id in held}
    had = [*stored.values(), *(match for text in texts for match in text.former)]
    wanted |= {match.person_id for match in had if match.person_id}
    wanted |= {id for id in given if id}
    wanted |= set(by_hand.values())
    people = mirror.people_by_id(connection, crm, wanted)
    pipeline = mirror.pipeline(connection, crm, people)
    # A text keeps its opportunity, also when its person has no part in it any more.
    kept = {match.opportunity_id for match in had if match.opportunity_id}
    older = mirror.opportunities_by_id(connection, crm, kept - pipeline.opportunities.keys())
    return Excerpt(
        people=people,
        holders=holders,
        assigned=by_hand,
        pipeline=replace(pipeline, opportunities={**pipeline.opportunities, **older}),
        matches=stored,
        before={key: stored[id] for key, id in earlier.items() if id in stored},
    )
