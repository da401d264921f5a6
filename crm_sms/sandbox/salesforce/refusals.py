"""How the org says no: to a whole request, or to one row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Refused(Exception):
    """One row, or the request it stands for, is not accepted.

    `status` is the HTTP status where a single record is refused; in a collection the row carries
    the code and the request is a 200.
    """

    def __init__(self, code: str, message: str, fields: Iterable[str] = (), status: int = 400):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = list(fields)
        self.status = status

    def as_top_level(self) -> list[dict[str, Any]]:
        """The body of a refused request: a list, with `errorCode`."""
        return [{"message": self.message, "errorCode": self.code, "fields": self.fields}]

    def as_row(self) -> dict[str, Any]:
        """What a row of a collection says: `statusCode`, and always `fields`."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields}


class RequestRefused(Refused):
    """The whole request is not accepted, whatever its rows."""

    def as_top_level(self) -> list[dict[str, Any]]:
        """`fields` only where there are some."""
        (error,) = super().as_top_level()
        return [{name: value for name, value in error.items() if value != []}]


def not_found(message: str = "The requested resource does not exist") -> RequestRefused:
    """404."""
    return RequestRefused("NOT_FOUND", message, status=404)


def no_such_column(name: str, object_name: str) -> Refused:
    """A field that is not there, or that field-level security hides."""
    return Refused(
        "INVALID_FIELD", f"No such column '{name}' on sobject of type {object_name}", [name]
    )
