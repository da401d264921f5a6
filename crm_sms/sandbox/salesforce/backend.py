"""The sandbox org as a whole: its state, its lock, its allowance, its late commits."""

from __future__ import annotations

import heapq
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from crm_sms.sandbox.salesforce import auth, life, setup
from crm_sms.sandbox.salesforce.calls import Answer, Call, subrequests
from crm_sms.sandbox.salesforce.desk import Cursor, Desk
from crm_sms.sandbox.salesforce.fault_deeds import Late, Plan
from crm_sms.sandbox.salesforce.faults import Faults
from crm_sms.sandbox.salesforce.jobs import Jobs
from crm_sms.sandbox.salesforce.org import USERNAME, Org
from crm_sms.sandbox.salesforce.refusals import Refused, RequestRefused
from crm_sms.sandbox.salesforce.resources import answer

DAILY_CALLS = 115_000
"""Calls in rolling 24 hours: an Enterprise org with fifteen licences."""
_DAY = timedelta(hours=24)
NO_API = "This session is not valid for use with the REST API"
"""What a token without the scope `api` is told."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that may go on, and what goes wrong with it; or the answer that ends it here."""

    plan: Plan
    refusal: Answer | None = None


class Backend:
    """Salesforce's side of the sandbox. Every public method takes the lock."""

    def __init__(self, now: Callable[[], datetime], *, bare: bool = False) -> None:
        self.org = Org(now, bare=bare)
        self.tokens = auth.Tokens(now, lambda: self.org.user_id)
        self.faults = Faults(self._faults_changed)
        self._now = now
        # One lock over the whole org: every request reads and writes it as if it were alone,
        # as transactions on a real org's rows would; requests sleep outside of it.
        self._lock = threading.RLock()
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()
        self._cursor_numbers = count(1)
        self._jobs = Jobs()
        self._late: list[tuple[datetime, int, Call, str]] = []
        self._late_numbers = count(1)
        self._recent: deque[datetime] = deque()
        self._kinds: Counter[str] = Counter()
        self._quota: tuple[int, int] | None = None
        self._quota_left = 0

    @contextmanager
    def alone(self) -> Iterator[Org]:
        """The org, locked, with every late commit that is due applied."""
        with self._lock:
            self._settle()
            yield self.org

    def stats(self) -> dict[str, Any]:
        """API calls as the org counts them (a Composite is one, tokens are none), by kind."""
        with self.alone():
            used, most = self.allowance()
            by_kind = dict(sorted(self._kinds.items()))
            return {
                "calls": sum(by_kind.values()),
                "by_kind": by_kind,
                "used": used,
                "limit": most,
                "late_commits_waiting": len(self._late),
            }

    def allowance(self) -> tuple[int, int]:
        """Calls used and allowed in the last 24 hours."""
        with self._lock:
            if self._quota is not None:
                return self._quota[1] - self._quota_left, self._quota[1]
            start = self._now() - _DAY
            while self._recent and self._recent[0] <= start:
                self._recent.popleft()
            return len(self._recent), DAILY_CALLS

    def seed(self, payload: Any) -> dict[str, Any]:
        """Does what somebody in the org does (see life.run); all of it or nothing."""
        with self.alone() as org:
            mark = org.mark()
            try:
                with org.at(self._now()):
                    results = life.run(org, payload)
            except Refused:
                org.rollback(mark)
                raise
            finally:
                org.commit()
            return {"results": results}

    def admit(self, call: Call, path: str, authorization: str) -> Admission:
        """Token, allowance, and what is to go wrong; counts the call."""
        with self.alone():
            if not self.tokens.valid(authorization):
                return Admission(Plan(), unauthorized("list"))
            if not self.tokens.serves(authorization):
                return Admission(Plan(), unauthorized("list", NO_API))
            used, most = self.allowance()
            if used >= most:
                refused = Refused("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
                return Admission(Plan(), Answer(403, refused.as_top_level()))
            plan = self.faults.plan(call, path)
            if plan.expired is not None:
                self.tokens.revoke(authorization)
                return Admission(plan, unauthorized(plan.expired))
            self._count(call)
            return Admission(plan)

    def plan(self, call: Call, path: str) -> Plan:
        """What is to go wrong with a call that needs no token."""
        with self.alone():
            return self.faults.plan(call, path)

    def perform(self, call: Call, path: str) -> Answer:
        """Does what the call asks for."""
        with self.alone():
            return self._perform(call, path, self._now())

    def postpone(self, call: Call, path: str, late: Late) -> None:
        """Does the part of a call that is in time; the rest commits when it is due."""
        with self.alone():
            now, later = split(call, late.chunks)
            if now is not None:
                self._perform(now, path, self._now())
            if late.after_s is not None and later is not None:
                due = self._now() + timedelta(seconds=late.after_s)
                heapq.heappush(self._late, (due, next(self._late_numbers), later, path))

    def token(self, form: Mapping[str, str], authorization: str, base_url: str) -> Answer:
        """Answers a request for a token."""
        with self.alone():
            return self.tokens.grant(form, authorization, base_url)

    def credentials(self, base_url: str) -> dict[str, Any]:
        """What one needs to log in, and where."""
        return {
            "instance_url": base_url,
            "token_url": f"{base_url}/services/oauth2/token",
            "client_id": auth.CLIENT_ID,
            "client_secret": auth.CLIENT_SECRET,
            "refresh_token": auth.REFRESH_TOKEN,
            "username": USERNAME,
            "user_id": self.org.user_id,
            "private_key_url": f"{base_url}/_sandbox/salesforce/private_key",
        }

    def _perform(self, call: Call, path: str, moment: datetime) -> Answer:
        desk = Desk(
            self.org,
            self.faults.guard(call, path),
            self._cursors,
            self._cursor_numbers,
            self._jobs,
            self.allowance,
        )
        try:
            with self.org.at(moment):
                return answer(desk, call)
        finally:
            self.org.commit()

    def _settle(self) -> None:
        """Applies late commits in the order they are due, each at its own time."""
        while self._late and self._late[0][0] <= self._now():
            due, _, call, path = heapq.heappop(self._late)
            self._perform(call, path, due)

    def _count(self, call: Call) -> None:
        self._recent.append(self._now())
        self._quota_left -= 1
        self._kinds[_kind(call)] += 1

    def _faults_changed(self, faults: Faults) -> None:
        with self._lock:
            self.org.set_up(setup.read(self.org.schema, faults.rules))
            self.tokens.refused = faults.token_refused()
            scopes = faults.standing("scopes")
            self.tokens.scope = auth.SCOPE if scopes is None else scopes.params["scope"]
            rule = faults.standing("quota")
            quota = None if rule is None else (rule.id, rule.params["limit"])
            if quota != self._quota:
                self._quota = quota
                self._quota_left = 0 if rule is None else rule.params["remaining"]


def split(call: Call, chunks: frozenset[int] | None) -> tuple[Call | None, Call | None]:
    """A Composite as the subrequests that are in time and those, by position, that are late."""
    parts = subrequests(call.body)
    if chunks is None or not parts:
        return None, call
    early = [part for at, part in enumerate(parts) if at not in chunks]
    late = [part for at, part in enumerate(parts) if at in chunks]
    return _with_parts(call, early), _with_parts(call, late)


def _with_parts(call: Call, parts: list[Any]) -> Call | None:
    return replace(call, body={**call.body, "compositeRequest": parts}) if parts else None


def unauthorized(shape: str, message: str = "Session expired or invalid") -> Answer:
    """401, as a list or as an object."""
    body = RequestRefused("INVALID_SESSION_ID", message).as_top_level()
    return Answer(401, body if shape == "list" else body[0])


def _kind(call: Call) -> str:
    match call.path:
        case ("composite",):
            return "composite"
        case ("composite", *_):
            return "collections"
        case ("query" | "queryAll", _):
            return "query_more"
        case ("query" | "queryAll",):
            return "query"
        case ("search",):
            return "search"
        case ("jobs", *_):
            return "bulk"
        case ("sobjects",) | ("sobjects", _, "describe"):
            return "describe"
        case ("sobjects", *_):
            return "record"
    return "other"
