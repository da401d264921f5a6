"""What a path in a query means: the field it ends in, and how to read it from a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

from crm_sms.sandbox.salesforce.clauses import pointer
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.refusals import RequestRefused
from crm_sms.sandbox.salesforce.schema import Field, SObject
from crm_sms.sandbox.salesforce.syntax import Path
from crm_sms.sandbox.salesforce.table import Row

MAX_STEPS = 5
"""Parents upwards that one path may climb."""

_OF_ANY_KIND = SObject(
    "Name",
    "",
    "Name",
    "Names",
    {
        "Id": Field("Id", "id", "Name ID", 18, case_sensitive=True),
        "Name": Field("Name", "string", "Name", 255),
        "Type": Field("Type", "picklist", "Type", 40),
        "FirstName": Field("FirstName", "string", "First Name", 40),
        "LastName": Field("LastName", "string", "Last Name", 80),
        "Email": Field("Email", "email", "Email", 80),
        "Phone": Field("Phone", "phone", "Phone", 40),
        "Title": Field("Title", "string", "Title", 128),
        "Username": Field("Username", "string", "Username", 80),
        "IsActive": Field("IsActive", "boolean", "Active"),
    },
)
"""What is known of a parent that may be of several kinds (`Who`, `What`)."""


@dataclass(frozen=True, slots=True)
class Column:
    """A resolved path: `parts` in the spelling of the describe, `steps` the references climbed."""

    path: Path
    parts: tuple[str, ...]
    steps: tuple[str, ...]
    field: Field
    get: Callable[[Row], Any]
    parents: Callable[[Row], list[Row | None]]


def resolve(org: Org, obj: SObject, path: Path, text: str) -> Column:
    """The column of a path from `obj`, or RequestRefused as Salesforce refuses it."""
    at = obj
    parts: list[str] = []
    steps: list[str] = []
    for name in path.parts[:-1]:
        field = at.relation(name)
        if field is None or not _leads_on(org, at, field) or len(steps) == MAX_STEPS:
            raise _no_relationship(path, name, text)
        parts.append(str(field.relationship))
        steps.append(field.name)
        at = org.schema[field.to[0]] if len(field.to) == 1 else _OF_ANY_KIND
    last = at.field(path.parts[-1])
    if last is None or (at is not _OF_ANY_KIND and last.name not in org.access.fields(at)):
        raise _no_column(path, at, text)
    parents = _climber(org, steps)
    get = _getter(org, parents, last.name, at) if steps else methodcaller("get", last.name)
    return Column(path, (*parts, last.name), tuple(steps), last, get, parents)


def _leads_on(org: Org, at: SObject, field: Field) -> bool:
    """Whether the user sees the reference, and an object that it leads to."""
    seen = any(org.access.object(name) for name in field.to)
    return seen and field.name in org.access.fields(at)


def _climber(org: Org, steps: list[str]) -> Callable[[Row], list[Row | None]]:
    """The parents on the way up, None from the first that is not there."""

    def climb(row: Row) -> list[Row | None]:
        here: Row | None = row
        met = []
        for step in steps:
            here = org.row(here.get(step, "")) if here else None
            if here is not None and not org.access.sees(here["Id"]):
                here = None
            met.append(here)
        return met

    return climb


def _getter(
    org: Org, parents: Callable[[Row], list[Row | None]], name: str, at: SObject
) -> Callable[[Row], Any]:
    of_any_kind = at is _OF_ANY_KIND and name == "Type"

    def read(row: Row) -> Any:
        parent = parents(row)[-1]
        if parent is None:
            return None
        return getattr(org.object_of(parent["Id"]), "name", "") if of_any_kind else parent.get(name)

    return read


def _no_column(path: Path, at: SObject, text: str) -> RequestRefused:
    return RequestRefused(
        "INVALID_FIELD",
        f"{pointer(text, path.line, path.column)}No such column '{path.parts[-1]}' on entity "
        f"'{at.name}'. If you are attempting to use a custom field, be sure to append the '__c' "
        "after the custom field name. Please reference your WSDL or the describe call for the "
        "appropriate names.",
    )


def _no_relationship(path: Path, name: str, text: str) -> RequestRefused:
    return RequestRefused(
        "INVALID_FIELD",
        f"{pointer(text, path.line, path.column)}Didn't understand relationship '{name}' in field "
        "path. If you are attempting to use a custom relationship, be sure to append the '__r' "
        "after the custom relationship name. Please reference your WSDL or the describe call for "
        "the appropriate names.",
    )
