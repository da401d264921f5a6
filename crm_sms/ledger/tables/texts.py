"""What is known of texts: facts, what they fold to, whom they concern."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

from crm_sms.ledger.tables.base import event_id, message_id, metadata
from crm_sms.ledger.types import Id, Instant

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("provider", String, nullable=False),
    Column("account", String, nullable=False),
    Column("key", String, nullable=False),
    Column("text", String, nullable=False, index=True),
    Column("message_key", String),
    Column("kind", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("status", String),
    Column("provider_status", String),
    Column("error_code", String),
    Column("error_class", String),
    Column("occurred_at", Instant),
    Column("sent_at", Instant),
    Column("received_at", Instant, nullable=False),
    Column("segments", Integer),
    Column("media_count", Integer),
    Column("price", Float),
    Column("opt_out_type", String),
    Column("clicked_at", Instant),
    Column("click_class", String),
    Column("metadata", JSON),
    Column("verified", Boolean, nullable=False, server_default=true()),
    UniqueConstraint("provider", "account", "key"),
    # Of those that nobody signed there are few or none, and somebody asks for them each minute.
    Index(
        "ix_events_unverified",
        "received_at",
        sqlite_where=text("verified = 0"),
        postgresql_where=text("NOT verified"),
    ),
)
"""One row per fact received, never changed. `text` is the alias of the message it speaks of."""

event_data = Table(
    "event_data",
    metadata,
    event_id(primary_key=True),
    Column("sender", String),
    Column("sender_e164", String),
    Column("recipient", String),
    Column("recipient_e164", String),
    Column("body", Text),
    Column("media", JSON),
    Column("link", Text),
    Column("user_agent", Text),
    Column("raw", LargeBinary),
    Column("raw_type", String),
    Column("raw_query", Text),
)
"""Personal data of events: a row here can be emptied without touching the fact."""

inbox = Table(
    "inbox",
    metadata,
    event_id(primary_key=True),
    Column("since", Instant, nullable=False),
)
"""Events still to be processed: written with the event, deleted in the commit that plans it."""

suppressions = Table(
    "suppressions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number_digest", String, nullable=False, index=True),
    Column("provider", String, nullable=False),
    Column("account", String, nullable=False),
    Column("sender", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("source", String, nullable=False),
    Column("event_key", String, nullable=False),
    UniqueConstraint("provider", "account", "event_key"),
)
"""A person's no, by keyed digest of the number; written in the commit of the event that said it."""

messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("tie", String, nullable=False),
    Column("thread", String, index=True),
    Column("direction", String, nullable=False),
    Column("status", String, nullable=False),
    Column("conflict", Boolean, nullable=False, server_default=false()),
    Column("occurred_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("first_clicked_at", Instant),
    Column("last_clicked_at", Instant),
    Column("click_count", Integer, nullable=False, server_default="0"),
    Column("replied_at", Instant),
    Column("response_seconds", Integer),
    Column("verified", Boolean, nullable=False, server_default=true()),
)
"""One row per text, folded from its events. `thread` digests our address with the person's, `tie`
decides the order of texts of one instant."""

message_data = Table(
    "message_data",
    metadata,
    message_id(primary_key=True),
    Column("number", String, index=True),
    Column("our_address", String),
)
"""Personal data of messages: the person's number, and which of our addresses it met."""

message_aliases = Table(
    "message_aliases",
    metadata,
    Column("alias", String, primary_key=True),
    message_id(nullable=False, index=True),
)
"""Every name a text goes by: `provider:account:id`, and our key."""

matches = Table(
    "matches",
    metadata,
    message_id(primary_key=True),
    Column("crm", String, primary_key=True),
    Column("object", String),
    Column("person_id", String),
    Column("rule", String, nullable=False),
    Column("opportunity_id", String),
    Column("opportunity_rule", String, nullable=False),
    Column("context", JSON),
    Column("conversation_id", Id, ForeignKey("conversations.id"), index=True),
    Column("given", String),
    Column("waited_outside", Boolean, nullable=False, server_default=false()),
    Column("cause", String),
    Column("origin_id", String),
    Column("origin", JSON(none_as_null=True)),
    Index(None, "crm", "person_id"),
    Index(None, "crm", "opportunity_id"),
    Index(None, "crm", "given"),
    Index(None, "crm", "origin_id"),
)
"""Whom a text concerns in each CRM, by which rule, and how they stood at the time.

`given` is the person who was meant, as long as the mirror knows nobody living by that id. `cause`
says why it is not the one who was chosen; `origin` is the match as it was before that one went, as
long as they may come back.
"""

assignments = Table(
    "assignments",
    metadata,
    Column("crm", String, primary_key=True),
    Column("number_digest", String, primary_key=True),
    Column("person_id", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", String, nullable=False),
)
"""Whom somebody said that a number's texts concern, by keyed digest of the number."""

conversations = Table(
    "conversations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("crm", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("task_key", String, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("closed_at", Instant),
    UniqueConstraint("crm", "task_key"),
    Index(None, "crm", "person_id"),
)
"""Replies that share one task."""
