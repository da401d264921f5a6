"""The one module that imports simple-salesforce; everything else uses these names."""

from __future__ import annotations

from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError
from simple_salesforce.format import format_soql

__all__ = ["Salesforce", "SalesforceError", "format_soql"]
