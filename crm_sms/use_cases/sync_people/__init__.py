"""The CRM's people, owners and opportunities into the mirror, as far as they changed."""

from crm_sms.use_cases.sync_people.run import sync_people
from crm_sms.use_cases.sync_people.words import Progress, Syncing, SyncReport

__all__ = ["Progress", "SyncReport", "Syncing", "sync_people"]
