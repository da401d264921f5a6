"""Which texts a batch is about: all facts of each, folded, under the one key it keeps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from crm_sms.consent import verdict
from crm_sms.events import OptOutRules, OptOutType
from crm_sms.ledger import Ledger, conversations
from crm_sms.ledger import texts as ledger_texts
from crm_sms.ledger.facts import of_texts
from crm_sms.ledger.inbox import Waiting
from crm_sms.messages import fold
from crm_sms.routing import task_key
from crm_sms.use_cases.process.words import LoadedText, Processing

_NO_RULES = OptOutRules({})
"""Those of a provider that is not in the settings any more, whose facts still wait."""


@dataclass(slots=True)
class _Group:
    """The names of one text; `id` is its message's, None for a new one."""

    names: set[str]
    id: int | None = None


def load(
    processing: Processing, connection: Connection, waiting: Sequence[Waiting]
) -> list[LoadedText]:
    """The texts that these inbox rows speak of, with every fact that is known of them.

    Locks them by name first: two workers with a fact each of one text would otherwise both fold
    without the other's.
    """
    names = {row.text for row in waiting} | {row.message_key for row in waiting if row.message_key}
    processing.ledger.lock(connection, [f"text:{name}" for name in names])
    ids = set(ledger_texts.owners_of(connection, names).values())
    groups: dict[str, _Group] = {}
    for number, aliases in ledger_texts.aliases_of(connection, ids).items():
        groups |= dict.fromkeys(aliases, _Group(set(aliases), number))
    for row in sorted(waiting, key=lambda row: (row.text, row.message_key or "")):
        group = groups.setdefault(row.text, _Group({row.text}))
        if row.message_key:
            _join(connection, groups, group, row.message_key)
    distinct = {id(group): group for group in groups.values()}
    return of_groups(processing, connection, list(distinct.values()))


def _join(connection: Connection, groups: dict[str, _Group], group: _Group, key: str) -> None:
    """Our key belongs to this text, unless a text with an id of its own has it already: then it was
    used twice, and those stay two texts. A text known by our key only is this one."""
    other = groups.setdefault(key, group)
    if other is not group and other.names == {key}:
        if group.id and other.id:
            ledger_texts.merge(connection, lost=group.id, kept=other.id)
        group.id = other.id or group.id
        groups[key] = group
    if groups[key] is group:
        group.names.add(key)


def by_ids(
    processing: Processing, connection: Connection, ids: Collection[int]
) -> list[LoadedText]:
    """These messages, loaded as if one of their events were waiting."""
    found = ledger_texts.aliases_of(connection, ids)
    return of_groups(processing, connection, [_Group(names, id) for id, names in found.items()])


def of_groups(
    processing: Processing, connection: Connection, groups: Sequence[_Group]
) -> list[LoadedText]:
    """One text per group of names; a group that has a message already stands under its id."""
    facts = of_texts(connection, {name for group in groups for name in group.names})
    stored = ledger_texts.stored(connection, {group.id for group in groups if group.id})
    texts = []
    for group in groups:
        own = dict(fact for name in group.names for fact in facts.get(name, []))
        if not own:
            continue
        text = LoadedText(group.names, own, fold(list(own.values())))
        text.stored = stored.get(group.id or 0)
        text.id = text.stored.id if text.stored else 0
        text.thread = _thread(processing.ledger, text)
        text.said = _said(processing, text)
        texts.append(text)
    _name(processing.ledger, connection, texts)
    return texts


def _thread(ledger: Ledger, text: LoadedText) -> str | None:
    ours = text.message.our_address
    if ours is None or text.number is None:
        return None
    return ledger.digest(f"{ours.e164 or ours.raw}|{text.number}")


def _said(processing: Processing, text: LoadedText) -> OptOutType | None:
    rules = processing.rules
    judged = (verdict(fact, rules.get(fact.provider, _NO_RULES)) for fact in text.facts.values())
    said = {one.type for one in judged if one}
    return next((kind for kind in OptOutType if kind in said), None)


def _name(ledger: Ledger, connection: Connection, texts: Sequence[LoadedText]) -> None:
    """Settle each text's key: ours if the sender gave one that no other text has, else the id.

    A key that a CRM may have seen stays, whatever is learnt later: one text leaves one record.
    """
    for text in texts:
        if text.message.key not in text.aliases:
            text.message = replace(text.message, key=min(text.aliases))
    renamed = {
        text.id: text for text in texts if text.stored and text.stored.key != text.message.key
    }
    free = ledger_texts.may_rename(ledger, connection, renamed.keys())
    ledger_texts.forget_waiting(connection, free)
    for id, text in renamed.items():
        if text.stored is None:
            continue
        if id in free:
            old, new = task_key(text.stored.key), task_key(text.message.key)
            conversations.rename_task(connection, id, old, new)
        else:
            text.message = replace(text.message, key=text.stored.key)
