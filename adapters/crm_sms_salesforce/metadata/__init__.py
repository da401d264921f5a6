"""What we have in an org, in the words of the Metadata API."""

from crm_sms_salesforce.metadata.installer import SalesforceInstaller

__all__ = ["SalesforceInstaller"]
