"""What a mapping needs a CRM to have."""

from __future__ import annotations

from dataclasses import dataclass

from crm_sms.records.fields import FieldType


@dataclass(frozen=True, slots=True)
class NeededField:
    """A field that a mapping writes, or only reads.

    `section` is the part of the mapping that names it: `message`, `task`, `timeline_entry`,
    `person_roll_up`, `opportunity_roll_up`, `opt_out` or `people`. `type` is None where only the
    field itself could tell. `choices` are all the texts that it may be given, where they are known.
    Of a look-up, `record` says what it points to (person, contact, lead, account, opportunity,
    owner) and `refers_to` the object, where the mapping names it. `like` is the field by which the
    mapping that we ship holds the same fact, if this one has another name. A `key` is unique and
    ours. `flag` marks the checkbox by which anybody may stop all texts to a person.
    """

    section: str
    object: str
    name: str
    type: FieldType | None = None
    choices: tuple[str, ...] = ()
    record: str | None = None
    refers_to: str | None = None
    like: str | None = None
    key: bool = False
    flag: bool = False
    written: bool = True
