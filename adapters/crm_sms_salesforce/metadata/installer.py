"""What an org needs for a mapping, as a project that an admin deploys with tools of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, ClassVar

from crm_sms.ports import Project
from crm_sms.records import NeededField
from crm_sms_salesforce.metadata.project import files, findings
from crm_sms_salesforce.settings import api_version


class SalesforceInstaller:
    """A `crm_sms.ports.CrmInstaller`. Of the settings it takes the API version alone."""

    record_kb: ClassVar[float] = 2.0  # [mem]

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._api_version = api_version(settings)

    def project(self, needs: Sequence[NeededField]) -> Project:
        """See `CrmInstaller.project`: a project in source format for the Salesforce CLI."""
        return Project(files(needs, self._api_version, version("crm-sms")), findings(needs))
