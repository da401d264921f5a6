"""From Salesforce's answers to the fate of each row; decides, does no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from crm_sms.errors import AccessRefused
from crm_sms.records import Chunk, Op, Outcome, Reason, Verdict, Write
from crm_sms_salesforce.faults import ApiError, Fault, parse_faults
from crm_sms_salesforce.refusals import raise_if_refused
from crm_sms_salesforce.verdicts import (
    DUPLICATE_RACE,
    GONE,
    MAYBE,
    REFERENCE_GONE,
    UNAVAILABLE,
    Rule,
    rule_for,
    rule_for_many,
)

Fates = tuple[Outcome, ...]

_ISOLATED = frozenset({Reason.DATA, Reason.UNKNOWN})
"""Complaints about many rows that one of them may have caused: smaller chunks find it."""

_DUPLICATE = re.compile(r"duplicate value found: (\S+) duplicates value on record with id: (\S+)")
_COLUMN = re.compile(r"No such column '([\w.]+)'")
_RECORD_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def composite_outcomes(chunks: Sequence[Chunk], answer: object) -> tuple[Fates, ...]:
    """Fates of the chunks of one Composite request from its answer with HTTP 200.

    A subrequest that is missing from the answer may have committed.
    """
    answered = answer.get("compositeResponse") if isinstance(answer, Mapping) else None
    parts = {
        part.get("referenceId"): part
        for part in (answered if isinstance(answered, list) else ())
        if isinstance(part, Mapping)
    }
    return tuple(
        _chunk_outcomes(chunk, parts.get(reference(index))) for index, chunk in enumerate(chunks)
    )


def reference(index: int) -> str:
    """The name of a chunk's subrequest within its Composite."""
    return f"chunk{index}"


def request_outcomes(chunks: Sequence[Chunk], error: ApiError) -> tuple[Fates, ...]:
    """Fates when the request as a whole was answered with an error.

    Raises AccessRefused where the org refuses us and not these rows: a whole request is never
    parked for its set-up, since all that waits would follow it.
    """
    raise_if_refused(error)
    for fault in error.faults[:1]:
        rule = rule_for_many(fault, error.status)
        if rule.verdict is Verdict.PARK and rule.reason not in _ISOLATED:
            raise AccessRefused(f"Salesforce refuses the request: {fault.words}; run doctor")
    rows = sum(len(chunk.rows) for chunk in chunks)
    return tuple(_all_refused(chunk, error, alone=rows == 1) for chunk in chunks)


def everywhere(chunks: Sequence[Chunk], outcome: Outcome) -> tuple[Fates, ...]:
    """The same fate for every row."""
    return tuple((outcome,) * len(chunk.rows) for chunk in chunks)


def unclear(detail: str) -> Outcome:
    """The fate of a row whose request may have committed."""
    return Outcome(Verdict.MAYBE, reason=Reason.UNAVAILABLE, detail=detail)


def not_written(detail: str, wait_s: float) -> Outcome:
    """The fate of a row that was not written, through no fault of its own."""
    return Outcome(Verdict.RETRY, reason=Reason.UNAVAILABLE, detail=detail, wait_s=wait_s)


def _chunk_outcomes(chunk: Chunk, part: Mapping[str, Any] | None) -> Fates:
    if not chunk.rows:
        return ()
    if part is None:
        return (unclear("the answer leaves this chunk out"),) * len(chunk.rows)
    status, body = int(part.get("httpStatusCode") or 500), part.get("body")
    if status >= 300:
        return _all_refused(chunk, ApiError(status, parse_faults(body)), alone=len(chunk.rows) == 1)
    if not isinstance(body, list) or len(body) != len(chunk.rows):
        return (unclear("the answer does not have one result for each row"),) * len(chunk.rows)
    return tuple(_row_outcome(chunk, result) for result in body)


def _row_outcome(chunk: Chunk, result: object) -> Outcome:
    if not isinstance(result, Mapping):
        return unclear("the answer to this row is not in Salesforce's form")
    if result.get("success") is True:
        created = bool(result.get("created", chunk.op is Op.CREATE))
        return Outcome(Verdict.DONE, crm_id=str(result.get("id")), created=created)
    faults = parse_faults(result.get("errors")) or (Fault("UNKNOWN"),)
    outcome = _heaviest([_judged(chunk, fault) for fault in faults])
    # Automation sees a chunk at a time: of one row alone nothing is learnt for the size of others.
    alone = outcome.reason is Reason.AUTOMATION and len(chunk.rows) == 1
    return replace(outcome, shrink=False) if alone else outcome


