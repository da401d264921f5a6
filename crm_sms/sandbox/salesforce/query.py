"""Answers a query: the cheapest way to the rows, then filter, order, limit, pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from crm_sms.sandbox.salesforce import soql, syntax
from crm_sms.sandbox.salesforce.clauses import pointer
from crm_sms.sandbox.salesforce.columns import Column, resolve
from crm_sms.sandbox.salesforce.filters import Filter
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.refusals import RequestRefused
from crm_sms.sandbox.salesforce.schema import SObject
from crm_sms.sandbox.salesforce.table import Row, Table


@dataclass(frozen=True, slots=True)
class Result:
    """The rows of a query as they were when it ran; `columns` is empty for COUNT()."""

    object: SObject
    columns: tuple[Column, ...]
    rows: Sequence[Row]


def run(org: Org, text: str, *, deleted: bool) -> Result:
    """Runs a query; `deleted` takes the recycle bin in. Raises RequestRefused."""
    return answer(org, soql.parse(text), deleted=deleted)


def answer(
    org: Org,
    query: syntax.Query,
    *,
    deleted: bool = False,
    patient: bool = False,
    among: Sequence[Row] | None = None,
) -> Result:
    """The same for a tree.

    `among` are the only rows to choose from, in their order. A `patient` query takes its time.
    """
    obj = org.access.object(query.object)
    if obj is None:
        raise RequestRefused(
            "INVALID_TYPE",
            f"{pointer(query.text, 1, 1)}sObject type '{query.object}' is not supported. If you "
            "are attempting to use a custom object, be sure to append the '__c' after the entity "
            "name. Please reference your WSDL or the describe call for the appropriate names.",
        )
    columns = tuple(resolve(org, obj, path, query.text) for path in query.fields)
    _check_doubles(columns)
    where = Filter(org, obj, query.text)
    candidates, by_stamp = (
        _candidates(where, org.tables[obj.name], query.where) if among is None else (among, False)
    )
    scanned = None if patient else org.access.setup.scanned
    seen = _looked_at(org, candidates, scanned)
    alive = seen if deleted else (row for row in seen if not row.get("IsDeleted"))
    return Result(obj, columns, _rows(where, query, alive, by_stamp=by_stamp))


def _check_doubles(columns: tuple[Column, ...]) -> None:
    seen: set[tuple[str, ...]] = set()
    for column in columns:
        if column.parts in seen:
            raise RequestRefused("INVALID_FIELD", f"duplicate field selected: {column.path}")
        seen.add(column.parts)


def _rows(
    where: Filter, query: syntax.Query, candidates: Iterable[Row], *, by_stamp: bool
) -> list[Row]:
    test = None if query.where is None else where.compile(query.where)
    order = [(_sortable(where, item), item) for item in query.order]
    passing = candidates if test is None else filter(test, candidates)
    stop = None if query.limit is None else query.offset + query.limit
    if not order or (by_stamp and _is_stamp_order(order)):
        return list(islice(passing, query.offset, stop))
    return _ordered(list(passing), order)[query.offset : stop]


def _looked_at(org: Org, rows: Iterable[Row], scanned: int | None) -> Iterable[Row]:
    """The rows that sharing shows, as far as the query comes in its time."""
    if scanned is not None:
        rows = _within(scanned, rows)
    if org.access.sees_all():
        return rows
    return (row for row in rows if org.access.sees(row["Id"]))


def _within(most: int, rows: Iterable[Row]) -> Iterator[Row]:
    for position, row in enumerate(rows):
        if position >= most:
            raise RequestRefused("QUERY_TIMEOUT", "Your query request was running for too long.")
        yield row


def _sortable(where: Filter, item: syntax.Ordering) -> Column:
    column = resolve(where.org, where.object, item.path, where.text)
    if not column.field.filterable:
        raise RequestRefused(
            "INVALID_FIELD",
            f"{pointer(where.text, item.path.line, item.path.column)}field '{item.path}' can not "
            "be sorted in a query call",
        )
    return column


def _is_stamp_order(order: list[tuple[Column, syntax.Ordering]]) -> bool:
    parts = [column.parts for column, _ in order]
    wanted = [("SystemModstamp",), ("Id",)]
    return parts == wanted[: len(parts)] and not any(item.descending for _, item in order)


def _ordered(rows: list[Row], order: list[tuple[Column, syntax.Ordering]]) -> list[Row]:
    """Stable sorts from the last column to the first."""
    for column, item in reversed(order):
        get, key = column.get, column.field.key
        empty = [row for row in rows if get(row) is None]
        filled = [row for row in rows if get(row) is not None]
        filled.sort(key=lambda row, get=get, key=key: key(get(row)), reverse=item.descending)  # type: ignore[misc]
        rows = empty + filled if item.nulls_first else filled + empty
    return rows


def _candidates(
    where: Filter, table: Table, node: syntax.Node | None
) -> tuple[Iterable[Row], bool]:
    """Rows that may pass, and whether they come in the order (SystemModstamp, Id)."""
    conditions = node.items if isinstance(node, syntax.AllOf) else (node,)
    found = [rows for item in conditions if (rows := _looked_up(where, table, item)) is not None]
    since = None if node is None else _since(where, node)
    if found:
        smallest = min(found, key=len)
        if since is None or len(smallest) <= table.count_since(since):
            return smallest, False
    return table.since(since), True


def _looked_up(where: Filter, table: Table, node: syntax.Node | None) -> list[Row] | None:
    """The rows of `indexed field = value` or IN; None where no index answers."""
    match node:
        case syntax.Compare(path, "=", literal):
            literals: tuple[syntax.Literal, ...] = (literal,)
        case syntax.Among(path, literals, False):
            pass
        case _:
            return None
    column = where.column(path)
    values = {where.value(column, literal) for literal in literals}
    if column.steps or None in values:
        return None
    if column.field.name == "Id":
        return [table.rows[value] for value in sorted(values) if value in table.rows]
    if not column.field.indexed:
        return None
    return [row for value in sorted(values) for row in table.find(column.field.name, value)]


def _since(where: Filter, node: syntax.Node) -> str | None:
    """The earliest SystemModstamp that a row passing `node` can have; None if any."""
    match node:
        case syntax.Compare(path, "=" | ">" | ">=", literal):
            column = where.column(path)
            return where.value(column, literal) if column.parts == ("SystemModstamp",) else None
        case syntax.AllOf(items):
            return max((s for item in items if (s := _since(where, item))), default=None)
        case syntax.AnyOf(items):
            bounds = [_since(where, item) for item in items]
            return None if None in bounds else min(str(bound) for bound in bounds)
    return None


def records(org: Org, result: Result, rows: Iterable[Row], base: str) -> list[dict[str, Any]]:
    """Rows as a query gives them: `attributes`, then the columns, parents nested."""
    name = result.object.name
    plain = [column.field.name for column in result.columns if not column.steps]
    climbing = [column for column in result.columns if column.steps]
    answers = []
    for row in rows:
        answer: dict[str, Any] = {"attributes": attributes(name, row["Id"], base)}
        get = row.get
        for field in plain:
            answer[field] = get(field)
        for column in climbing:
            _nest(org, answer, column, row, base)
        answers.append(answer)
    return answers


def attributes(object_name: str, record_id: str, base: str) -> dict[str, str]:
    """What every record carries; `base` is the versioned path."""
    return {"type": object_name, "url": f"{base}/sobjects/{object_name}/{record_id}"}


def _nest(org: Org, answer: dict[str, Any], column: Column, row: Row, base: str) -> None:
    """Puts a parent's column into its parent's object; null where there is no parent."""
    for name, parent in zip(column.parts, column.parents(row), strict=False):
        if parent is None:
            answer[name] = None
            return
        kind = getattr(org.object_of(parent["Id"]), "name", "")
        answer = answer.setdefault(name, {"attributes": attributes(kind, parent["Id"], base)})
    answer[column.field.name] = column.get(row)
