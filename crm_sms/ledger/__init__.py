"""What we know and what is still to be done, in SQLite or PostgreSQL."""

from crm_sms.ledger.failpoints import COMMITS, Failpoints
from crm_sms.ledger.store import Ledger

__all__ = ["COMMITS", "Failpoints", "Ledger"]
