"""OpportunityHistory: how deals came to where they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

from crm_sms.records import Page, Scalar, Stage
from crm_sms_salesforce.faults import HIDDEN, ApiError
from crm_sms_salesforce.rest import Rest
from crm_sms_salesforce.soql import select_changed
from crm_sms_salesforce.values import instant, optional, scalars

FIELDS = ("OpportunityId", "CreatedDate", "StageName", "Amount", "CloseDate", "Probability")

_STAGE_FIELDS = ("MasterLabel", "ApiName", "IsClosed", "IsWon")

Ends = Mapping[Scalar, tuple[bool, bool]]
"""By the name of a stage: whether it is closed, and whether it is won."""


def stage(record: Mapping[str, Scalar]) -> Stage:
    """A row of OpportunityHistory, which does not say itself whether its stage is closed."""
    return Stage(
        id=str(record["Id"]),
        opportunity_id=str(record["OpportunityId"]),
        at=instant(str(record["CreatedDate"])),
        modified_at=instant(str(record["SystemModstamp"])),
        stage=optional(str, record.get("StageName")),
        amount=optional(float, record.get("Amount")),
        close_date=optional(date.fromisoformat, record.get("CloseDate")),
        probability=optional(float, record.get("Probability")),
    )


def with_ends(rest: Rest, pages: Iterator[Page]) -> Iterator[Page]:
    """The same pages with what the org's list of stages says of each, which costs one call unless
    there is nothing; a list that our user does not see says nothing."""
    ends: Ends | None = None
    for page in pages:
        if ends is None and page.rows:
            ends = _ends(rest)
        yield replace(page, rows=tuple(_ended(row, ends or {}) for row in page.rows))


def _ended(row: object, ends: Ends) -> Stage:
    assert isinstance(row, Stage)
    closed, won = ends.get(row.stage, (None, None))
    return replace(row, closed=closed, won=won)


def _ends(rest: Rest) -> Ends:
    asked = select_changed("OpportunityStage", _STAGE_FIELDS, since=None)
    found: dict[Scalar, tuple[bool, bool]] = {}
    try:
        for page in rest.pages(asked):
            for record in page["records"]:
                held = scalars(record, _STAGE_FIELDS)
                flags = bool(held["IsClosed"]), bool(held["IsWon"])
                found |= {held["MasterLabel"]: flags, held["ApiName"]: flags}
    except ApiError as error:
        if not error.codes & HIDDEN:
            raise
    return found
