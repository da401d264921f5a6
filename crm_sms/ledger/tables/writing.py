"""What a CRM should hold, what it is known to hold, and the requests between; what is in use."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from crm_sms.ledger.tables.base import message_id, metadata
from crm_sms.ledger.types import Id, Instant

meta = Table(
    "meta",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", JSON, nullable=False),
)
"""What is in use: the mapping each CRM's rows were planned with, pauses, batch sizes."""

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
    message_id(),
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
