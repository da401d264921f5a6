"""Exported message logs are read row by row, and a broken row costs only itself."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from crm_sms.errors import Unreadable
from crm_sms.events import Direction, ErrorClass, Event, EventKind, Status
from crm_sms.ports import ExportRow
from crm_sms_twilio import Twilio

SENT = datetime(2026, 11, 19, 10, 0, 2, tzinfo=UTC)

Read = Callable[..., list[ExportRow]]


@pytest.fixture
def read(twilio: Twilio, tmp_path: Path) -> Read:
    """Writes a file, gives its rows back."""

    def write_and_read(content: str | bytes, provider: Twilio = twilio) -> list[ExportRow]:
        path = tmp_path / "export"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(provider.read_export(path))

    return write_and_read


def only_event(rows: list[ExportRow]) -> Event:
    """The one event of a file with one row."""
    (row,) = rows
    assert row.event is not None, row.refused
    return row.event


def as_csv(*rows: dict[str, Any], header: list[str] | None = None) -> str:
    """Rows as the console writes them."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, header or list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@pytest.fixture
def console_row(account: str) -> dict[str, str]:
    """The listed message as the console's CSV has it."""
    return {
        "From": "+12025550199",
        "To": "+12025550123",
        "Body": "Spring is here",
        "Status": "delivered",
        "SentDate": "2026-11-19T10:00:02Z",
        "ApiVersion": "2010-04-01",
        "NumSegments": "2",
        "NumMedia": "0",
        "ErrorCode": "0",
        "AccountSid": account,
        "Sid": "SM" + "4" * 32,
        "Direction": "outbound-api",
        "Price": "-0.01580",
        "PriceUnit": "USD",
    }


def test_a_page_of_the_list(read: Read, listed: dict[str, Any], account: str) -> None:
    """Everything a listing says of a text."""
    event = only_event(read(json.dumps({"messages": [listed], "page": 0, "next_page_uri": None})))
    assert (event.provider, event.account, event.kind) == ("twilio", account, EventKind.SNAPSHOT)
    assert event.provider_message_id == listed["sid"]
    assert event.key.startswith(f"{listed['sid']}:snapshot:")
    assert (event.direction, event.status) == (Direction.OUTBOUND, Status.DELIVERED)
    assert event.provider_status == "delivered"
    assert (event.occurred_at, event.sent_at) == (SENT, SENT)
    assert (event.price, event.segments, event.media_count) == (0.0158, 2, 0)
    assert (event.error_code, event.error_class) == (None, None)
    assert event.body == "Spring is here"
    assert event.verified
    assert event.person_address is not None
    assert event.person_address.e164 == "+12025550123"


@pytest.mark.parametrize(
    ("write", "places"),
    [
        (lambda rows: json.dumps({"messages": rows}), "line 1, message 1; line 1, message 2"),
        (lambda rows: json.dumps({"messages": rows}, indent=2), "message 1; message 2"),
        (lambda rows: json.dumps(rows), "message 1; message 2"),
        (lambda rows: "\n\n" + json.dumps(rows, indent=1), "message 1; message 2"),
        (lambda rows: "\n".join(json.dumps(row) for row in rows), "line 1; line 2"),
        (lambda rows: "\n\r\n\n".join(json.dumps(row) for row in rows), "line 1; line 4"),
        (lambda rows: "\n" + "\n\n".join(map(json.dumps, rows)) + "\n\n", "line 2; line 4"),
        (lambda rows: "\n".join(json.dumps({"messages": [r]}) for r in rows), "line 1; line 2"),
        (lambda rows: "\ufeff" + json.dumps(rows), "message 1; message 2"),
    ],
)
def test_every_shape_of_json(
    read: Read, listed: dict[str, Any], write: Callable[[list[dict[str, Any]]], str], places: str
) -> None:
    """A page, a bare array, lines of messages and lines of pages hold the same texts; each has its
    place, as an editor shows it where there are lines."""
    second = listed | {"sid": "SM" + "5" * 32, "body": "line\nbreak 👋"}
    rows = read(write([listed, second]))
    assert "; ".join(row.place for row in rows) == places
    assert [row.event and row.event.body for row in rows] == ["Spring is here", "line\nbreak 👋"]


