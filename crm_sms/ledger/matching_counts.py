"""How many texts and numbers were matched in a CRM, by rule."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, distinct, false, func, select

from crm_sms.ledger.tables import matches, message_data, people, phones


@dataclass(frozen=True, slots=True)
class Count:
    """Texts and numbers of one rule: `numbers` without texts that came from no number."""

    rule: str
    matched: bool
    texts: int
    numbers: int


def counts_by_rule(connection: Connection, crm: str) -> list[Count]:
    """Every rule with its texts, those with a person first, then by how many there are."""
    matched, texts = matches.c.person_id.is_not(None), func.count()
    query = (
        select(matches.c.rule, matched, texts, func.count(distinct(message_data.c.number)))
        .outerjoin(message_data, message_data.c.message_id == matches.c.message_id)
        .where(matches.c.crm == crm)
        .group_by(matches.c.rule, matched)
        .order_by(matched.desc(), texts.desc(), matches.c.rule)
    )
    return [Count(rule, bool(is_), *more) for rule, is_, *more in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class SharedNumbers:
    """Numbers that several people hold, and whose texts a rule gave to one of them nevertheless."""

    texts: int
    numbers: int
    examples: tuple[str, ...]


def shared_numbers(connection: Connection, crm: str, most: int) -> SharedNumbers:
    """With so many of the numbers."""
    several = (
        select(phones.c.e164)
        .join(people, (people.c.crm == phones.c.crm) & (people.c.id == phones.c.person_id))
        .where(phones.c.crm == crm, people.c.deleted == false())
        .group_by(phones.c.e164)
        .having(func.count() > 1)
    )
    by_number = (
        select(message_data.c.number, func.count().label("texts"))
        .join(matches, matches.c.message_id == message_data.c.message_id)
        .where(matches.c.crm == crm, matches.c.person_id.is_not(None))
        .where(message_data.c.number.in_(several))
        .group_by(message_data.c.number)
        .subquery()
    )
    sums = select(func.coalesce(func.sum(by_number.c.texts), 0), func.count())
    some = select(by_number.c.number).order_by(by_number.c.number).limit(most)
    texts, numbers = connection.execute(sums.select_from(by_number)).one()
    return SharedNumbers(int(texts), numbers, tuple(connection.execute(some).scalars()))
