"""Two stored messages that turn out to be one text become one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from crm_sms.ledger import conversations, inbox
from crm_sms.ledger.planned import UNTRIED
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import matches, message_aliases, message_data, messages, outbox
from crm_sms.matching import Match
from crm_sms.records import State
from crm_sms.routing import task_key


def merge(
    ledger: Ledger, connection: Connection, *, lost: int, kept: int, now: datetime
) -> list[Match]:
    """All names of the lost message lead to the kept one, which takes its place in every CRM where
    it concerned nobody itself; what no request has carried under the lost one's key is withdrawn.

    Answers the lost one's other matches, as matches of the kept one: whoever they name has one text
    less. What a CRM may have seen of the lost message stays there, so keep the other one.
    """
    query = select(messages.c.id, messages.c.key).where(messages.c.id.in_([lost, kept]))
    keys: dict[int, str] = {row[0]: row[1] for row in connection.execute(query)}
    old, new = task_key(keys[lost]), task_key(keys[kept])
    dropped = []
    rows = connection.execute(select(matches).where(matches.c.message_id == lost)).all()
    for match in [Match(**row._mapping) for row in rows]:
        if _take_place(connection, match, kept):
            conversations.rename_task(connection, kept, old, new)
        else:
            _let_go(ledger, connection, match, old, now)
            dropped.append(replace(match, message_id=kept))
    _forget(connection, lost, kept)
    return dropped


def _take_place(connection: Connection, match: Match, kept: int) -> bool:
    """Whether the kept message had no person in this CRM; then it has the lost one's match."""
    here = (matches.c.message_id == kept, matches.c.crm == match.crm)
    if connection.execute(select(matches.c.person_id).where(*here)).scalar():
        return False
    connection.execute(delete(matches).where(*here))
    there = (matches.c.message_id == match.message_id, matches.c.crm == match.crm)
    connection.execute(update(matches).where(*there).values(message_id=kept))
    return True


def _let_go(
    ledger: Ledger, connection: Connection, match: Match, opened: str, now: datetime
) -> None:
    """A conversation that the lost message opened is no more; its other replies open another."""
    talk = conversations.by_id(connection, {match.conversation_id or 0})
    mine = {id: match.message_id for id, one in talk.items() if one.task_key == opened}
    _, members = conversations.take_back(connection, match.crm, mine)
    inbox.put_back(ledger, connection, members - {match.message_id}, now)


def _forget(connection: Connection, lost: int, kept: int) -> None:
    """Sums and opt-outs that wait because of the lost message are due to the kept one."""
    waits = (outbox.c.message_id == lost, outbox.c.key_field.is_not(None))
    connection.execute(delete(outbox).where(*waits, outbox.c.state == State.WAITING, UNTRIED))
    for table in (message_aliases, outbox):
        connection.execute(update(table).where(table.c.message_id == lost).values(message_id=kept))
    for table in (matches, message_data):
        connection.execute(delete(table).where(table.c.message_id == lost))
    connection.execute(delete(messages).where(messages.c.id == lost))
