"""Very many people by a Bulk 2.0 query job: gathered at one instant, read in no order."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

import structlog

from crm_sms.errors import TryLater
from crm_sms.records import MirrorPart, ObjectDescription, Page, Pull
from crm_sms_salesforce.faults import ApiError, clean
from crm_sms_salesforce.job_rows import rows
from crm_sms_salesforce.pulls import Source, pages, statement
from crm_sms_salesforce.rest import JobRows, Rest
from crm_sms_salesforce.values import instant

_log = structlog.get_logger()

FROM_ROWS = 50_000
"""Rows from which on a job is worth its wait: by REST they take 25 calls, by a job about ten and
a minute or more in the org's queue. Salesforce advises Bulk above about 2,000 rows to write."""

ROWS_AT_ONCE = 20_000
"""Rows of one answer: fifty calls for a million. It is held whole: a few megabytes."""

_ROWS_A_PAGE = 2_000

_WAITS_S = (1, 2, 4, 8, 16, *(30,) * 60)
"""Between two looks at a job; after half an hour it is left to the next pull."""

_sleep = time.sleep


@dataclass(frozen=True, slots=True)
class Place:
    """How far a job was read: the locator of the next rows (empty: the first), and rows so far."""

    job: str
    locator: str = ""
    done: int = 0

    @property
    def words(self) -> str:
        """What a later pull is given to go on from here."""
        return json.dumps([self.job, self.locator, self.done])


class _Lost(Exception):
    """The job is refused, failed, aborted, or not there any more."""


def pulled(
    rest: Rest, source: Source, description: ObjectDescription, pull: Pull
) -> Iterator[Page]:
    """The pages of a pull. Raises ApiError, AccessRefused, QuotaEnded or TryLater."""
    if pull.part is MirrorPart.PEOPLE:
        return _People(rest, source, description, pull).pages()
    return pages(rest, source, statement(source, description, pull))


@dataclass(frozen=True, slots=True)
class _People:
    rest: Rest
    source: Source
    description: ObjectDescription
    pull: Pull

    def pages(self) -> Iterator[Page]:
        """From where a job was left; else by REST or, where they are very many, by a job."""
        if self.pull.resume:
            try:
                yield from self._read(Place(*json.loads(self.pull.resume)))
                return
            except _Lost as lost:
                _log.warning("a query job is gone; people are pulled anew", reason=str(lost))
        yield from self._by_size()

    def _by_size(self) -> Iterator[Page]:
        """The first page by REST says how many there are; one that takes the org too long says that
        they are too many for REST."""
        ordered = pages(self.rest, self.source, self._statement(self.pull.since, in_order=True))
        try:
            first = next(ordered)
        except ApiError as error:
            if "QUERY_TIMEOUT" in error.codes and (yield from self._by_job(self.pull.since)):
                return
            raise
        yield first
        many = (first.total or 0) >= FROM_ROWS
        if many and (yield from self._by_job(first.rows[-1].modified_at, first)):
            return
        yield from ordered

    def _by_job(
        self, since: datetime | None, first: Page | None = None
    ) -> Generator[Page, None, bool]:
        """Whether a job brought what changed since; if not, it can come by REST."""
        try:
            with _of_job():
                job = self.rest.query_job(self._statement(since, in_order=False))
            yield from self._read(Place(str(job["id"])), before=len(first.rows) if first else 0)
        except _Lost as lost:
            _log.warning("a query job failed; people are pulled page by page", reason=str(lost))
            return False
        return True

    def _statement(self, since: datetime | None, *, in_order: bool) -> str:
        # An order would keep the org from gathering in parallel parts.
        asked = replace(self.pull, since=since)
        return statement(self.source, self.description, asked, in_order=in_order)

    def _read(self, place: Place, before: int = 0) -> Iterator[Page]:
        """The rows of a job behind a place; `before` is how many this pull had before them.

        Each look at a job that is not done is an empty page, so that whoever pulls sees the calls.
        """
        for wait_s in _WAITS_S:
            job = self._look(place)
            if job["state"] == "JobComplete":
                break
            yield Page((), resume=place.words)
            _sleep(wait_s)
        else:
            raise TryLater("Salesforce still gathers the people: pull again to go on", wait_s=60)
        total = before + int(job["numberRecordsProcessed"]) - place.done
        until = instant(str(job["createdDate"]))
        following: Place | None = place
        while following:
            place = following
            with _of_job():
                some = self.rest.job_rows(place.job, place.locator, ROWS_AT_ONCE)
            done = place.done + some.rows
            following = Place(place.job, some.following, done) if some.following else None
            end = Page((), total, following.words) if following else Page((), total, until=until)
            yield from self._paged(some, Page((), total, place.words), end)

    def _look(self, place: Place) -> Mapping[str, Any]:
        with _of_job():
            job: Mapping[str, Any] = self.rest.get(f"jobs/query/{place.job}")
        if job["state"] in ("Failed", "Aborted"):
            raise _Lost(clean(f"{job['state']} {job.get('errorMessage') or ''}"))
        return job

    def _paged(self, some: JobRows, begun: Page, end: Page) -> Iterator[Page]:
        """The rows of one answer; all of its pages but the last lead back to where it began."""
        found, left = rows(some.text, self.source, self.description), some.rows
        while True:
            page = tuple(islice(found, _ROWS_A_PAGE))
            left -= len(page)
            if left > 0 and not page:
                raise TryLater("Salesforce's rows of a query job came incomplete", wait_s=5)
            yield replace(begun if left > 0 else end, rows=page)
            if left <= 0:
                return


@contextmanager
def _of_job() -> Iterator[None]:
    """What Salesforce itself says against a job costs the job only: REST may still do. But not if
    no calls are left, nor if it is somebody else who answers."""
    try:
        yield
    except ApiError as error:
        if not error.faults or "REQUEST_LIMIT_EXCEEDED" in error.codes:
            raise
        raise _Lost(str(error)) from error