def test_the_consoles_csv(read: Read, listed: dict[str, Any], console_row: dict[str, str]) -> None:
    """The CSV gives the same event as the list, key included."""
    assert only_event(read(as_csv(console_row))) == only_event(read(json.dumps([listed])))


@pytest.mark.parametrize(
    "names",
    [
        {"Sid": "MessageSid", "SentDate": "DateSent"},
        {"Sid": "message_sid", "SentDate": "Date Sent", "From": "FROM", "Body": " body "},
        {"Sid": "SID", "SentDate": "sent date", "NumSegments": "Num Segments"},
        {"Sid": "\ufeffSid"},
    ],
)
def test_columns_are_found_by_name(
    read: Read, console_row: dict[str, str], names: dict[str, str]
) -> None:
    """Case, spaces, underscores, order and a BOM do not matter."""
    row = {names.get(name, name): value for name, value in reversed(console_row.items())}
    moved = {"\ufeffSid": row.pop("\ufeffSid")} | row if "\ufeffSid" in row else row
    event = only_event(read(as_csv(moved)))
    assert event == only_event(read(as_csv(console_row)))


def test_unknown_columns_are_ignored(read: Read, console_row: dict[str, str]) -> None:
    """A column that Twilio adds changes nothing, nor does the Messaging Service's own Sid."""
    more = {"MessagingServiceSid": "MG" + "2" * 32, **console_row, "Mood": "good"}
    assert only_event(read(as_csv(more))) == only_event(read(as_csv(console_row)))


def test_an_inbound_message(read: Read, listed: dict[str, Any]) -> None:
    """What a person wrote is listed too, as received; it was sent by them, not by us."""
    row = listed | {"direction": "inbound", "status": "received", "body": "STOP"}
    event = only_event(read(json.dumps([row])))
    assert event.kind is EventKind.SNAPSHOT
    assert (event.direction, event.status) == (Direction.INBOUND, Status.RECEIVED)
    assert (event.occurred_at, event.sent_at) == (SENT, None)
    assert event.body == "STOP"


@pytest.mark.parametrize("status", ["", "receiving", "arrived"])
def test_what_came_in_is_received(read: Read, listed: dict[str, Any], status: str) -> None:
    """Whatever Twilio calls it: a listed inbound message has come in."""
    event = only_event(read(json.dumps([listed | {"direction": "inbound", "status": status}])))
    assert event.status is Status.RECEIVED
    assert event.provider_status == (status or None)


@pytest.mark.parametrize(
    ("direction", "status", "expected"),
    [
        ("Incoming", "received", Direction.INBOUND),
        ("outbound-reply", "sent", Direction.OUTBOUND),
        ("", "received", Direction.INBOUND),
        ("", "delivered", Direction.OUTBOUND),
        ("", "", Direction.OUTBOUND),
    ],
)
def test_directions(
    read: Read, listed: dict[str, Any], direction: str, status: str, expected: Direction
) -> None:
    """Without a direction the status tells."""
    row = listed | {"direction": direction, "status": status}
    assert only_event(read(json.dumps([row]))).direction is expected


def test_a_failure(read: Read, listed: dict[str, Any]) -> None:
    """The list has codes as numbers, or as texts."""
    for code in (30007, "30007"):
        row = listed | {"status": "undelivered", "error_code": code}
        event = only_event(read(json.dumps([row])))
        assert (event.error_code, event.error_class) == ("30007", ErrorClass.CONTENT)


def test_a_text_not_sent_yet(read: Read, listed: dict[str, Any]) -> None:
    """Without date_sent the time is that of its creation; a pool has no sender yet."""
    row = listed | {"date_sent": None, "from": None, "status": "accepted", "price": None}
    event = only_event(read(json.dumps([row])))
    assert event.sent_at is None
    assert event.occurred_at == datetime(2026, 11, 19, 10, 0, tzinfo=UTC)
    assert (event.sender, event.price, event.status) == (None, None, Status.ACCEPTED)


