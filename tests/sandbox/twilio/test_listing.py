"""Pages of the message list, over any number of texts and any page size."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.sandbox.twilio.errors import Refused
from crm_sms.sandbox.twilio.listing import list_messages, read_page
from crm_sms.sandbox.twilio.texts import Text

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ACCOUNT = "AC" + "a" * 32


def _text(number: int, to: str = "+12025550123", sent: datetime | None = None) -> Text:
    return Text(
        number=number,
        sid=f"SM{number:032x}",
        account=ACCOUNT,
        to=to,
        from_="+12025550100",
        body=str(number),
        status="sent",
        direction="outbound-api",
        segments=1,
        created=START,
        updated=START,
        sent=sent or START + timedelta(minutes=number),
    )


def _query(uri: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(uri).query))


def _walk(texts: list[Text], query: dict[str, str], between: list[Text] = ()) -> list[list[str]]:
    """The bodies page by page; after the first page `between` are new texts."""
    pages, known = [], list(texts)
    while True:
        answer = list_messages(ACCOUNT, known, query)
        pages.append([message["body"] for message in answer["messages"]])
        known += between if len(pages) == 1 else []
        if answer["next_page_uri"] is None:
            return pages
        query = _query(answer["next_page_uri"])


@given(st.integers(0, 40), st.integers(1, 15))
def test_pages_hold_every_text_once(count: int, size: int) -> None:
    """Newest first, each page full but the last, no empty page at the end."""
    pages = _walk([_text(n) for n in range(count)], {"PageSize": str(size)})
    assert [body for page in pages for body in page] == [str(n) for n in reversed(range(count))]
    assert all(len(page) == size for page in pages[:-1])
    assert len(pages) == max(1, -(-count // size))


@given(st.integers(1, 30), st.integers(1, 10), st.integers(0, 10))
def test_new_texts_move_no_page(count: int, size: int, new: int) -> None:
    """What arrives while the pages are read makes none of the old texts appear twice or never."""
    texts = [_text(n) for n in range(count)]
    between = [_text(count + n) for n in range(new)]
    pages = _walk(texts, {"PageSize": str(size)}, between)
    assert [body for page in pages for body in page] == [str(n) for n in reversed(range(count))]


def test_shifted_pages_repeat_what_new_texts_moved_back() -> None:
    """Found by its number, a page holds again what slid down from the one before; nothing is
    left out."""
    texts = [_text(n) for n in range(5)]
    first = list_messages(ACCOUNT, texts, {"PageSize": "2"}, shifted=True)
    texts.append(_text(5))
    second = list_messages(ACCOUNT, texts, _query(first["next_page_uri"]), shifted=True)
    third = list_messages(ACCOUNT, texts, _query(second["next_page_uri"]), shifted=True)
    pages = [[message["body"] for message in page["messages"]] for page in (first, second, third)]
    assert pages == [["4", "3"], ["3", "2"], ["1", "0"]]


def test_a_token_outlives_its_text_in_the_filter() -> None:
    """The next page goes on behind that text, also if it has been sent out of the filter's time."""
    texts = [_text(n) for n in range(5)]
    query = {"PageSize": "2", "DateSent<": (START + timedelta(hours=1)).isoformat()}
    first = list_messages(ACCOUNT, texts, query)
    texts[3].sent = START + timedelta(hours=2)
    second = list_messages(ACCOUNT, texts, _query(first["next_page_uri"]))
    assert [message["body"] for message in second["messages"]] == ["2", "1"]


def test_a_token_of_no_text_is_refused() -> None:
    """Also one whose text was deleted; what Twilio does then is not known."""
    with pytest.raises(Refused, match="PageToken"):
        list_messages(ACCOUNT, [_text(1)], {"Page": "1", "PageToken": f"PASM{9:032x}"})


@pytest.mark.parametrize(
    "value", ["20260302", "2026-W10-1", "2026-03-02T09:00:00", "2026-03-02 09:00:00Z", "2026-02-30"]
)
def test_a_date_that_is_none(value: str) -> None:
    """Only what Twilio's OpenAPI calls a date or an instant."""
    with pytest.raises(Refused, match="DateSent"):
        list_messages(ACCOUNT, [], {"DateSent>": value})


