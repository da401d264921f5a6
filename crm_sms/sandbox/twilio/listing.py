"""The list of Messages: filters, order and pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from crm_sms.sandbox.twilio.errors import Refused
from crm_sms.sandbox.twilio.parameters import INSTANT
from crm_sms.sandbox.twilio.texts import API_VERSION, Text, resource

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
FILTERS = ("To", "From", "DateSent", "DateSent<", "DateSent>")


@dataclass(frozen=True, slots=True)
class Page:
    """Which page is asked for; `after` is the sid of the last text of the page before."""

    size: int
    number: int
    after: str | None


def list_messages(
    account_sid: str, texts: Iterable[Text], query: Mapping[str, str], *, shifted: bool = False
) -> Any:
    """The list's JSON: newest first. Texts that come in while pages are read move no page, unless
    `shifted`: then a page is found by its number, and what came in moves the rest back."""
    page = read_page(query)
    newest_first = sorted(texts, key=lambda text: -text.number)
    matching = list(filter(_filter(query), newest_first))
    start = page.number * page.size if shifted else _start(newest_first, matching, page)
    shown = matching[start : start + page.size]
    more = len(matching) > start + len(shown)
    path = f"/{API_VERSION}/Accounts/{account_sid}/Messages.json"
    filters = [(name, query[name]) for name in FILTERS if query.get(name)]

    def uri(number: int, token: str = "") -> str:
        fields = [*filters, ("PageSize", str(page.size)), ("Page", str(number))]
        fields += [("PageToken", token)] if token else []
        return path + "?" + "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in fields)

    return {
        "first_page_uri": uri(0),
        "next_page_uri": uri(page.number + 1, f"PA{shown[-1].sid}") if more else None,
        "previous_page_uri": _previous(matching, start, page, uri),
        "uri": uri(page.number, f"PA{page.after}" if page.after else ""),
        "page": page.number,
        "page_size": page.size,
        "start": page.number * page.size,
        "end": page.number * page.size + max(len(shown) - 1, 0),
        "messages": [resource(text) for text in shown],
    }


def read_page(query: Mapping[str, str]) -> Page:
    """The page asked for. A later page needs the token that `next_page_uri` carries."""
    size = _integer(query, "PageSize", DEFAULT_PAGE_SIZE)
    number = _integer(query, "Page", 0)
    token = query.get("PageToken", "")
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise Refused(20001, "PageSize")
    if number and not token:
        raise Refused(20006, str(number))
    if token and not token.startswith("PA"):
        raise Refused(20001, "PageToken")
    return Page(size, number, token[2:] or None)


def _integer(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name, "")
    if value and not (value.isascii() and value.isdecimal()):
        raise Refused(20001, name)
    return int(value) if value else default


def _start(newest_first: list[Text], matching: list[Text], page: Page) -> int:
    """Behind the text of the token, also if the filter has let go of that one meanwhile."""
    if page.after is None:
        return 0
    last = next((text.number for text in newest_first if text.sid == page.after), None)
    if last is None:
        raise Refused(20001, "PageToken")
    return sum(text.number >= last for text in matching)


def _previous(matching: list[Text], start: int, page: Page, uri: Any) -> str | None:
    if page.number == 0:
        return None
    before = start - page.size - 1
    return str(uri(page.number - 1, f"PA{matching[before].sid}" if before >= 0 else ""))


def _filter(query: Mapping[str, str]) -> Any:
    """A test by the query. `<` and `>` are inclusive, since their URLs read `DateSent<=…`."""
    to, from_ = query.get("To"), query.get("From")
    on, until, since = (_instant(query, name) for name in ("DateSent", "DateSent<", "DateSent>"))

    def matches(text: Text) -> bool:
        if (to and text.to != to) or (from_ and text.from_ != from_):
            return False
        if not (on or until or since):
            return True
        sent = text.sent
        return sent is not None and (
            (on is None or sent.date() == on.date())
            and (until is None or sent <= until)
            and (since is None or sent >= since)
        )

    return matches


def _instant(query: Mapping[str, str], name: str) -> datetime | None:
    """A date is its midnight. Twilio also takes instants in other spellings."""
    value = query.get(name)
    if not value:
        return None
    if not (_DATE.fullmatch(value) or INSTANT.fullmatch(value)):
        raise Refused(20001, name)
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise Refused(20001, name) from None
    return instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