@pytest.mark.parametrize("name", ["SentDate", "DateSent"])
@pytest.mark.parametrize("time", ["2026-11-19 10:00:02", "11/19/2026 10:00", "yesterday"])
def test_a_time_that_is_no_instant_is_refused(
    read: Read, console_row: dict[str, str], name: str, time: str
) -> None:
    """Taken for the time of the import, it would make history new: a task for each old reply."""
    del console_row["SentDate"]
    (row,) = read(as_csv(console_row | {name: time}))
    assert row.event is None
    assert "its time has no zone" in row.refused
    assert time not in row.refused


@pytest.mark.parametrize("column", ["From", "To"])
@pytest.mark.parametrize("number", ["12025550188", "1.20256E+10", "1,20256E+10", "1E+10"])
def test_a_number_that_a_spreadsheet_spoilt_is_refused(
    read: Read, console_row: dict[str, str], column: str, number: str
) -> None:
    """A STOP from such a number would be kept, and stop nothing."""
    (row,) = read(as_csv(console_row | {"Body": "STOP", column: number}))
    assert row.event is None
    assert f"its {column} is not a number as Twilio writes it" in row.refused
    assert number not in row.refused


@pytest.mark.parametrize("sender", ["72345", "ACME 2", "whatsapp:+12025550123", "+12025550123"])
def test_what_twilio_writes_as_a_sender_is_none_of_those(
    read: Read, console_row: dict[str, str], sender: str
) -> None:
    """Short codes, names and channels are kept as they come."""
    event = only_event(read(as_csv(console_row | {"From": sender})))
    assert event.sender is not None
    assert event.sender.raw == sender


def test_a_reply_without_any_time_is_refused(read: Read, console_row: dict[str, str]) -> None:
    """For the same reason; what was never sent has no time, and makes no task."""
    row = console_row | {"SentDate": ""}
    (reply,) = read(as_csv(row | {"Direction": "inbound"}))
    assert "it has no time" in reply.refused
    assert only_event(read(as_csv(row | {"Status": "failed"}))).occurred_at is None


def test_the_key_covers_what_the_listing_says(read: Read, listed: dict[str, Any]) -> None:
    """A listing that says more is a new fact; one that says the same is not."""
    changes: list[dict[str, Any]] = [
        {},
        {"status": "read"},
        {"body": "other"},
        {"price": "-0.02"},
        {"error_code": 30003},
        {"num_segments": "3"},
        {"date_sent": "Thu, 19 Nov 2026 10:00:03 +0000"},
        {"from": "+12025550198"},
    ]
    keys = [only_event(read(json.dumps([listed | change]))).key for change in changes]
    assert len(set(keys)) == len(changes)
    assert keys[0] == only_event(read(json.dumps([listed | {"api_version": "2030"}]))).key


def test_an_account_of_history_is_accepted(read: Read, listed: dict[str, Any]) -> None:
    """A message of an account that is not configured keeps its account."""
    row = listed | {"account_sid": "AC" + "9" * 32}
    assert only_event(read(json.dumps([row]))).account == "AC" + "9" * 32


def test_the_only_account_owns_rows_without_one(
    read: Read, console_row: dict[str, str], account: str
) -> None:
    """The console may leave the account out."""
    del console_row["AccountSid"]
    assert only_event(read(as_csv(console_row))).account == account


def test_of_several_accounts_none_is_guessed(
    read: Read, make_twilio: Callable[..., Twilio], console_row: dict[str, str]
) -> None:
    """A row that could be anyone's is refused, with the remedy."""
    accounts = {"AC" + digit * 32: {"auth_token": "t"} for digit in "01"}
    del console_row["AccountSid"]
    (row,) = read(as_csv(console_row), make_twilio(accounts=accounts))
    assert row.event is None
    assert "AccountSid" in row.refused


@pytest.mark.parametrize(
    "broken", [{"sid": None}, {"sid": ""}, {"sid": "CA12"}, {"sid": {}}, 7, []]
)
def test_a_broken_message_costs_only_itself(
    read: Read, listed: dict[str, Any], broken: object
) -> None:
    """A row without a message's Sid is refused, the next one is read."""
    bad = listed | broken if isinstance(broken, dict) else broken
    first, second = read(json.dumps([bad, listed]))
    assert (first.place, first.event) == ("message 1", None)
    assert first.refused
    assert (second.place, second.refused) == ("message 2", "")
    assert second.event is not None


