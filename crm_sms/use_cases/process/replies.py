"""The conversations of a batch's replies: found, opened, moved along, or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from crm_sms.ledger import conversations, inbox
from crm_sms.matching import Match
from crm_sms.routing import Conversation, Reply, converse, deserves_task, task_key
from crm_sms.use_cases.process.words import LoadedText, Planner, Processing


def talks_of(
    processing: Processing,
    planner: Planner,
    connection: Connection,
    texts: Sequence[LoadedText],
    chosen: dict[str, Match],
) -> dict[str, Conversation]:
    """The conversation of each reply that deserves a task, by message key; `chosen` takes it too.

    The people's locks must be held: two replies of one person at once would each find no
    conversation and each open one.
    """
    again = _taken_back(processing, planner, connection, texts, chosen)
    replies = [
        _reply(text, chosen[text.message.key])
        for text in texts
        if _deserves(planner, text, chosen[text.message.key])
    ]
    known = _known(connection, planner.crm, replies)
    found = converse(replies, known.values())
    kept: dict[str, Conversation] = {}
    for talk in {one.task_key: one for one in found.values()}.values():
        if talk.id == 0:
            talk = conversations.start(connection, planner.crm, talk)
        elif talk.person_id != known[talk.id].person_id:
            again |= conversations.move(connection, talk.id, talk.person_id)
        kept[talk.task_key] = talk
    inbox.put_back(
        processing.ledger, connection, again - {text.id for text in texts}, processing.clock()
    )
    talks = {key: kept[talk.task_key] for key, talk in found.items()}
    for key, talk in talks.items():
        chosen[key] = replace(chosen[key], conversation_id=talk.id)
    return talks


def _deserves(planner: Planner, text: LoadedText, match: Match) -> bool:
    return bool(match.person_id) and deserves_task(text.message, text.said, planner.tasks)


def _reply(text: LoadedText, match: Match) -> Reply:
    message = text.message
    return Reply(message.key, message.occurred_at, match.person_id or "", match.conversation_id)


def _known(connection: Connection, crm: str, replies: Sequence[Reply]) -> dict[int, Conversation]:
    """The conversations that these replies are in, and those that could take them."""
    if not replies:
        return {}
    known = conversations.by_id(connection, {reply.held for reply in replies if reply.held})
    since = min(reply.at for reply in replies)
    people = {reply.person_id for reply in replies}
    return known | {one.id: one for one in conversations.recent(connection, crm, people, since)}


def _taken_back(
    processing: Processing,
    planner: Planner,
    connection: Connection,
    texts: Sequence[LoadedText],
    chosen: dict[str, Match],
) -> set[int]:
    """A reply that turns out to deserve no task takes back the conversation that it opened, as long
    as no CRM can have seen the task. Answers the messages of its other replies: one of them opens
    another."""
    idle = {
        task_key(text.message.key): text
        for text in texts
        if chosen[text.message.key].conversation_id
        and not _deserves(planner, text, chosen[text.message.key])
    }
    held = {chosen[text.message.key].conversation_id or 0 for text in idle.values()}
    known = conversations.by_id(connection, held).values()
    opened = {talk.id: idle[talk.task_key].id for talk in known if talk.task_key in idle}
    ended, others = conversations.take_back(processing.ledger, connection, planner.crm, opened)
    for key, match in chosen.items():
        if match.conversation_id in ended:
            chosen[key] = replace(match, conversation_id=None)
    return others
