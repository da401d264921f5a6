"""Column types that SQLite and PostgreSQL share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Id = BigInteger().with_variant(Integer, "sqlite")
"""A row's number; SQLite numbers by itself only what is spelt INTEGER."""


def microseconds(instant: datetime | None) -> int | None:
    """An instant as `Instant` stores it. Refuses a naive datetime: it is not an instant."""
    if instant is None:
        return None
    if instant.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return (instant - EPOCH) // _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """A UTC instant as whole microseconds since 1970: exact and ordered on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Refuses a naive datetime."""
        return microseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Always with the UTC zone."""
        return None if value is None else EPOCH + timedelta(microseconds=int(value))
