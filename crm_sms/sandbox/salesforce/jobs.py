"""Query jobs that the org keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from crm_sms.sandbox.salesforce.query import Result

MOST_A_DAY = 10_000
"""Jobs in rolling 24 hours."""
_DAY = timedelta(days=1)
_KEPT = timedelta(days=7)


@dataclass(slots=True)
class Job:
    """A query as it was when the job was made. It is done when it was looked at twice."""

    id: str
    operation: str
    version: str
    line_ending: str
    created: datetime
    result: Result
    state: str = "UploadComplete"

    def look(self) -> None:
        """Goes on a step."""
        self.state = {"UploadComplete": "InProgress", "InProgress": "JobComplete"}.get(
            self.state, self.state
        )


@dataclass(slots=True)
class Jobs:
    """The org's jobs; those of a week ago are gone."""

    by_id: dict[str, Job] = field(default_factory=dict)
    made: list[datetime] = field(default_factory=list)
    numbers: count[int] = field(default_factory=lambda: count(1))

    def used(self, now: datetime) -> int:
        """Jobs made in the last 24 hours."""
        self.made = [moment for moment in self.made if moment > now - _DAY]
        return len(self.made)

    def add(self, job: Job) -> None:
        """Takes a new one in."""
        self.by_id = {
            one.id: one for one in self.by_id.values() if one.created > job.created - _KEPT
        }
        self.by_id[job.id] = job
        self.made.append(job.created)
