"""The conversations of a batch's replies: found, opened, moved along, or taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from sqlalchemy import Connection

from crm_sms.ledger import conversations, inbox, mirror
from crm_sms.ledger.arrivals import Arrival, arrival
from crm_sms.matching import Match, follow
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
    came = arrival(connection, planner.crm)
    worthy = {text.id for text in texts if _deserves(planner, text, chosen[text.message.key], came)}
    again = _taken_back(processing, planner, connection, texts, chosen, worthy)
    replies = [_reply(text, chosen[text.message.key]) for text in texts if text.id in worthy]
    known = _known(connection, planner.crm, replies)
    found = converse(replies, known.values())
    stored = conversations.by_id(connection, {talk.id for talk in found.values()})
    kept: dict[str, Conversation] = {}
    for talk in {one.task_key: one for one in found.values()}.values():
        if talk.id == 0:
            talk = conversations.start(connection, planner.crm, talk)
        elif talk.person_id != stored[talk.id].person_id:
            again |= conversations.move(connection, talk.id, talk.person_id)
        kept[talk.task_key] = talk
    inbox.put_back(
        processing.ledger, connection, again - {text.id for text in texts}, processing.clock()
    )
    talks = {key: kept[talk.task_key] for key, talk in found.items()}
    for key, talk in talks.items():
        chosen[key] = replace(chosen[key], conversation_id=talk.id)
    return talks


def _deserves(planner: Planner, text: LoadedText, match: Match, came: Arrival | None) -> bool:
    since = came.at if came and text.id <= came.last else None
    worthy = deserves_task(text.message, text.said, planner.tasks, since)
    # Whoever is taken in brings replies of months along: nobody is to be sent after these.
    return bool(match.person_id) and not match.waited_outside and worthy


def _reply(text: LoadedText, match: Match) -> Reply:
    message = text.message
    return Reply(message.key, message.occurred_at, match.person_id or "", match.conversation_id)


def _known(connection: Connection, crm: str, replies: Sequence[Reply]) -> dict[int, Conversation]:
    """The conversations that these replies are in, and those that could take them."""
    if not replies:
        return {}
    known = conversations.by_id(connection, {reply.held for reply in replies if reply.held})
    since = min(reply.at for reply in replies)
    people = mirror.predecessors(connection, crm, {reply.person_id for reply in replies})
    known |= {one.id: one for one in conversations.recent(connection, crm, people, since)}
    return _by_now(connection, crm, known)


def _by_now(
    connection: Connection, crm: str, talks: Mapping[int, Conversation]
) -> dict[int, Conversation]:
    """A conversation goes on with whoever its person is by now: a merge opens no second task."""
    whose = {talk.person_id for talk in talks.values()}
    became = mirror.gone(connection, crm, whose)
    living = {*whose, *filter(None, became.values())} - became.keys()
    now = {id: follow(id, living, became).id or id for id in whose}
    return {id: replace(talk, person_id=now[talk.person_id]) for id, talk in talks.items()}


def _taken_back(
    processing: Processing,
    planner: Planner,
    connection: Connection,
    texts: Sequence[LoadedText],
    chosen: dict[str, Match],
    worthy: Set[int],
) -> set[int]:
    """A reply that turns out to deserve no task, or to be somebody else's, takes back the
    conversation that it opened, as long as no CRM can have seen the task. Answers the messages of
    its other replies: one of them opens another.
    """
    mine = {task_key(text.message.key): text for text in texts}
    held = {match.conversation_id for match in chosen.values() if match.conversation_id}
    known = _by_now(connection, planner.crm, conversations.by_id(connection, held))
    opened = {
        talk.id: text.id
        for talk in known.values()
        if (text := mine.get(talk.task_key))
        and not (text.id in worthy and chosen[text.message.key].person_id == talk.person_id)
    }
    ended, others = conversations.take_back(connection, planner.crm, opened)
    for key, match in chosen.items():
        if match.conversation_id in ended:
            chosen[key] = replace(match, conversation_id=None)
    return others
