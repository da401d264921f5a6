"""The mapping that is in use: what the file says now, or said when it could last be read."""

from __future__ import annotations

from collections.abc import Callable

from crm_sms.admin_files import MappingText
from crm_sms.errors import BadMapping
from crm_sms.ledger import Ledger
from crm_sms.ledger.notes import note, put_note
from crm_sms.mapping import Mapping

Read = Callable[[], MappingText]
"""Reads the file of one CRM; may raise BadMapping."""


def mapping_in_use(ledger: Ledger, crm: str, read: Read) -> tuple[Mapping, str]:
    """The mapping of this CRM, and what is wrong with its file, if that cannot be read.

    A text that can be read is kept, for the time when it cannot: what an admin is editing must not
    hold up opt-outs. Raises BadMapping if no text was kept, or this program cannot read that one.
    """
    try:
        found = read()
        mapping = found.mapping()
    except BadMapping as error:
        if last := _last(ledger, crm):
            return last, f"{error}; {_STAYS}"
        raise BadMapping(f"{error}; {_NONE}") from error
    if _kept(ledger, crm) != found:
        with ledger.write("meta") as connection:
            put_note(ledger, connection, _name(crm), {"file": found.file, "text": found.text})
    return mapping, ""


def problem_of(ledger: Ledger, crm: str, read: Read) -> str:
    """What is wrong with the file of this CRM and what follows, nothing if it can be read; keeps
    nothing."""
    try:
        read().mapping()
    except BadMapping as error:
        return f"{error}; {what_follows(ledger, crm)}"
    return ""


def what_follows(ledger: Ledger, crm: str) -> str:
    """What is done for this CRM while its file cannot be read."""
    return _STAYS if _last(ledger, crm) else _NONE


_STAYS = "until then the mapping that could last be read stays in use"
_NONE = "until then nothing is planned for this CRM, and its texts wait"


def _last(ledger: Ledger, crm: str) -> Mapping | None:
    kept = _kept(ledger, crm)
    try:
        return kept.mapping() if kept else None
    except BadMapping:  # an older program could read it
        return None


def _kept(ledger: Ledger, crm: str) -> MappingText | None:
    with ledger.read() as connection:
        found = note(connection, _name(crm))
    return MappingText(found["file"], found["text"]) if found else None


def _name(crm: str) -> str:
    return f"mapping:{crm}"