def _heaviest(outcomes: Sequence[Outcome]) -> Outcome:
    """Of a row's complaints the one that no other try would mend, else the first."""
    parked = [outcome for outcome in outcomes if outcome.verdict is Verdict.PARK]
    return (parked or list(outcomes))[0]


def _judged(chunk: Chunk, fault: Fault) -> Outcome:
    if fault.code == "DUPLICATE_VALUE" and chunk.op is not Op.UPDATE:
        return _duplicate(chunk, fault)
    if fault.code in GONE:
        return _outcome(_gone(chunk, fault), fault)
    return _outcome(rule_for(fault), fault)


def _gone(chunk: Chunk, fault: Fault) -> Rule:
    """A record that is not there: the row's own, where it is updated by its id, else one that the
    row refers to; such a complaint about a field always means the latter."""
    own = chunk.op is Op.UPDATE and not fault.fields
    return GONE[fault.code] if own else REFERENCE_GONE


def _duplicate(chunk: Chunk, fault: Fault) -> Outcome:
    """A value that another record holds already: ours, or one that must not be taken."""
    found = _DUPLICATE.search(fault.message)
    named = found[1] if found else next(iter(fault.fields), None)
    if named is None or named == "<unknown>":
        rule = rule_for(fault)
        return _outcome(DUPLICATE_RACE if rule.verdict is Verdict.PARK else rule, fault)
    if named.casefold() != (chunk.key_field or "").casefold():
        return _outcome(rule_for(fault), Fault(fault.code, fault.message, (named,)))
    if chunk.op is Op.UPSERT:
        return _outcome(DUPLICATE_RACE, fault)
    crm_id = found[2] if found and _RECORD_ID.fullmatch(found[2]) else None
    return Outcome(Verdict.DONE, crm_id=crm_id)


def _all_refused(chunk: Chunk, error: ApiError, *, alone: bool) -> Fates:
    """One complaint about all rows: the guilty ones are singled out where that can be told."""
    if not error.faults:
        words = Fault(f"HTTP {error.status}, not in Salesforce's form")
        rule = MAYBE if error.status >= 500 else UNAVAILABLE
        return (_outcome(rule, words),) * len(chunk.rows)
    fault = error.faults[0]
    rule = rule_for_many(fault, error.status)
    guilty = [bool(_columns(fault) & _written(chunk, row)) for row in chunk.rows]
    if rule.reason is Reason.FIELD and any(guilty):
        return _field_refused(rule, fault, guilty)
    if rule.verdict is Verdict.PARK and rule.reason in _ISOLATED and not alone:
        rule = Rule(Verdict.RETRY, rule.reason, shrink=True)
    return (_outcome(rule, fault),) * len(chunk.rows)


def _columns(fault: Fault) -> set[str]:
    """The refused fields, as far as the complaint names them, in lower case."""
    return {name.casefold() for name in _names(fault)}


def _names(fault: Fault) -> tuple[str, ...]:
    return fault.fields or tuple(_COLUMN.findall(fault.message))


def _field_refused(rule: Rule, fault: Fault, guilty: Sequence[bool]) -> Fates:
    """Only rows that carry a refused field are to blame; the others keep their place."""
    parked = _outcome(rule, Fault(fault.code, fault.message, _names(fault)))
    again = not_written(fault.words, 0.0)
    return tuple(parked if blamed else again for blamed in guilty)


def _written(chunk: Chunk, row: Write) -> set[str]:
    keys = {chunk.key_field.casefold()} if chunk.key_field else set()
    return keys | {name.casefold() for name in row.fields}


def _outcome(rule: Rule, fault: Fault) -> Outcome:
    return Outcome(
        rule.verdict,
        reason=rule.reason,
        detail=fault.words,
        fields=fault.fields,
        shrink=rule.shrink,
        wait_s=rule.wait_s,
    )
