"""A provider's own listing of texts into the ledger: what callbacks missed, and never say."""

from crm_sms.use_cases.reconcile.run import reconcile
from crm_sms.use_cases.reconcile.words import ReconcileReport, Reconciling

__all__ = ["ReconcileReport", "Reconciling", "reconcile"]
