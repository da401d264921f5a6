"""What all tables share: their metadata, and columns that stand in several."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    MetaData,
)

from crm_sms.ledger.types import Id

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def event_id(**options: Any) -> Column[int]:
    """The event that a row belongs to."""
    return Column("event_id", Id, ForeignKey("events.id"), **options)


def message_id(**options: Any) -> Column[int]:
    """The message that a row belongs to."""
    return Column("message_id", Id, ForeignKey("messages.id"), **options)
