"""Which texts a batch is about: all facts of each, folded, under the one key it keeps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from crm_sms.consent import verdict
from crm_sms.events import OptOutRules, OptOutType
from crm_sms.ledger import Ledger, conversations
from crm_sms.ledger import texts as ledger_texts
from crm_sms.ledger.facts import of_texts
from crm_sms.ledger.inbox import Waiting
from crm_sms.ledger.merging import merge
from crm_sms.matching import Match
from crm_sms.messages import Named, fold, named, own_key
from crm_sms.routing import task_key
from crm_sms.use_cases.process.words import LoadedText, Processing

_NO_RULES = OptOutRules({})
"""Those of a provider that is not in the settings any more, whose facts still wait."""


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
    stored = ledger_texts.aliases_of(connection, ids)
    found = named(stored, [(row.text, row.message_key) for row in waiting])
    lost = _merge(processing, connection, [text for text in found if len(text.ids) > 1])
    texts = _load(processing, connection, found)
    for text in texts:
        if text.id in lost:
            text.former = lost[text.id].matches
            text.left |= lost[text.id].threads
    return texts


@dataclass(slots=True)
class _Lost:
    """What was known of messages that are another one's text: matches, and threads."""

    matches: list[Match] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)


def _merge(
    processing: Processing, connection: Connection, twice: Sequence[Named]
) -> dict[int, _Lost]:
    """Leave one message of each of these texts, the one that a CRM may have seen; by its number,
    what the others leave behind: the matches that it did not take, and their threads."""
    ledger, now = processing.ledger, processing.clock()
    ids = {id for text in twice for id in text.ids}
    free = ledger_texts.may_rename(ledger, connection, ids)
    stored = ledger_texts.stored(connection, ids)
    found: dict[int, _Lost] = {}
    for text in twice:
        kept, *others = sorted(text.ids, key=lambda id: id in free)
        lost = found[kept] = _Lost()
        for id in others:
            lost.threads |= {thread for thread in [stored[id].thread] if thread}
            lost.matches += merge(ledger, connection, lost=id, kept=kept, now=now)
        text.ids = [kept]
    return found


def by_ids(
    processing: Processing, connection: Connection, ids: Collection[int]
) -> list[LoadedText]:
    """These messages, loaded as if one of their events were waiting."""
    found = ledger_texts.aliases_of(connection, ids)
    return _load(processing, connection, [Named(names, [id]) for id, names in found.items()])


def _load(
    processing: Processing, connection: Connection, found: Sequence[Named]
) -> list[LoadedText]:
    facts = of_texts(connection, {name for one in found for name in one.names})
    stored = ledger_texts.stored(connection, {id for one in found for id in one.ids})
    texts = []
    for one in found:
        own = dict(fact for name in one.names for fact in facts.get(name, []))
        if not own:
            continue
        text = LoadedText(one.names, own, fold(list(own.values())))
        text.stored = next((stored[id] for id in one.ids), None)
        text.id = text.stored.id if text.stored else 0
        text.thread = _thread(processing.ledger, text)
        if text.stored and text.stored.thread and text.stored.thread != text.thread:
            text.left = {text.stored.thread}
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
            key = own_key(text.facts.values(), text.aliases)
            text.message = replace(text.message, key=key)
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
