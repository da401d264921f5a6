"""The CRM's words, without any vendor's: who is there, what a record of ours should look like."""

from crm_sms.records.desired import (
    DesiredField,
    DesiredRecord,
    Lane,
    Part,
    Reference,
    Scalar,
    Text,
    Value,
    WriteRule,
)
from crm_sms.records.fields import FieldDescription, FieldType, ObjectDescription
from crm_sms.records.needs import NeededField
from crm_sms.records.people import (
    MirrorRow,
    Opportunity,
    Owner,
    OwnTask,
    Person,
    PersonKind,
    Phone,
    Role,
)
from crm_sms.records.pulls import Columns, MirrorPart, Page, Pull
from crm_sms.records.stages import Stage, collapsed
from crm_sms.records.writing import (
    Chunk,
    Found,
    Op,
    Outcome,
    Reason,
    State,
    Usage,
    Verdict,
    Write,
    WriteResult,
)

__all__ = [
    "Chunk",
    "Columns",
    "DesiredField",
    "DesiredRecord",
    "FieldDescription",
    "FieldType",
    "Found",
    "Lane",
    "MirrorPart",
    "MirrorRow",
    "NeededField",
    "ObjectDescription",
    "Op",
    "Opportunity",
    "Outcome",
    "OwnTask",
    "Owner",
    "Page",
    "Part",
    "Person",
    "PersonKind",
    "Phone",
    "Pull",
    "Reason",
    "Reference",
    "Role",
    "Scalar",
    "Stage",
    "State",
    "Text",
    "Usage",
    "Value",
    "Verdict",
    "Write",
    "WriteResult",
    "WriteRule",
    "collapsed",
]
