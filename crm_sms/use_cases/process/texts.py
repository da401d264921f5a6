"""Which texts a batch is about: all facts of each, folded, under the one key it keeps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from crm_sms.consent import verdict
from crm_sms.events import OptOutType
from crm_sms.ledger import Ledger
from crm_sms.ledger import texts as ledger_texts
from crm_sms.ledger.facts import of_texts
from crm_sms.ledger.inbox import Waiting
from crm_sms.messages import fold
from crm_sms.use_cases.process.words import Processing, Text


def load(processing: Processing, connection: Connection, waiting: Sequence[Waiting]) -> list[Text]:
    """The texts that these inbox rows speak of, with every fact that is known of them.

    Locks them by name first: two workers with a fact each of one text would otherwise both fold
    without the other's.
    """
    names = {row.text for row in waiting} | {row.message_key for row in waiting if row.message_key}
    processing.ledger.lock(connection, [f"text:{name}" for name in names])
    owners = ledger_texts.owners_of(connection, names)
    known = ledger_texts.aliases_of(connection, set(owners.values()))
    groups: dict[object, set[str]] = {}
    for row in waiting:
        owner = _owner(connection, row, owners, known)
        place: object = owner if owner is not None else row.text
        group = groups.setdefault(place, set(known.get(owner, ())) if owner is not None else set())
        group.add(row.text)
    ids = {place for place in groups if isinstance(place, int)}
    return of_groups(processing, connection, groups, ids)


def _owner(
    connection: Connection, row: Waiting, owners: dict[str, int], known: dict[int, set[str]]
) -> int | None:
    """The message that an event belongs to, if there is one.

    A text known by its id and one known by our key only turn out to be one here. A key that another
    text with an id of its own has already is a key used twice: those stay two texts.
    """
    by_text = owners.get(row.text)
    by_key = owners.get(row.message_key) if row.message_key else None
    if by_key is None or by_key == by_text or known[by_key] != {row.message_key}:
        return by_text
    if by_text is not None:
        ledger_texts.merge(connection, by_text, by_key)
        names = known.pop(by_text)
        known[by_key] |= names
        owners.update(dict.fromkeys(names, by_key))
    return by_key


def by_ids(processing: Processing, connection: Connection, ids: Collection[int]) -> list[Text]:
    """These messages, loaded as if one of their events were waiting."""
    found = ledger_texts.aliases_of(connection, ids)
    groups: dict[object, set[str]] = {id: names for id, names in found.items()}
    return of_groups(processing, connection, groups, set(ids))


def of_groups(
    processing: Processing,
    connection: Connection,
    groups: dict[object, set[str]],
    ids: Collection[int],
) -> list[Text]:
    """One text per group of aliases; a group that has a message already stands under its id."""
    facts = of_texts(connection, {alias for group in groups.values() for alias in group})
    stored = ledger_texts.stored(connection, ids)
    texts = []
    for place, aliases in groups.items():
        own = [fact for alias in aliases for fact in facts.get(alias, [])]
        if not own:
            continue
        text = Text(set(aliases), dict(own), fold([event for _, event in own]))
        text.stored = stored.get(place) if isinstance(place, int) else None
        text.id = text.stored.id if text.stored else 0
        text.thread = _thread(processing.ledger, text)
        text.said = _said(processing, text)
        texts.append(text)
    _name(processing.ledger, connection, texts)
    return texts


def _thread(ledger: Ledger, text: Text) -> str | None:
    ours = text.message.our_address
    if ours is None or text.number is None:
        return None
    return ledger.digest(f"{ours.e164 or ours.raw}|{text.number}")


def _said(processing: Processing, text: Text) -> OptOutType | None:
    judged = (verdict(fact, processing.rules[fact.provider]) for fact in text.facts.values())
    said = {one.type for one in judged if one}
    return next((kind for kind in OptOutType if kind in said), None)


def _name(ledger: Ledger, connection: Connection, texts: Sequence[Text]) -> None:
    """Settle each text's key: ours if the sender gave one that no other text has, else the id.

    A key that a CRM may have seen stays, whatever is learnt later: one text leaves one record.
    """
    wanted = {text.message.key for text in texts if text.message.key not in text.aliases}
    taken = set(ledger_texts.owners_of(connection, wanted))
    for text in texts:
        key = text.message.key
        if key in text.aliases or key not in taken:
            text.aliases.add(key)
            taken.add(key)
        else:
            text.message = replace(text.message, key=min(text.aliases))
    renamed = {
        text.id: text for text in texts if text.stored and text.stored.key != text.message.key
    }
    free = ledger_texts.may_rename(connection, renamed.keys())
    ledger_texts.forget_waiting(connection, free)
    for id, text in renamed.items():
        if id not in free and text.stored:
            text.message = replace(text.message, key=text.stored.key)
