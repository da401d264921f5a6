"""the ledger as first released."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import crm_sms.ledger.types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assignments",
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("number_digest", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("crm", "number_digest", name=op.f("pk_assignments")),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("task_key", sa.String(), nullable=False),
        sa.Column("started_at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("closed_at", crm_sms.ledger.types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint("crm", "task_key", name=op.f("uq_conversations_crm_task_key")),
    )
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_conversations_crm_person_id"), ["crm", "person_id"], unique=False
        )

    op.create_table(
        "crm_records",
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("crm_id", sa.String(), nullable=False),
        sa.Column("written", sa.JSON(), nullable=False),
        sa.Column("left_out", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("crm", "object", "key", name=op.f("pk_crm_records")),
    )
    with op.batch_alter_table("crm_records", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_crm_records_key"), ["key"], unique=False)
        batch_op.create_index(
            "ix_crm_records_left_out",
            ["crm", "object", "key"],
            unique=False,
            sqlite_where=sa.text("left_out IS NOT NULL"),
            postgresql_where=sa.text("left_out IS NOT NULL"),
        )

    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("message_key", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("provider_status", sa.String(), nullable=True),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("error_class", sa.String(), nullable=True),
        sa.Column("occurred_at", crm_sms.ledger.types.Instant(), nullable=True),
        sa.Column("sent_at", crm_sms.ledger.types.Instant(), nullable=True),
        sa.Column("received_at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=True),
        sa.Column("media_count", sa.Integer(), nullable=True),
        sa.Column("price", sa.Float(), nullable=True),
        sa.Column("opt_out_type", sa.String(), nullable=True),
        sa.Column("clicked_at", crm_sms.ledger.types.Instant(), nullable=True),
        sa.Column("click_class", sa.String(), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=True),
        sa.Column("verified", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint(
            "provider", "account", "key", name=op.f("uq_events_provider_account_key")
        ),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_events_text"), ["text"], unique=False)
        batch_op.create_index(
            "ix_events_unverified",
            ["received_at"],
            unique=False,
            sqlite_where=sa.text("verified = 0"),
            postgresql_where=sa.text("NOT verified"),
        )

    op.create_table(
        "messages",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("tie", sa.String(), nullable=False),
        sa.Column("thread", sa.String(), nullable=True),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("conflict", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("occurred_at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("received_at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("sent_at", crm_sms.ledger.types.Instant(), nullable=True),
        sa.Column("first_clicked_at", crm_sms.ledger.types.Instant(), nullable=True),
        sa.Column("last_clicked_at", crm_sms.ledger.types.Instant(), nullable=True),
        sa.Column("click_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("replied_at", crm_sms.ledger.types.Instant(), nullable=True),
        sa.Column("response_seconds", sa.Integer(), nullable=True),
        sa.Column("verified", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("key", name=op.f("uq_messages_key")),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_messages_thread"), ["thread"], unique=False)

    op.create_table(
        "meta",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )
    op.create_table(
        "opportunities",
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=True),
        sa.Column("owner_id", sa.String(), nullable=True),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("amount", sa.Float(), nullable=True),
        sa.Column("close_date", sa.Date(), nullable=True),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("won", sa.Boolean(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("modified_at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("crm", "id", name=op.f("pk_opportunities")),
    )
    with op.batch_alter_table("opportunities", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_opportunities_crm_account_id"), ["crm", "account_id"], unique=False
        )

    op.create_table(
        "owners",
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("modified_at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("crm", "id", name=op.f("pk_owners")),
    )
    op.create_table(
        "people",
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=True),
        sa.Column("account_id", sa.String(), nullable=True),
        sa.Column("opted_out", sa.Boolean(), nullable=True),
        sa.Column("modified_at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("became", sa.String(), nullable=True),
        sa.Column("covered", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("crm", "id", name=op.f("pk_people")),
    )
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.create_index(
            "ix_people_became",
            ["crm", "became"],
            unique=False,
            sqlite_where=sa.text("became IS NOT NULL"),
            postgresql_where=sa.text("became IS NOT NULL"),
        )

    op.create_table(
        "carried_opt_outs",
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("crm", "person_id", name=op.f("pk_carried_opt_outs")),
    )
    op.create_table(
        "phones",
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("e164", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("crm", "person_id", "e164", name=op.f("pk_phones")),
    )
    with op.batch_alter_table("phones", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_phones_crm_e164_person_id"), ["crm", "e164", "person_id"], unique=False
        )

    op.create_table(
        "requests",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("started_at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("ended_at", crm_sms.ledger.types.Instant(), nullable=True),
        sa.Column("crm_at", crm_sms.ledger.types.Instant(), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=True),
        sa.Column("unclear", sa.Integer(), nullable=True),
        sa.Column("parked", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
    )
    with op.batch_alter_table("requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_requests_crm_id"), ["crm", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_requests_crm_started_at"), ["crm", "started_at"], unique=False
        )

    op.create_table(
        "roles",
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("opportunity_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("primary", sa.Boolean(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("modified_at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("crm", "id", name=op.f("pk_roles")),
    )
    with op.batch_alter_table("roles", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_roles_crm_opportunity_id"), ["crm", "opportunity_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_roles_crm_person_id"), ["crm", "person_id"], unique=False
        )

    op.create_table(
        "stages",
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("opportunity_id", sa.String(), nullable=False),
        sa.Column("at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("modified_at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("amount", sa.Float(), nullable=True),
        sa.Column("close_date", sa.Date(), nullable=True),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=True),
        sa.Column("won", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("crm", "id", name=op.f("pk_stages")),
    )
    with op.batch_alter_table("stages", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_stages_crm_opportunity_id_at"),
            ["crm", "opportunity_id", "at"],
            unique=False,
        )

    op.create_table(
        "suppressions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number_digest", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("event_key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
        sa.UniqueConstraint(
            "provider",
            "account",
            "event_key",
            name=op.f("uq_suppressions_provider_account_event_key"),
        ),
    )
    with op.batch_alter_table("suppressions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_suppressions_number_digest"), ["number_digest"], unique=False
        )

    op.create_table(
        "unparsed_phones",
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("shown", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("crm", "person_id", "field", name=op.f("pk_unparsed_phones")),
    )
    with op.batch_alter_table("unparsed_phones", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_unparsed_phones_crm_object_field_person_id"),
            ["crm", "object", "field", "person_id"],
            unique=False,
        )

    op.create_table(
        "lookups",
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("number_digest", sa.String(), nullable=False),
        sa.Column("at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("alike", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("crm", "number_digest", name=op.f("pk_lookups")),
    )
    with op.batch_alter_table("lookups", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lookups_crm_at"), ["crm", "at"], unique=False)

    op.create_table(
        "watermarks",
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("pulled_at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("crm", "part", name=op.f("pk_watermarks")),
    )
    op.create_table(
        "event_data",
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sender", sa.String(), nullable=True),
        sa.Column("sender_e164", sa.String(), nullable=True),
        sa.Column("recipient", sa.String(), nullable=True),
        sa.Column("recipient_e164", sa.String(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("media", sa.JSON(), nullable=True),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("raw_type", sa.String(), nullable=True),
        sa.Column("raw_query", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_event_data_event_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event_data")),
    )
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("since", crm_sms.ledger.types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_inbox_event_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_inbox")),
    )
    op.create_table(
        "matches",
        sa.Column(
            "message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=True),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("opportunity_id", sa.String(), nullable=True),
        sa.Column("opportunity_rule", sa.String(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=True),
        sa.Column(
            "conversation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("given", sa.String(), nullable=True),
        sa.Column("waited_outside", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("origin_id", sa.String(), nullable=True),
        sa.Column("origin", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_matches_conversation_id")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_matches_message_id")
        ),
        sa.PrimaryKeyConstraint("message_id", "crm", name=op.f("pk_matches")),
    )
    with op.batch_alter_table("matches", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_matches_conversation_id"), ["conversation_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_matches_crm_given"), ["crm", "given"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_matches_crm_opportunity_id"), ["crm", "opportunity_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_matches_crm_origin_id"), ["crm", "origin_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_matches_crm_person_id"), ["crm", "person_id"], unique=False
        )

    op.create_table(
        "message_aliases",
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column(
            "message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_message_aliases_message_id")
        ),
        sa.PrimaryKeyConstraint("alias", name=op.f("pk_message_aliases")),
    )
    with op.batch_alter_table("message_aliases", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_message_aliases_message_id"), ["message_id"], unique=False
        )

    op.create_table(
        "message_data",
        sa.Column(
            "message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("our_address", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_message_data_message_id")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_message_data")),
    )
    with op.batch_alter_table("message_data", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_data_number"), ["number"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("crm", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("key_field", sa.String(), nullable=True),
        sa.Column("create_only", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("partition", sa.String(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("starred", sa.JSON(), nullable=False),
        sa.Column(
            "message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("state", sa.String(), server_default="waiting", nullable=False),
        sa.Column("created_at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("due_at", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("not_before", crm_sms.ledger.types.Instant(), nullable=False),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("lease_until", crm_sms.ledger.types.Instant(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("maybe", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("rewrite_at", crm_sms.ledger.types.Instant(), nullable=True),
        sa.Column("sent", sa.JSON(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_outbox_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint(
            "crm", "object", "key", "lane", name=op.f("uq_outbox_crm_object_key_lane")
        ),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_message_id", ["message_id"], unique=False)
        batch_op.create_index("ix_outbox_partition", ["crm", "partition"], unique=False)
        batch_op.create_index(
            "ix_outbox_turn", ["crm", "state", "lane", "not_before"], unique=False
        )
