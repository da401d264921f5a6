"""What stands between a row that is right in itself and the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.schema import SObject
from crm_sms.sandbox.salesforce.table import Row


@dataclass(frozen=True, slots=True)
class Write:
    """One row about to be stored, or binned.

    `before` is the row it replaces, {} for a new one. `chunk` is how many rows of the object are
    saved together with it, as a trigger sees them. `allow_save` is what the request says of alerts
    about duplicates.
    """

    org: Org
    object: SObject
    row: Row
    before: Row
    deleting: bool
    chunk: int
    allow_save: bool


Guard = Callable[[Write], None]
"""Called with each row about to be stored; raises Refused to keep it out."""
