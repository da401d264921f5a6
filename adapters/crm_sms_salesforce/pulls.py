"""What changed in the org: which columns each part of the mirror takes and the rows they become."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from crm_sms.errors import AccessRefused
from crm_sms.records import (
    Columns,
    MirrorPart,
    MirrorRow,
    ObjectDescription,
    Opportunity,
    Owner,
    OwnTask,
    Page,
    Person,
    Phone,
    Pull,
    Role,
    Scalar,
)
from crm_sms_salesforce.rest import Rest
from crm_sms_salesforce.soql import select_changed
from crm_sms_salesforce.stages import FIELDS as STAGE_FIELDS
from crm_sms_salesforce.stages import stage, with_ends
from crm_sms_salesforce.values import distinct, instant, optional, scalars

Record = Mapping[str, Scalar]

_ALWAYS = ("Id", "SystemModstamp", "IsDeleted")

_BECAME = ("MasterRecordId", "ConvertedContactId")
"""What names the record that took this one's place: the master of a merge, a lead's contact."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a part comes from. `fields` are those wanted; a hidden one is left out. `completed`
    adds to the pages what stands elsewhere."""

    object: str
    fields: tuple[str, ...]
    row: Callable[[Record], MirrorRow]
    having: str | None = None
    completed: Callable[[Rest, Iterator[Page]], Iterator[Page]] = lambda rest, pages: pages


def source_of(pull: Pull) -> Source:
    """The object, columns and rows of a pull."""
    if pull.part is MirrorPart.PEOPLE:
        assert pull.columns is not None
        return _people(pull.columns)
    if pull.part is MirrorPart.TASKS:
        assert pull.key_field is not None
        return _tasks(pull.key_field)
    return _SOURCES[pull.part]


def statement(
    source: Source, description: ObjectDescription, pull: Pull, *, in_order: bool = True
) -> str:
    """The query of a pull; columns that our user does not see are never selected.

    Raises AccessRefused if it does not see the one that tells which rows are wanted.
    """
    visible = {name.casefold() for name in description.fields}
    if source.having and source.having.casefold() not in visible:
        remedy = "make the field, or give the run-as user's permission set read access"
        raise AccessRefused(f"our user does not see {source.object}.{source.having}: {remedy}")
    wanted = distinct(names_of(source))
    fields = [name for name in wanted if name.casefold() in visible]
    return select_changed(source.object, fields, pull.since, source.having, in_order=in_order)


def names_of(source: Source) -> tuple[str, ...]:
    """Every name that a row is made of."""
    return (*_ALWAYS, *source.fields)


def pages(rest: Rest, source: Source, soql: str) -> Iterator[Page]:
    """The pages of a pull, in the order of change."""
    return source.completed(rest, _pages(rest, source, soql))


def _pages(rest: Rest, source: Source, soql: str) -> Iterator[Page]:
    names = names_of(source)
    for page in rest.pages(soql):
        rows = tuple(source.row(scalars(record, names)) for record in page["records"])
        yield Page(rows, total=page.get("totalSize"))


def _people(columns: Columns) -> Source:
    opt_out = (columns.opt_out,) if columns.opt_out else ()
    own = ("Name", "OwnerId", "AccountId", "IsConverted", *_BECAME)
    return Source(
        columns.object,
        (*own, *columns.phones, *opt_out, *columns.further),
        lambda record: _person(columns, record),
    )


def _person(columns: Columns, record: Record) -> Person:
    flag = record.get(columns.opt_out) if columns.opt_out else None
    gone = bool(record.get("IsDeleted") or record.get("IsConverted"))
    became = (_text(record, name) for name in _BECAME if gone and record.get(name))
    return Person(
        object=columns.object,
        id=str(record["Id"]),
        kind=columns.kind,
        modified_at=_modified(record),
        name=str(record.get("Name") or ""),
        owner_id=_text(record, "OwnerId"),
        account_id=_text(record, "AccountId"),
        phones=tuple(Phone(name, str(record[name])) for name in columns.phones if record.get(name)),
        opted_out=None if flag is None else bool(flag),
        fields={name: record[name] for name in columns.further if name in record},
        deleted=gone,
        became=next(became, None),
    )


def _owner(record: Record) -> Owner:
    return Owner(
        id=str(record["Id"]),
        name=str(record.get("Name") or ""),
        modified_at=_modified(record),
        email=_text(record, "Email"),
        active=bool(record.get("IsActive", True)),
    )


def _opportunity(record: Record) -> Opportunity:
    return Opportunity(
        id=str(record["Id"]),
        name=str(record.get("Name") or ""),
        modified_at=_modified(record),
        account_id=_text(record, "AccountId"),
        owner_id=_text(record, "OwnerId"),
        stage=_text(record, "StageName"),
        amount=optional(float, record.get("Amount")),
        close_date=optional(date.fromisoformat, record.get("CloseDate")),
        open=not record.get("IsClosed"),
        won=bool(record.get("IsWon")),
        deleted=bool(record.get("IsDeleted")),
    )


def _role(record: Record) -> Role:
    return Role(
        id=str(record["Id"]),
        opportunity_id=str(record["OpportunityId"]),
        person_id=str(record["ContactId"]),
        modified_at=_modified(record),
        role=_text(record, "Role"),
        primary=bool(record.get("IsPrimary")),
        deleted=bool(record.get("IsDeleted")),
    )


def _tasks(key_field: str) -> Source:
    def row(record: Record) -> OwnTask:
        return OwnTask(
            id=str(record["Id"]),
            key=str(record[key_field]),
            modified_at=_modified(record),
            closed=bool(record.get("IsClosed")),
            deleted=bool(record.get("IsDeleted")),
        )

    return Source("Task", (key_field, "IsClosed"), row, having=key_field)


_SOURCES: Mapping[MirrorPart, Source] = {
    MirrorPart.OWNERS: Source("User", ("Name", "Email", "IsActive"), _owner),
    MirrorPart.OPPORTUNITIES: Source(
        "Opportunity",
        ("Name", "AccountId", "OwnerId", "StageName", "Amount", "CloseDate", "IsClosed", "IsWon"),
        _opportunity,
    ),
    MirrorPart.ROLES: Source(
        "OpportunityContactRole", ("OpportunityId", "ContactId", "Role", "IsPrimary"), _role
    ),
    MirrorPart.STAGES: Source("OpportunityHistory", STAGE_FIELDS, stage, completed=with_ends),
}


def _text(record: Record, name: str) -> str | None:
    value = record.get(name)
    return None if value is None else str(value)


def _modified(record: Record) -> Any:
    return instant(str(record["SystemModstamp"]))
