"""Twilio's own list of an account's messages, page by page, read as an export of it would be.

The filter by DateSent leaves out what was not sent, and a text may be sent long after it was made.
So two lists are read: the newest texts without a filter, of which the unsent ones count, and then
what was sent in the time. In this order a text that is sent between the two is in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from crm_sms.errors import TryLater
from crm_sms.ports import Clock, ExportRow, HistoryPage
from crm_sms_twilio.client import client
from crm_sms_twilio.export import export_row, read_message
from crm_sms_twilio.fetching import fetch
from crm_sms_twilio.settings import Settings
from crm_sms_twilio.values import parse_instant

PAGE_SIZE = 1000
"""The most that Twilio gives."""

_RESTARTS = 3
_SENT_SINCE = "DateSent>"


@dataclass(frozen=True, slots=True)
class _Lists:
    """The two lists of an account's texts since then, by the addresses of their pages."""

    account: str
    since: datetime

    @property
    def path(self) -> str:
        return f"/2010-04-01/Accounts/{self.account}/Messages.json"

    @property
    def newest(self) -> str:
        """The first page of the list without a filter."""
        return self._first({})

    @property
    def sent(self) -> str:
        """The first page of what was sent since."""
        return self._first({_SENT_SINCE: f"{self.since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"})

    def _first(self, filters: Mapping[str, str]) -> str:
        return f"{self.path}?{urlencode({**filters, 'PageSize': PAGE_SIZE})}"

    def start(self, address: str) -> str:
        """The first page of the list that this page is of."""
        filtered = _SENT_SINCE in dict(parse_qsl(urlsplit(address).query))
        return self.sent if filtered else self.newest

    def has(self, address: Any) -> bool:
        """Whether this is a page of theirs: our credentials go nowhere else."""
        parts = urlsplit(str(address or ""))
        return (parts.scheme, parts.netloc, parts.path) == ("", "", self.path)


def history(
    settings: Settings, account: str, since: datetime, after: str | None, clock: Clock
) -> Iterator[HistoryPage]:
    """See `SmsProvider.history`; `after` is the address of a page, relative to the API."""
    lists = _Lists(account, since)
    address = after if after and lists.has(after) else lists.newest
    twilio = client(settings, account)
    refused = 0
    with closing(twilio.http_client):
        while address:
            document = fetch(twilio, f"{settings.base_url}{address}", account)
            if document is None:
                refused += 1
                address = _again(lists, address, refused)
                continue
            page = _page(lists, address, document, clock)
            yield page
            address = page.after or ""


def _again(lists: _Lists, address: str, refused: int) -> str:
    """The list from its first page: a token may end with the text that it names."""
    start = lists.start(address)
    if start == address or refused > _RESTARTS:
        raise TryLater("Twilio refuses to list the messages", wait_s=60)
    return start


def _page(lists: _Lists, address: str, document: Mapping[str, Any], clock: Clock) -> HistoryPage:
    found = document.get("messages")
    messages: Sequence[Any] = found if isinstance(found, list) else []
    after = document.get("next_page_uri")
    after = str(after) if lists.has(after) and after != address else None
    if lists.start(address) == lists.sent:
        return HistoryPage(tuple(_rows(messages, lists.account, clock)), after)
    young = [one for one in messages if _is_since(one, lists.since)]
    unsent = [one for one in young if _instant(one, "date_sent") is None]
    rows = tuple(_rows(unsent, lists.account, clock))
    return HistoryPage(rows, after if young and after else lists.sent)


def _rows(messages: Sequence[Any], account: str, clock: Clock) -> Iterator[ExportRow]:
    for number, message in enumerate(messages, start=1):
        yield export_row(f"message {number}", read_message(message), (account,), clock)


def _is_since(message: Any, since: datetime) -> bool:
    times = (_instant(message, "date_sent"), _instant(message, "date_created"))
    return any(at >= since for at in times if at)


def _instant(message: Any, name: str) -> datetime | None:
    return parse_instant(message.get(name)) if isinstance(message, dict) else None
