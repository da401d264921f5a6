"""A mapping tried on texts that never were: no CRM, no ledger, no network.

mapping = read_mapping("acme.toml", Path("."))
hot = replace(example_person(mapping), fields={"Rating": "Hot"})
assert planned(mapping, REPLY, hot)["task"]["Priority"] == "High"
"""

from __future__ import annotations

from collections.abc import Mapping

from crm_sms.admin_files import read_mapping
from crm_sms.events import Direction
from crm_sms.mapping import Mapping as CrmMapping
from crm_sms.mapping import TextFacts
from crm_sms.messages import Message
from crm_sms.records import DesiredRecord, Person, Reference, Scalar, Text, Value
from crm_sms.use_cases.example_texts import (
    ANSWERED,
    CLICKED,
    DEAL,
    NO,
    OWNER,
    REPLY,
    SENT,
    SUM,
    TASK,
    example_person,
)

__all__ = ["ANSWERED", "CLICKED", "REPLY", "SENT", "example_person", "planned", "read_mapping"]

_CRM = "example"


def planned(
    mapping: CrmMapping, message: Message = REPLY, person: Person | None = None
) -> Mapping[str, Mapping[str, Scalar]]:
    """By section of the mapping, the fields of the record that it makes of this text and person; a
    record that another one refers to stands as <object key>.

    A section that makes no record is absent: a task is made for a reply only. Raises BadMapping for
    an expression that fails.
    """
    whom = person or example_person(mapping)
    facts = TextFacts(message, whom, OWNER, DEAL, message.replied_at is not None)
    is_reply = message.direction is Direction.INBOUND
    made = {
        "message": mapping.message_record(_CRM, facts),
        "timeline_entry": mapping.timeline_entry(_CRM, facts),
        "task": mapping.reply_task(_CRM, facts, TASK) if is_reply else None,
        "opt_out": mapping.opt_out(_CRM, whom, NO),
        "person_roll_up": mapping.person_roll_up(_CRM, whom, SUM),
        "opportunity_roll_up": mapping.opportunity_roll_up(_CRM, DEAL, SUM),
    }
    return {section: _values(record) for section, record in made.items() if record}


def _values(record: DesiredRecord) -> dict[str, Scalar]:
    return {name: _value(field.value) for name, field in record.fields.items()}


def _value(value: Value) -> Scalar:
    if isinstance(value, Text):
        return "".join(str(_value(part)) for part in value.parts)
    if isinstance(value, Reference):
        return f"<{value.object} {value.key}>"
    return value
