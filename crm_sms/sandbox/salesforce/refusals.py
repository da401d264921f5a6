"""How the org says no: to a whole request, to one row, or to all rows that a trigger saw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Refused(Exception):
    """One row, or the request it stands for, is not accepted.

    `status` is the HTTP status where a single record is refused; in a collection the row carries
    the code and the request is a 200. `also` are further reasons of the same row.
    """

    def __init__(
        self,
        code: str,
        message: str,
        fields: Iterable[str] = (),
        status: int = 400,
        also: Iterable[Refused] = (),
    ):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = list(fields)
        self.status = status
        self.also = tuple(also)

    def as_top_level(self) -> list[dict[str, Any]]:
        """The body of a refused request: a list, with `errorCode`."""
        return [one.body() for one in (self, *self.also)]

    def body(self) -> dict[str, Any]:
        """This reason alone, as a refused request tells it."""
        return {"message": self.message, "errorCode": self.code, "fields": self.fields}

    def as_row(self) -> list[dict[str, Any]]:
        """The `errors` of a collection's row: `statusCode`, and always `fields`."""
        return [
            {"statusCode": one.code, "message": one.message, "fields": one.fields}
            for one in (self, *self.also)
        ]


class RequestRefused(Refused):
    """The whole request is not accepted, whatever its rows."""

    def body(self) -> dict[str, Any]:
        """`fields` only where there are some."""
        return {name: value for name, value in super().body().items() if value != []}


class ChunkRefused(Refused):
    """A trigger failed, and with it every row of one object that was saved together with this."""


class DuplicatesDetected(Refused):
    """A duplicate rule found a record like this; `found` is told where one record was refused.

    The key is spelt as orgs spell it.
    """

    def __init__(self, message: str, found: dict[str, Any]):
        super().__init__("DUPLICATES_DETECTED", message)
        self.found = found

    def body(self) -> dict[str, Any]:
        """No `fields`; the records that were found instead."""
        return {
            "duplicateResut": self.found,
            "errorCode": self.code,
            "message": self.message,
        }


def not_found(message: str = "The requested resource does not exist") -> RequestRefused:
    """404."""
    return RequestRefused("NOT_FOUND", message, status=404)


def no_such_column(name: str, object_name: str) -> Refused:
    """A field that is not there, or that field-level security hides."""
    return Refused(
        "INVALID_FIELD", f"No such column '{name}' on sobject of type {object_name}", [name]
    )


def no_access() -> Refused:
    """A record that our user may see but not edit."""
    return Refused(
        "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", status=403
    )
