"""The ledger's tables; migrations/ brings a database to this shape, and a test compares them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

from crm_sms.ledger.types import Id, Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _event_id(**options: Any) -> Column[int]:
    return Column("event_id", Id, ForeignKey("events.id"), **options)


def _message_id(**options: Any) -> Column[int]:
    return Column("message_id", Id, ForeignKey("messages.id"), **options)


meta = Table(
    "meta",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", JSON, nullable=False),
)
"""What is in use: the mapping each CRM's rows were planned with, pauses, batch sizes."""

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
    _event_id(primary_key=True),
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
    _event_id(primary_key=True),
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
    _message_id(primary_key=True),
    Column("number", String, index=True),
    Column("our_address", String),
)
"""Personal data of messages: the person's number, and which of our addresses it met."""

message_aliases = Table(
    "message_aliases",
    metadata,
    Column("alias", String, primary_key=True),
    _message_id(nullable=False, index=True),
)
"""Every name a text goes by: `provider:account:id`, and our key."""

matches = Table(
    "matches",
    metadata,
    _message_id(primary_key=True),
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

people = Table(
    "people",
    metadata,
    Column("crm", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("object", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("owner_id", String),
    Column("account_id", String),
    Column("opted_out", Boolean),
    Column("modified_at", Instant, nullable=False),
    Column("deleted", Boolean, nullable=False, server_default=false()),
    Column("became", String),
    Column("covered", Boolean, nullable=False, server_default=true()),
    Column("fields", JSON, nullable=False),
    Index(
        "ix_people_became",
        "crm",
        "became",
        sqlite_where=text("became IS NOT NULL"),
        postgresql_where=text("became IS NOT NULL"),
    ),
)
"""People as last pulled; `became` is the record that took the place of one that is gone."""

carried_opt_outs = Table(
    "carried_opt_outs",
    metadata,
    Column("crm", String, primary_key=True),
    Column("person_id", String, primary_key=True),
    Column("at", Instant, nullable=False),
)
"""Who took a no over that somebody had set by hand on a record that became theirs."""

phones = Table(
    "phones",
    metadata,
    Column("crm", String, primary_key=True),
    Column("person_id", String, primary_key=True),
    Column("e164", String, primary_key=True),
    Index(None, "crm", "e164", "person_id"),
)

unparsed_phones = Table(
    "unparsed_phones",
    metadata,
    Column("crm", String, primary_key=True),
    Column("person_id", String, primary_key=True),
    Column("field", String, primary_key=True),
    Column("object", String, nullable=False),
    Column("shown", String, nullable=False),
    Index(None, "crm", "object", "field", "person_id"),
)
"""Phones of people that are no number; `shown` is what somebody typed, its digits hidden."""

owners = Table(
    "owners",
    metadata,
    Column("crm", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("email", String),
    Column("active", Boolean, nullable=False),
    Column("modified_at", Instant, nullable=False),
)

opportunities = Table(
    "opportunities",
    metadata,
    Column("crm", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("account_id", String),
    Column("owner_id", String),
    Column("stage", String),
    Column("amount", Float),
    Column("close_date", Date),
    Column("open", Boolean, nullable=False),
    Column("won", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("modified_at", Instant, nullable=False),
    Index(None, "crm", "account_id"),
)

roles = Table(
    "roles",
    metadata,
    Column("crm", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("opportunity_id", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("role", String),
    Column("primary", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("modified_at", Instant, nullable=False),
    Index(None, "crm", "person_id"),
    Index(None, "crm", "opportunity_id"),
)

stages = Table(
    "stages",
    metadata,
    Column("crm", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("opportunity_id", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("modified_at", Instant, nullable=False),
    Column("stage", String),
    Column("amount", Float),
    Column("close_date", Date),
    Column("probability", Float),
    Column("closed", Boolean),
    Column("won", Boolean),
    Index(None, "crm", "opportunity_id", "at"),
)
"""How each opportunity stood from when on, of all opportunities, closed ones too. Every row that
the CRM has, as one that comes late may divide two that are alike: `stages_of` leaves out those that
changed nothing."""

watermarks = Table(
    "watermarks",
    metadata,
    Column("crm", String, primary_key=True),
    Column("part", String, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("pulled_at", Instant, nullable=False),
)
"""How far each pull came, in the CRM's own time, and when."""

lookups = Table(
    "lookups",
    metadata,
    Column("crm", String, primary_key=True),
    Column("number_digest", String, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("alike", JSON, nullable=False),
    Index(None, "crm", "at"),
)
"""When a CRM was last asked for a number that nobody was known to hold, by keyed digest; `alike`
are ids of people whose phone looks like it, as it is typed there."""

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("crm", String, nullable=False),
    Column("object", String, nullable=False),
    Column("key", String, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("key_field", String),
    Column("create_only", Boolean, nullable=False, server_default=false()),
    Column("partition", String, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("starred", JSON, nullable=False),
    _message_id(),
    Column("state", String, nullable=False, server_default="waiting"),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("holder", String),
    Column("lease_until", Instant),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("maybe", Boolean, nullable=False, server_default=false()),
    Column("rewrite_at", Instant),
    Column("sent", JSON),
    Column("reason", String),
    Column("detail", Text),
    UniqueConstraint("crm", "object", "key", "lane"),
    Index("ix_outbox_turn", "crm", "state", "lane", "not_before"),
    Index("ix_outbox_partition", "crm", "partition"),
    Index("ix_outbox_message_id", "message_id"),
)
"""Desired records that the CRM does not have yet.

`due_at` is when its window ends, `not_before` when its back-off does. `sent` holds, by field, the
values that requests without a clear outcome may have written. `rewrite_at` is when no late writer
can be under way any more.
"""

crm_records = Table(
    "crm_records",
    metadata,
    Column("crm", String, primary_key=True),
    Column("object", String, primary_key=True),
    Column("key", String, primary_key=True, index=True),
    Column("crm_id", String, nullable=False),
    Column("written", JSON, nullable=False),
    Column("left_out", JSON(none_as_null=True)),
    Index(
        "ix_crm_records_left_out",
        "crm",
        "object",
        "key",
        sqlite_where=text("left_out IS NOT NULL"),
        postgresql_where=text("left_out IS NOT NULL"),
    ),
)
"""What we know of records in the CRM: the id, the values we last wrote, and which fields they went
without."""

requests = Table(
    "requests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("crm", String, nullable=False),
    Column("worker", String, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("crm_at", Instant),
    Column("rows", Integer, nullable=False),
    Column("calls", Integer),
    Column("done", Integer),
    Column("unclear", Integer),
    Column("parked", Integer),
    Index(None, "crm", "id"),
    Index(None, "crm", "started_at"),
)
"""One row for each turn at writing to a CRM, opened before its requests leave; its id is the holder
of the rows it leases."""