def test_no_sid_and_a_bad_sid_are_told_apart(read: Read, console_row: dict[str, str]) -> None:
    """Under a Sid that was cut or made up, the text would have a second record."""
    (without,) = read(as_csv(console_row | {"Sid": ""}))
    assert without.refused == "it has no Sid; export messages with their Sid"
    good = console_row["Sid"]
    for bad in (good[:-1], good + "4", "SM" + "g" * 32, "CA" + good[2:], "4.44E+31", "sm1"):
        (row,) = read(as_csv(console_row | {"Sid": bad}))
        assert row.event is None
        assert "its Sid is not that of a message: SM or MM and 32 hexadecimal digits" in row.refused
    assert only_event(read(as_csv(console_row | {"Sid": "MM" + good[2:]})))


LIKE_JSON = [b'{"sid": "SM1', b'{"sid": "SM1", "body": "\xff"}', b"{" * 9]
UNLIKE_JSON = [b"nonsense", b"[1, 2]", b'"SM1"', b"null"]


@pytest.mark.parametrize(
    ("bad", "place"),
    [*itertools.product(LIKE_JSON, [0, 1, 2]), *itertools.product(UNLIKE_JSON, [1, 2])],
)
def test_a_broken_line_costs_only_itself(
    read: Read, listed: dict[str, Any], bad: bytes, place: int
) -> None:
    """In JSON Lines the first line may be broken as well, as long as it looks like JSON."""
    good = [json.dumps(listed).encode()] * 2
    rows = read(b"\n".join([*good[:place], bad, *good[place:]]))
    assert sum(row.event is not None for row in rows) == 2
    assert all(bool(row.refused) == (row.event is None) for row in rows)


@pytest.mark.parametrize(
    "line",
    [
        b"+12025550199,+12025550123",
        b'x,"y"z,1,2,3,4,5,6,7,8,9,0,1,2',
        b",,,,,,,,,,,,,",
        b"a,b,c\xff,d,e,f,g,h,i,j,SM1,l,m,n",
        b"a,b,c,d,e,f,g,h,i,j,SM1,l,m,n,one too many",
    ],
)
def test_a_broken_csv_row_costs_only_itself(
    read: Read, console_row: dict[str, str], line: bytes
) -> None:
    """Cut, wrongly quoted, empty and wrongly encoded rows are refused, the rest goes on."""
    header, row = as_csv(console_row).encode().splitlines()
    rows = read(b"\r\n".join([header, row, line, row]))
    assert [row.place for row in rows] == ["line 2", "line 3", "line 4"]
    assert [row.event is None for row in rows] == [False, True, False]
    assert rows[1].refused


def test_a_csv_cut_within_quotes_gives_no_half_body(
    read: Read, console_row: dict[str, str]
) -> None:
    """A truncated last row is refused, not read with half a body."""
    text = as_csv(console_row, console_row | {"Body": "one, two, three"})
    first, second = read(text[: text.index("two")])
    assert first.event is not None
    assert "not CSV" in second.refused


def test_blank_lines_and_trailing_commas_are_nothing(
    read: Read, console_row: dict[str, str]
) -> None:
    """Spreadsheets add them."""
    header, row = as_csv(console_row).splitlines()
    rows = read("\r\n".join([header, "", row + ",,", "", ""]))
    assert only_event(rows) == only_event(read(as_csv(console_row)))


def test_line_breaks_in_a_cell_are_kept(read: Read, console_row: dict[str, str]) -> None:
    """A body with blank lines, quotes and commas is one cell."""
    body = 'He said "no",\r\n\r\n\nreally\n'
    assert only_event(read(as_csv(console_row | {"Body": body}))).body == body


def test_a_rows_place_is_the_line_on_which_it_begins(
    read: Read, console_row: dict[str, str]
) -> None:
    """Whatever breaks and blank lines come before it; that is where an editor finds it."""
    header, row = as_csv(console_row | {"Body": "one\ntwo\n\nfour"}).split("\r\n", 1)
    rows = read("\n".join([header, "", row.strip(), "", "broken", row.strip()]))
    assert [row.place for row in rows] == ["line 3", "line 8", "line 9"]
    assert [bool(row.event) for row in rows] == [True, False, True]


