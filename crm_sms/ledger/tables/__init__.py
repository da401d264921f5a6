"""The ledger's tables; migrations/ brings a database to this shape, and a test compares them."""

from crm_sms.ledger.tables.base import metadata
from crm_sms.ledger.tables.mirror import (
    carried_opt_outs,
    lookups,
    opportunities,
    owners,
    people,
    phones,
    roles,
    stages,
    unparsed_phones,
    watermarks,
)
from crm_sms.ledger.tables.texts import (
    assignments,
    conversations,
    event_data,
    events,
    inbox,
    matches,
    message_aliases,
    message_data,
    messages,
    suppressions,
)
from crm_sms.ledger.tables.writing import crm_records, meta, outbox, requests

__all__ = [
    "assignments",
    "carried_opt_outs",
    "conversations",
    "crm_records",
    "event_data",
    "events",
    "inbox",
    "lookups",
    "matches",
    "message_aliases",
    "message_data",
    "messages",
    "meta",
    "metadata",
    "opportunities",
    "outbox",
    "owners",
    "people",
    "phones",
    "requests",
    "roles",
    "stages",
    "suppressions",
    "unparsed_phones",
    "watermarks",
]
