"""The Salesforce org as the core sees it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from crm_sms.errors import AccessRefused, TryLater, Unclear
from crm_sms.ports import Clock, CrmInstaller, Finding, Room
from crm_sms.records import (
    Chunk,
    Columns,
    Found,
    ObjectDescription,
    Page,
    Person,
    Pull,
    Scalar,
    Usage,
    WriteResult,
)
from crm_sms_salesforce.bulk import pulled
from crm_sms_salesforce.checks import findings, room
from crm_sms_salesforce.describe import object_description
from crm_sms_salesforce.faults import HIDDEN, ApiError
from crm_sms_salesforce.ids import full_id
from crm_sms_salesforce.lookups import Sought, find_people, sought
from crm_sms_salesforce.metadata import SalesforceInstaller
from crm_sms_salesforce.outcomes import (
    Fates,
    composite_outcomes,
    everywhere,
    not_written,
    request_outcomes,
    unclear,
)
from crm_sms_salesforce.pulls import source_of, statement
from crm_sms_salesforce.reads import every_key, find, newest_write
from crm_sms_salesforce.refusals import reading
from crm_sms_salesforce.rest import Rest
from crm_sms_salesforce.settings import load_settings
from crm_sms_salesforce.versions import version_finding
from crm_sms_salesforce.writes import composite_body


class SalesforceCrm:
    """A `crm_sms.ports.Crm`. Makes no request before the first call that needs one."""

    name: ClassVar[str] = "salesforce"
    installer: ClassVar[type[CrmInstaller]] = SalesforceInstaller

    def __init__(self, settings: Mapping[str, Any], clock: Clock) -> None:
        self._settings = load_settings(settings)
        self._rest = Rest(self._settings, clock)
        self._clock = clock
        self._seen: dict[str, ObjectDescription] = {}
        self.limits = self._settings.limits

    @staticmethod
    def lead_fields(last_name: str, company: str) -> Mapping[str, Scalar]:
        """See `Crm.lead_fields`."""
        return {"LastName": last_name, "Company": company}

    @staticmethod
    def full_id(id: str) -> str:
        """See `Crm.full_id`."""
        return full_id(id)

    def describe(self, objects: Collection[str]) -> Mapping[str, ObjectDescription]:
        """See `Crm.describe`. One call for each object."""
        found: dict[str, ObjectDescription] = {}
        for object in objects:
            self._seen.pop(object, None)
            description = self._describe(object)
            if description is not None:
                self._seen[object] = found[object] = description
        return found

    def write(self, chunks: Sequence[Chunk]) -> WriteResult:
        """See `Crm.write`. Always one Composite, so one call; none if there are no rows."""
        if not any(chunk.rows for chunk in chunks):
            return WriteResult(everywhere(chunks, unclear("")), calls=0, usage=self.usage)
        before = self.calls
        outcomes = self._write(chunks)
        return WriteResult(outcomes, self.calls - before, self.usage, self._rest.answered_at)

    def read(
        self,
        object: str,
        key_field: str | None,
        keys: Sequence[str],
        fields: Collection[str],
        *,
        deleted: bool = False,
    ) -> Mapping[str, Found]:
        """See `Crm.read`. A field that our user does not see is absent from what is found."""
        with reading():
            try:
                return find(self._rest, object, key_field, keys, fields, deleted=deleted)
            except ApiError as error:
                visible = self._visible_after(error, object, fields)
                return find(self._rest, object, key_field, keys, visible, deleted=deleted)

    def newest_write(self, object: str, key_field: str, since: datetime | None) -> datetime | None:
        """See `Crm.newest_write`."""
        with reading():
            try:
                return newest_write(self._rest, object, key_field, since)
            except ApiError as error:
                if not error.codes & HIDDEN:
                    raise
                return None

    def keys(self, object: str, key_field: str) -> Iterator[Mapping[str, str]]:
        """See `Crm.keys`."""
        with reading():
            yield from every_key(self._rest, object, key_field)

    def pull(self, pull: Pull) -> Iterator[Page]:
        """See `Crm.pull`. A column that our user does not see is left out."""
        source = source_of(pull)
        with reading():
            seen = self._seen.get(source.object) or self._look_at(source.object)
            asked = statement(source, seen, pull)
            try:
                yield from pulled(self._rest, source, seen, pull)
            except ApiError as error:
                if not error.codes & HIDDEN:
                    raise
                anew = self._look_at(source.object)
                if statement(source, anew, pull) == asked:
                    raise
                yield from pulled(self._rest, source, anew, pull)

    def find_people(self, columns: Sequence[Columns], numbers: Collection[str]) -> Sequence[Person]:
        """See `Crm.find_people`. An object or a column that our user does not see is left out."""
        with reading():
            places = self._sought(columns)
            try:
                found = find_people(self._rest, places, numbers)
            except ApiError as error:
                if not error.codes & HIDDEN:
                    raise
                self.describe([place.object for place in places])
                found = find_people(self._rest, self._sought(columns), numbers)
        return list(found.values())

    def url(self, object: str, id: str) -> str:
        """See `Crm.url`."""
        return f"{self._settings.login_url}/lightning/r/{object}/{id}/view"

    @property
    def usage(self) -> Usage | None:
        """See `Crm.usage`."""
        return self._rest.usage

    @property
    def calls(self) -> int:
        """See `Crm.calls`."""
        return self._rest.calls

    def room(self) -> Room:
        """See `Crm.room`. One call."""
        with reading():
            return room(self._rest.get("limits"), self.usage)

    def check(self) -> list[Finding]:
        """See `Crm.check`."""
        return findings(self._rest, self._settings.api_version, self._clock().date())

    @property
    def answered_at(self) -> datetime | None:
        """See `Crm.answered_at`."""
        return self._rest.told_time_at

    def _write(self, chunks: Sequence[Chunk]) -> tuple[Fates, ...]:
        allow_save = self._settings.duplicate_rule_allow_save
        body = composite_body(chunks, self._rest.data_path, allow_save=allow_save)
        try:
            return composite_outcomes(chunks, self._rest.post("composite", body))
        except ApiError as error:
            return request_outcomes(chunks, error)
        except Unclear as error:
            return everywhere(chunks, unclear(str(error)))
        except TryLater as error:
            return everywhere(chunks, not_written(str(error), error.wait_s))

    def _describe(self, object: str) -> ObjectDescription | None:
        with reading():
            try:
                return object_description(self._rest.get(f"sobjects/{object}/describe"))
            except ApiError as error:
                if error.status != 404:
                    raise
                return None

    def _look_at(self, object: str) -> ObjectDescription:
        description = self.describe([object]).get(object)
        if description is None:
            raise AccessRefused(self._why_unseen(object))
        return description

    def _sought(self, columns: Sequence[Columns]) -> list[Sought]:
        unseen = [one.object for one in columns if one.object not in self._seen]
        self.describe(unseen)
        return [sought(one, self._seen[one.object]) for one in columns if one.object in self._seen]

    def _why_unseen(self, object: str) -> str:
        """Under a version that the org does not serve, no object is there either."""
        today = self._clock().date()
        version = version_finding(self._rest.versions(), self._settings.api_version, today)
        if version.ok is False:
            return f"{version.text}: {version.remedy}"
        remedy = "give the run-as user's permission set read access"
        return f"our user does not see {object}: {remedy}"

    def _visible_after(
        self, error: ApiError, object: str, fields: Collection[str]
    ) -> Collection[str]:
        """The fields without those that the org has just refused to show, else the error again."""
        description = None
        if "INVALID_FIELD" in error.codes:
            description = self.describe([object]).get(object)
        if description is None:
            raise error
        seen = {name.casefold() for name in description.fields}
        visible = [name for name in fields if name.casefold() in seen]
        if len(visible) == len(fields):
            raise error
        return visible
