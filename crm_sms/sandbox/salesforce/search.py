"""Answers a search: phone numbers by their digits, over several objects at once."""

from __future__ import annotations

from functools import partial
from typing import Any

from crm_sms.sandbox.salesforce import query as queries
from crm_sms.sandbox.salesforce import sosl
from crm_sms.sandbox.salesforce.calls import Answer, Call
from crm_sms.sandbox.salesforce.desk import Desk
from crm_sms.sandbox.salesforce.numbers import digits
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.refusals import RequestRefused
from crm_sms.sandbox.salesforce.schema import SObject
from crm_sms.sandbox.salesforce.table import Row


def search(desk: Desk, call: Call) -> Answer:
    """Records object by object, in the order that RETURNING names them."""
    text = call.params.get("q")
    if not text:
        raise RequestRefused("MALFORMED_SEARCH", "A search string has to be specified")
    asked = sosl.parse(text)
    records: list[dict[str, Any]] = []
    for wanted in asked.returning:
        obj = desk.org.access.object(wanted.object)
        found = [] if obj is None or asked.wanted is None else _found(desk.org, obj, asked.wanted)
        result = queries.answer(desk.org, wanted, among=found)
        records += queries.records(desk.org, result, result.rows, call.base)
    return Answer(body={"searchRecords": records[: asked.limit]})


def _found(org: Org, obj: SObject, wanted: sosl.Wanted) -> list[Row]:
    """Rows in the order of their ids; a person account is found as an account only."""
    table = org.tables[obj.name]
    rows = [table.rows[one] for one in sorted(_ids(org, obj, wanted))]
    if obj.name != "Contact":
        return rows
    return [row for row in rows if not row.get("IsPersonAccount")]


def _ids(org: Org, obj: SObject, wanted: sosl.Wanted) -> set[str]:
    find = partial(_ids, org, obj)
    match wanted:
        case sosl.Either(items):
            return set().union(*map(find, items))
        case sosl.Every(items, but_not):
            return set.intersection(*map(find, items)).difference(*map(find, but_not))
    number = digits(wanted.text)
    if not number:
        return set()
    seen = org.access.fields(obj)
    places = org.tables[obj.name].numbers().find(number, prefix=wanted.prefix)
    return {record_id for record_id, field in places if field in seen}
