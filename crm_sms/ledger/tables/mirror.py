"""The mirror: what each CRM last said of its people and their deals, and how far each pull came."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    Index,
    String,
    Table,
    false,
    text,
    true,
)

from crm_sms.ledger.tables.base import metadata
from crm_sms.ledger.types import Instant

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
