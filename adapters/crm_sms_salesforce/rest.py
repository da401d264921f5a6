"""Calls to the org, through simple-salesforce, with its errors in our words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from requests import Response

from crm_sms.errors import TryLater, Unclear
from crm_sms.ports import Clock
from crm_sms.records import Usage
from crm_sms_salesforce.auth import Tokens
from crm_sms_salesforce.faults import ApiError, parse_faults
from crm_sms_salesforce.library import Salesforce, SalesforceError
from crm_sms_salesforce.settings import Settings
from crm_sms_salesforce.transport import Session


@dataclass(frozen=True, slots=True)
class JobRows:
    """Rows of a job as CSV with a header line, how many, and the locator of the next; empty if
    there are none."""

    text: str
    rows: int
    following: str


class Rest:
    """One org. Signs in at the first call, not when built. For one thread at a time."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._version = settings.api_version
        self._tokens = Tokens(settings, clock)
        self._session = Session(settings, self._tokens)
        self._built: Salesforce | None = None

    @property
    def data_path(self) -> str:
        """The path under which the configured API version lives."""
        return f"/services/data/v{self._version}"

    @property
    def calls(self) -> int:
        """Requests that the org counts."""
        return self._session.calls

    @property
    def usage(self) -> Usage | None:
        """From the last answer that said it."""
        return self._session.usage

    @property
    def answered_at(self) -> datetime | None:
        """When the org answered the last call by its own clock; None if it did not."""
        return self._session.answered_at

    @property
    def told_time_at(self) -> datetime | None:
        """The last time that the org or its token host told, by its own clock."""
        return self._session.answered_at or self._tokens.answered_at

    @property
    def scopes(self) -> frozenset[str]:
        """What our token may be used for; empty if that was not said. Raises as `user_id`."""
        return self._tokens.current().scopes

    @property
    def user_id(self) -> str:
        """Who we are; empty if the token did not say so. Raises AccessRefused or TryLater."""
        return self._tokens.current().user_id

    def sign_in(self) -> str:
        """The instance that takes our token. Raises AccessRefused or TryLater."""
        return self._tokens.current().instance_url

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """One POST below the data path, which may act.

        Raises ApiError, AccessRefused, TryLater (it never left) or Unclear (it may have acted).
        """
        sf = self._salesforce()
        try:
            return sf.restful(path, method="POST", json=body)
        except SalesforceError as error:
            raise ApiError(error.status, parse_faults(error.content)) from error
        except ValueError as error:
            raise Unclear("Salesforce's answer is not JSON") from error

    def composite_read(self, body: Mapping[str, Any]) -> Any:
        """A Composite that only reads. Raises ApiError, AccessRefused or TryLater."""
        return self._read(lambda sf: sf.restful("composite", method="POST", json=body))

    def get(self, path: str) -> Any:
        """One GET below the data path. Raises ApiError, AccessRefused or TryLater."""
        return self._read(lambda sf: sf.restful(path))

    def search(self, sosl: str) -> list[Mapping[str, Any]]:
        """What a search finds. Raises ApiError, AccessRefused or TryLater."""
        found = self._read(lambda sf: sf.restful("search", params={"q": sosl}))
        return list(found["searchRecords"])

    def versions(self) -> list[str]:
        """The API versions that the org serves. Raises ApiError, AccessRefused or TryLater."""
        answer = self._read(self._version_list)
        return [str(entry["version"]) for entry in answer]

    def pages(self, soql: str, *, deleted: bool = True) -> Iterator[Mapping[str, Any]]:
        """A query's pages, deleted rows included unless said otherwise. Raises ApiError,
        AccessRefused or TryLater."""
        page = self._read(lambda sf: sf.query(soql, include_deleted=deleted))
        yield page
        yield from self.further_pages(page)

    def further_pages(self, page: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The pages after this one; raises like `pages`."""
        while not page["done"]:
            page = self._read(_query_more(page["nextRecordsUrl"]))
            yield page

    def query_job(self, soql: str) -> Mapping[str, Any]:
        """A Bulk 2.0 job for a query, deleted rows included. Raises ApiError, AccessRefused or
        TryLater."""
        body = {"operation": "queryAll", "query": soql, "lineEnding": "LF"}
        made: Mapping[str, Any] = self._read(
            lambda sf: sf.restful("jobs/query", method="POST", json=body)
        )
        return made

    def job_rows(self, job_id: str, locator: str, most: int) -> JobRows:
        """Rows of a job that is complete, from a locator on; raises like `query_job`."""
        params = {"maxRecords": str(most)} | ({"locator": locator} if locator else {})
        path = f"{self.data_path}/jobs/query/{job_id}/results"
        answer: JobRows = self._read(lambda sf: _job_rows(self._above(sf, path, params)))
        return answer

    def _version_list(self, sf: Salesforce) -> Any:
        return self._above(sf, "/services/data/", {}).json()

    def _above(self, sf: Salesforce, path: str, params: Mapping[str, str]) -> Response:
        """Where the library has no call of its own: its `restful` takes JSON below the data path,
        and its jobs are made, waited for and read in one go, without a place to go on from."""
        url = f"https://{sf.sf_instance}{path}"
        response = self._session.request("GET", url, params=params)
        if response.status_code >= 300:
            raise ApiError(response.status_code, parse_faults(response.json()))
        return response

    def _read(self, call: Callable[[Salesforce], Any]) -> Any:
        sf = self._salesforce()
        try:
            return call(sf)
        except SalesforceError as error:
            raise ApiError(error.status, parse_faults(error.content)) from error
        except Unclear as error:
            raise TryLater(str(error), wait_s=5) from error
        except ValueError as error:
            raise TryLater("Salesforce's answer cannot be read", wait_s=5) from error

    def _salesforce(self) -> Salesforce:
        if self._built is None:
            token = self._tokens.current()
            self._built = Salesforce(
                session_id=token.access_token,
                instance_url=token.instance_url,
                version=self._version,
                session=self._session,
                object_pairs_hook=dict,
            )
        return self._built


def _job_rows(response: Response) -> JobRows:
    following = response.headers.get("Sforce-Locator", "null")
    rows = int(response.headers.get("Sforce-NumberOfRecords", ""))
    return JobRows(response.content.decode(), rows, "" if following == "null" else following)


def _query_more(url: str) -> Callable[[Salesforce], Any]:
    return lambda sf: sf.query_more(url, identifier_is_url=True)