def test_a_refused_row_does_not_quote_the_row(read: Read, listed: dict[str, Any]) -> None:
    """Bodies and numbers stay out of what the import prints."""
    (row,) = read(json.dumps([listed | {"sid": ""}]))
    assert listed["body"] not in row.refused
    assert listed["to"] not in row.refused


def test_a_file_without_a_sid_column_names_its_columns(
    read: Read, console_row: dict[str, str]
) -> None:
    """The message says what the file has and what it needs."""
    del console_row["Sid"]
    with pytest.raises(Unreadable, match=r"export: the file has the columns From, To, Body.*Sid"):
        read(as_csv(console_row))


def test_a_file_without_a_header_shows_no_data(read: Read, console_row: dict[str, str]) -> None:
    """Its first line holds numbers and a body, which no message may quote."""
    with pytest.raises(Unreadable, match="no line of column names") as caught:
        read(as_csv(console_row).splitlines()[1])
    assert "2025550123" not in str(caught.value)
    assert "Spring" not in str(caught.value)


def test_truncated_json_says_where(read: Read, listed: dict[str, Any]) -> None:
    """A cut file is refused as a whole, with the place."""
    text = json.dumps({"messages": [listed, listed]}, indent=1)
    with pytest.raises(Unreadable, match=r"cut off at line 43, column \d+.*export it again"):
        read(text[:-200])
    with pytest.raises(Unreadable, match="cut off at line 1, column"):
        read(json.dumps([listed])[:-3])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n \n",
        b"\xff\xfeS\x00i\x00d\x00",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"PK\x03\x04",
        b'{\n"code": 20003,\n"message": "Authenticate"}',
        b"[" * 100_000,
        b'[{"sid": "SM1", "body": "\xff"}]',
        b'a,"b"c\nd,e,f',
    ],
)
def test_other_files_are_unreadable(read: Read, content: bytes) -> None:
    """What is no export says what to give instead."""
    with pytest.raises(Unreadable, match="JSON Lines"):
        read(content)


def test_a_missing_file_is_unreadable(twilio: Twilio, tmp_path: Path) -> None:
    """The error names the path and the reason."""
    with pytest.raises(Unreadable, match="no-such-file: No such file"):
        list(twilio.read_export(tmp_path / "no-such-file"))
    with pytest.raises(Unreadable, match="directory"):
        list(twilio.read_export(tmp_path))


def test_empty_lists_have_no_rows(read: Read, console_row: dict[str, str]) -> None:
    """An export of nothing is an export."""
    assert read("[]") == read('{"messages": []}') == []
    assert read(as_csv(console_row).splitlines()[0]) == []


def test_csv_streams(twilio: Twilio, console_row: dict[str, str], tmp_path: Path) -> None:
    """The memory for 20,000 rows is that for a few: the file itself has 4 MB."""
    header, row = as_csv(console_row).splitlines()
    path = tmp_path / "large.csv"
    path.write_text("\n".join([header, *itertools.repeat(row, 20_000)]))
    tracemalloc.start()
    try:
        count = sum(1 for _ in twilio.read_export(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 1_000_000


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
documents = st.recursive(values, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(st.binary(max_size=300) | documents.map(lambda d: json.dumps(d).encode()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_raises_anything_but_unreadable(read: Read, content: bytes) -> None:
    """Any bytes give rows or one clear error."""
    try:
        rows = read(content)
    except Unreadable:
        return
    assert all((row.event is None) == bool(row.refused) for row in rows)


@given(
    row=st.dictionaries(st.sampled_from(["body", "status", "price", "date_sent", "from"]), values)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_beside_a_sid_are_a_row(
    read: Read, listed: dict[str, Any], row: dict[str, Any]
) -> None:
    """Odd values are left out or kept as text; the row is never lost, and its key is stable."""
    assume(not re.fullmatch(r"\d{9,}|\d([.,]\d+)?[eE]\+\d\d", str(row.get("from"))))
    content = json.dumps([listed | row])
    assert only_event(read(content)) == only_event(read(content))