@given(st.integers(0, 30), st.integers(1, 10))
def test_previous_pages_lead_back(count: int, size: int) -> None:
    """From the last page back to the first, the same texts in reverse."""
    texts = [_text(n) for n in range(count)]
    answer = list_messages(ACCOUNT, texts, {"PageSize": str(size)})
    forward = [answer["messages"]]
    while answer["next_page_uri"]:
        answer = list_messages(ACCOUNT, texts, _query(answer["next_page_uri"]))
        forward.append(answer["messages"])
    backward = [answer["messages"]]
    while answer["previous_page_uri"]:
        answer = list_messages(ACCOUNT, texts, _query(answer["previous_page_uri"]))
        backward.append(answer["messages"])
    assert backward == forward[::-1]


@given(st.lists(st.sampled_from(["+12025550123", "+12025550124"]), max_size=20), st.integers(1, 5))
def test_filters_go_with_the_pages(recipients: list[str], size: int) -> None:
    """A page's link repeats the filter, so that later pages hold no other texts."""
    texts = [_text(n, to) for n, to in enumerate(recipients)]
    pages = _walk(texts, {"To": "+12025550124", "PageSize": str(size)})
    expected = [str(n) for n, to in reversed(list(enumerate(recipients))) if to == "+12025550124"]
    assert [body for page in pages for body in page] == expected


@given(st.lists(st.integers(0, 4000), max_size=12), st.integers(0, 4000))
def test_dates_split_the_list(minutes: list[int], bound: int) -> None:
    """Both bounds include their instant, and together they hold every text."""
    texts = [_text(n, sent=START + timedelta(minutes=m)) for n, m in enumerate(minutes)]
    at = (START + timedelta(minutes=bound)).isoformat().replace("+00:00", "Z")

    def bodies(name: str) -> set[str]:
        return {m["body"] for m in list_messages(ACCOUNT, texts, {name: at})["messages"]}

    assert bodies("DateSent<") == {str(n) for n, m in enumerate(minutes) if m <= bound}
    assert bodies("DateSent>") == {str(n) for n, m in enumerate(minutes) if m >= bound}


def test_a_bare_date_is_its_midnight() -> None:
    """`DateSent` takes the whole day; a bound begins with it."""
    texts = [_text(0, sent=START), _text(1, sent=START + timedelta(days=1))]

    def bodies(name: str, value: str) -> list[str]:
        return [m["body"] for m in list_messages(ACCOUNT, texts, {name: value})["messages"]]

    assert bodies("DateSent", "2026-03-02") == ["0"]
    assert bodies("DateSent>", "2026-03-03") == ["1"]
    assert bodies("DateSent<", "2026-03-02") == []
    assert bodies("DateSent<", "2026-03-03") == ["0"]


def test_the_envelope_counts_from_zero() -> None:
    """Page numbers, first and last index, and links relative to the API's root."""
    texts = [_text(n) for n in range(5)]
    first = list_messages(ACCOUNT, texts, {"PageSize": "2"})
    assert (first["page"], first["start"], first["end"], first["page_size"]) == (0, 0, 1, 2)
    assert first["previous_page_uri"] is None
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert first["uri"] == first["first_page_uri"] == f"{path}?PageSize=2&Page=0"
    assert first["next_page_uri"] == f"{path}?PageSize=2&Page=1&PageToken=PASM{3:032x}"
    last = list_messages(ACCOUNT, texts, _query(_next_of(texts, first)))
    assert (last["page"], last["start"], last["end"]) == (2, 4, 4)
    assert last["next_page_uri"] is None


def _next_of(texts: list[Text], first: dict) -> str:
    second = list_messages(ACCOUNT, texts, _query(first["next_page_uri"]))
    return second["next_page_uri"]


def test_fifty_is_the_default() -> None:
    """Without PageSize."""
    assert len(list_messages(ACCOUNT, map(_text, range(60)), {})["messages"]) == 50
    assert read_page({}).size == 50


@pytest.mark.parametrize("size", ["0", "1001", "-1", "1.5", "²", "ten"])
def test_sizes_out_of_range(size: str) -> None:
    """Only 1 to 1000."""
    with pytest.raises(Refused, match="PageSize"):
        read_page({"PageSize": size})
    assert read_page({"PageSize": "1000"}).size == 1000
