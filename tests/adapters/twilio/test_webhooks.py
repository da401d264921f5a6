"""What callbacks become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.errors import RefusedInput, Unreadable
from crm_sms.events import (
    ClickClass,
    Direction,
    ErrorClass,
    Event,
    EventKind,
    Metadata,
    OptOutType,
    Status,
)
from crm_sms.phone import AddressKind
from crm_sms.ports import WebhookRequest
from crm_sms_twilio import Twilio
from crm_sms_twilio.words import STATUSES

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def receive(twilio: Twilio, caller: Any) -> Callable[..., Event]:
    """Signs parameters as a form, posts them, gives the one event back."""

    def post(params: Any, kind: str | None = None, query: str = "") -> Event:
        path = f"/webhooks/twilio/{kind}" if kind else "/webhooks/twilio"
        (event,) = twilio.receive(caller.form(params, path, query), kind)
        return event

    return post


def test_a_status_callback(
    receive: Callable[..., Event], status_params: dict[str, str], account: str, now: datetime
) -> None:
    """Everything a status callback says, and no time, since it gives none."""
    event = receive(status_params, "status")
    assert (event.provider, event.account, event.kind) == ("twilio", account, EventKind.STATUS)
    assert event.key == f"{status_params['MessageSid']}:delivered"
    assert event.provider_message_id == status_params["MessageSid"]
    assert (event.status, event.provider_status) == (Status.DELIVERED, "delivered")
    assert event.direction is Direction.OUTBOUND
    assert event.sender is not None
    assert event.sender.e164 == "+12025550199"
    assert event.person_address is not None
    assert event.person_address.e164 == "+12025550123"
    assert (event.occurred_at, event.sent_at, event.received_at) == (None, None, now)
    assert (event.error_code, event.error_class, event.body) == (None, None, None)


def test_the_raw_request_is_kept(
    twilio: Twilio, caller: Any, status_params: dict[str, str]
) -> None:
    """The exact bytes and the query stay with the event, to be read again after a fix."""
    request = caller.form(status_params, query="key=m-1")
    raw = twilio.receive(request, "status")[0].raw
    assert raw is not None
    assert (raw.body, raw.query) == (request.body, "key=m-1")
    assert raw.content_type.startswith(FORM)


@pytest.mark.parametrize(("word", "status"), STATUSES.items())
def test_every_known_status(
    receive: Callable[..., Event], status_params: dict[str, str], word: str, status: Status
) -> None:
    """Each status of Twilio's OpenAPI has one of ours."""
    params = status_params | {"MessageStatus": word, "SmsStatus": word}
    event = receive(params, "status")
    assert event.status is status
    assert event.provider_status == word


@pytest.mark.parametrize("word", ["teleported", "DELIVERED?", "  ", "送信済み", "x" * 300])
def test_an_unknown_status_survives(
    receive: Callable[..., Event], status_params: dict[str, str], word: str
) -> None:
    """A new word is kept verbatim and stops nothing."""
    event = receive(status_params | {"MessageStatus": word}, "status")
    assert (event.kind, event.status) == (EventKind.STATUS, Status.UNKNOWN)
    assert event.provider_status == word


def test_a_failure_has_its_code_in_the_key(
    receive: Callable[..., Event], status_params: dict[str, str]
) -> None:
    """Two failures of one text with different codes are two facts."""
    params = status_params | {"MessageStatus": "undelivered", "ErrorCode": "30003"}
    event = receive(params, "status")
    assert event.key.endswith(":undelivered:30003")
    assert (event.error_code, event.error_class) == ("30003", ErrorClass.UNREACHABLE_TEMPORARY)


def test_an_opt_out_seen_by_the_provider(
    receive: Callable[..., Event], status_params: dict[str, str]
) -> None:
    """21610 says that the person told Twilio no."""
    event = receive(status_params | {"MessageStatus": "failed", "ErrorCode": "21610"}, "status")
    assert event.error_class is ErrorClass.CONSENT


def test_an_unknown_error_code_survives(
    receive: Callable[..., Event], status_params: dict[str, str]
) -> None:
    """A new code is kept; its class is unknown."""
    event = receive(status_params | {"MessageStatus": "failed", "ErrorCode": "99999"}, "status")
    assert (event.error_code, event.error_class) == ("99999", ErrorClass.UNKNOWN)


@pytest.mark.parametrize("code", ["", "0"])
def test_no_error_is_written_in_two_ways(
    receive: Callable[..., Event], status_params: dict[str, str], code: str
) -> None:
    """A blank code and 0 are no error, and no other key."""
    event = receive(status_params | {"ErrorCode": code}, "status")
    assert (event.error_code, event.error_class) == (None, None)
    assert event.key.endswith(":delivered")


def test_our_key_and_metadata_come_back(
    receive: Callable[..., Event], status_params: dict[str, str]
) -> None:
    """The signed query brings what the sending system said of the text."""
    query = "key=m-1&person=003A&campaign=Fr%C3%BChling&decision=d-9&utm=x&arm=&offer=a%20b"
    event = receive(status_params, "status", query)
    assert event.message_key == "m-1"
    assert event.metadata == Metadata(
        campaign="Frühling", person_id="003A", decision_id="d-9", offer="a b"
    )


def test_a_callback_without_a_query_has_no_key(
    receive: Callable[..., Event], status_params: dict[str, str]
) -> None:
    """Texts of other systems may come without any key."""
    event = receive(status_params, "status")
    assert (event.message_key, event.metadata) == (None, Metadata())


def test_a_reply_does_not_take_a_key_from_its_url(
    receive: Callable[..., Event], inbound_params: dict[str, str]
) -> None:
    """One inbound URL serves all replies: a key in it would make them one message."""
    event = receive(inbound_params, "inbound", "key=m-1&campaign=spring")
    assert (event.message_key, event.metadata) == (None, Metadata())


def test_legacy_names_are_read(
    receive: Callable[..., Event], status_params: dict[str, str]
) -> None:
    """Old callbacks have SmsSid and SmsStatus only."""
    for name in ("MessageSid", "MessageStatus"):
        del status_params[name]
    event = receive(status_params)
    assert (event.kind, event.status) == (EventKind.STATUS, Status.DELIVERED)
    assert event.provider_message_id == status_params["SmsSid"]


def test_a_reply(receive: Callable[..., Event], inbound_params: dict[str, str]) -> None:
    """Everything an inbound message says."""
    event = receive(inbound_params, "inbound")
    assert event.kind is EventKind.REPLY
    assert event.key == event.provider_message_id == inbound_params["MessageSid"]
    assert (event.direction, event.status) == (Direction.INBOUND, Status.RECEIVED)
    assert event.body == "Yes, call me tomorrow"
    assert (event.media, event.media_count, event.segments) == ((), 0, 1)
    assert event.opt_out_type is None
    assert event.person_address is not None
    assert event.person_address.e164 == "+12025550123"


@pytest.mark.parametrize(
    "body",
    [
        "",
        " \t stop \n ",
        "👩‍👩‍👧‍👦 ok 🇺🇦",
        "مرحبا، نعم",
        "nul\x00in the middle",
        "a+b=c&d%41",
        "x" * 1530,
        "\u202eevil\u202c",
        "\ufeffbom",
    ],
)
def test_a_body_is_kept_verbatim(
    receive: Callable[..., Event], inbound_params: dict[str, str], body: str
) -> None:
    """Emoji, right-to-left, empty, blanks, NUL and ten parts arrive as they were typed."""
    event = receive(inbound_params | {"Body": body, "NumSegments": "10"}, "inbound")
    assert event.body == body
    assert event.segments == 10


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("STOP", OptOutType.STOP),
        ("START", OptOutType.START),
        ("HELP", OptOutType.HELP),
        ("stop", OptOutType.STOP),
        ("PAUSE", None),
        ("", None),
    ],
)
def test_advanced_opt_out_types(
    receive: Callable[..., Event],
    inbound_params: dict[str, str],
    word: str,
    expected: OptOutType | None,
) -> None:
    """OptOutType is passed on; a new one is not guessed."""
    event = receive(inbound_params | {"OptOutType": word}, "inbound")
    assert event.opt_out_type is expected


def test_media_are_listed(receive: Callable[..., Event], inbound_params: dict[str, str]) -> None:
    """MediaUrl0, MediaUrl1 … in their order, also beyond nine."""
    urls = {f"MediaUrl{n}": f"https://api.twilio.com/media/{n}" for n in range(11)}
    event = receive(inbound_params | urls | {"NumMedia": "11"}, "inbound")
    assert event.media == tuple(urls.values())
    assert event.media_count == 11


@pytest.mark.parametrize("count", ["", "many", "-1", "9999999999", "²"])
def test_odd_counts_are_absent(
    receive: Callable[..., Event], inbound_params: dict[str, str], count: str
) -> None:
    """A count that is none is left out, the reply is kept."""
    event = receive(inbound_params | {"NumSegments": count, "NumMedia": count}, "inbound")
    assert (event.segments, event.media_count) == (None, 0)


@pytest.mark.parametrize(
    ("raw", "kind", "e164"),
    [
        ("+12025550123", AddressKind.NUMBER, "+12025550123"),
        ("55511", AddressKind.SHORT_CODE, None),
        ("12025550123", AddressKind.UNPARSABLE, None),
        ("ACME Shop", AddressKind.NAME, None),
        ("whatsapp:+12025550123", AddressKind.CHANNEL, None),
        ("+266696687", AddressKind.NUMBER, "+266696687"),
    ],
)
def test_any_sender_is_kept(
    receive: Callable[..., Event],
    inbound_params: dict[str, str],
    raw: str,
    kind: AddressKind,
    e164: str | None,
) -> None:
    """Short codes, names, channels and numbers without + are kept as they came."""
    event = receive(inbound_params | {"From": raw}, "inbound")
    assert event.sender is not None
    assert (event.sender.raw, event.sender.kind, event.sender.e164) == (raw, kind, e164)


def test_a_missing_sender_is_none(
    receive: Callable[..., Event], status_params: dict[str, str]
) -> None:
    """A pool may not have chosen a sender yet."""
    assert receive(status_params | {"From": ""}, "status").sender is None


def test_a_click(receive: Callable[..., Event], click_params: dict[str, str], account: str) -> None:
    """Link, time and user agent; who clicked is for others to judge."""
    event = receive(click_params, "click")
    assert (event.kind, event.account) == (EventKind.CLICK, account)
    assert event.provider_message_id == click_params["sms_sid"]
    assert event.click is not None
    assert event.click.link == click_params["link"]
    assert event.click.user_agent == click_params["user_agent"]
    assert event.click.click_class is ClickClass.UNKNOWN
    assert event.click.clicked_at == datetime(2026, 11, 20, 15, 47, tzinfo=UTC)
    assert event.occurred_at == event.click.clicked_at
    assert event.recipient is not None
    assert event.recipient.e164 == "+12025550123"


def test_the_other_names_of_a_click(
    twilio: Twilio, caller: Any, receive: Callable[..., Event], click_params: dict[str, str]
) -> None:
    """JSON with message_sid and link_create_time is the same click, with the same key."""
    renamed = {"sms_sid": "message_sid", "link_created_time": "link_create_time"}
    document = {renamed.get(name, name): value for name, value in click_params.items()}
    (event,) = twilio.receive(caller.json(document), "click")
    assert event.key == receive(click_params, "click").key
    assert event.verified


def test_a_preview_is_not_a_click_of_a_person(
    receive: Callable[..., Event], click_params: dict[str, str]
) -> None:
    """The event type can say that a device made a preview."""
    event = receive(click_params | {"event_type": "preview"}, "click")
    assert event.click is not None
    assert event.click.click_class is ClickClass.PREVIEW


@pytest.mark.parametrize("time", ["", "2026-11-20 15:47:00", "yesterday", "1763653620"])
def test_a_click_without_an_instant(
    receive: Callable[..., Event], click_params: dict[str, str], time: str
) -> None:
    """A time without a zone is no instant; the click is kept."""
    event = receive(click_params | {"click_time": time}, "click")
    assert event.click is not None
    assert event.click.clicked_at is None
    assert event.occurred_at is None


@pytest.mark.parametrize("name", ["sms_sid", "link", "click_time"])
def test_clicks_differ_by_text_link_and_time(
    receive: Callable[..., Event], click_params: dict[str, str], name: str
) -> None:
    """Each of the three makes another click."""
    other = receive(click_params | {name: click_params[name] + "0"}, "click")
    assert other.key != receive(click_params, "click").key


def test_the_same_callback_twice_has_one_key(
    receive: Callable[..., Event],
    status_params: dict[str, str],
    inbound_params: dict[str, str],
    click_params: dict[str, str],
) -> None:
    """A repeated callback is the same fact, even if Twilio adds a parameter the second time."""
    for params in (status_params, inbound_params, click_params):
        assert receive(params).key == receive(params | {"NewParameter": "1"}).key


def test_the_shape_decides_without_a_kind(
    receive: Callable[..., Event],
    status_params: dict[str, str],
    inbound_params: dict[str, str],
    click_params: dict[str, str],
) -> None:
    """One URL may serve all kinds."""
    kinds = [receive(params).kind for params in (status_params, inbound_params, click_params)]
    assert kinds == [EventKind.STATUS, EventKind.REPLY, EventKind.CLICK]


@pytest.mark.parametrize("kind", ["status", "inbound", "click", "other"])
def test_a_wrong_url_loses_nothing(
    receive: Callable[..., Event],
    status_params: dict[str, str],
    inbound_params: dict[str, str],
    kind: str,
) -> None:
    """A STOP that was posted to the status URL is still a reply, and the other way round."""
    assert receive(inbound_params | {"OptOutType": "STOP"}, kind).opt_out_type is OptOutType.STOP
    assert receive(status_params, kind).kind is EventKind.STATUS


def test_the_kind_settles_an_unknown_inbound_status(
    receive: Callable[..., Event], inbound_params: dict[str, str]
) -> None:
    """A body at the inbound URL is a reply, whatever Twilio will call its status."""
    event = receive(inbound_params | {"SmsStatus": "arrived"}, "inbound")
    assert (event.kind, event.status) == (EventKind.REPLY, Status.RECEIVED)


def test_what_is_not_understood_is_kept(receive: Callable[..., Event], account: str) -> None:
    """An authentic callback of another sort is an unknown event with its bytes."""
    event = receive({"AccountSid": account, "CallSid": "CA1", "CallStatus": "ringing"}, "status")
    assert event.kind is EventKind.UNKNOWN
    assert event.raw is not None
    assert b"ringing" in event.raw.body


def test_unknown_events_differ_by_content(receive: Callable[..., Event], account: str) -> None:
    """Two different callbacks that we do not understand are two facts."""
    keys = {receive({"AccountSid": account, "CallSid": sid}).key for sid in ("CA1", "CA2", "CA1")}
    assert len(keys) == 2


@pytest.mark.parametrize(
    "body",
    [b"Body=%FF%FE", b"Body=\xff", b"Body=%F0%9F%91", b"%C3=1", b"&".join([b"a=1"] * 1001)],
)
def test_forms_that_are_not_utf8_are_unreadable(twilio: Twilio, body: bytes) -> None:
    """Wrong encoding, a character cut off and a flood of fields are refused before the HMAC."""
    request = WebhookRequest("POST", "/webhooks/twilio", "", {"content-type": FORM}, body)
    with pytest.raises(Unreadable, match="form"):
        twilio.receive(request, None)


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a": "\xff"}', b"[" * 100_000, b"1" * 5_000, b'{"a":"b"']
)
def test_broken_json_is_unreadable(twilio: Twilio, caller: Any, body: bytes) -> None:
    """Truncated, wrongly encoded and absurd JSON is refused without quoting it."""
    with pytest.raises(Unreadable, match="JSON"):
        twilio.receive(caller.json(body), None)


@pytest.mark.parametrize("document", [[], [{"a": 1}], 5, None, "text", {"account_sid": {}}])
def test_json_without_an_account_is_refused(twilio: Twilio, caller: Any, document: object) -> None:
    """Without an AccountSid there is no token to verify with."""
    with pytest.raises(RefusedInput, match="AccountSid"):
        twilio.receive(caller.json(document), None)


def test_lone_surrogates_in_json_do_not_reach_the_store(
    twilio: Twilio, caller: Any, click_params: dict[str, str]
) -> None:
    r"""JSON can spell \ud800, which no database takes; it becomes U+FFFD."""
    document = click_params | {"link": "https://e.example/\ud800", "user_agent": None}
    (event,) = twilio.receive(caller.json(document), "click")
    assert event.click is not None
    assert event.click.link == "https://e.example/\ufffd"
    assert event.click.user_agent is None


@given(
    body=st.binary(max_size=300),
    content_type=st.sampled_from([FORM, "application/json", "", "text/plain", "x/y+json; a=b"]),
    query=st.text(max_size=40),
    path=st.text(max_size=40),
    signature=st.text(max_size=40),
    kind=st.sampled_from([None, "status", "inbound", "click"]),
)
def test_no_bytes_raise_anything_but_refused_input(
    twilio: Twilio,
    body: bytes,
    content_type: str,
    query: str,
    path: str,
    signature: str,
    kind: str | None,
) -> None:
    """Whatever arrives is refused, never an error of ours."""
    headers = {"content-type": content_type, "x-twilio-signature": signature}
    with pytest.raises(RefusedInput):
        twilio.receive(WebhookRequest("POST", path, query, headers, body), kind)


names = st.sampled_from(
    [
        *("MessageSid", "SmsSid", "MessageStatus", "SmsStatus", "ErrorCode", "From", "To"),
        *("Body", "NumMedia", "MediaUrl0", "OptOutType"),
        *("link", "sms_sid", "click_time", "event_type", "from"),
    ]
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(
    params=st.dictionaries(names, texts | st.sampled_from(["received", "delivered", "0", "SM1"])),
    query=st.text(st.characters(max_codepoint=126, min_codepoint=33), max_size=40),
    kind=st.sampled_from([None, "status", "inbound", "click", "x"]),
)
def test_nothing_authentic_raises(
    twilio: Twilio,
    caller: Any,
    account: str,
    params: dict[str, str],
    query: str,
    kind: str | None,
) -> None:
    """Any signed parameters give one verified event with a key, the same each time."""
    request = caller.form({"AccountSid": account, **params}, "/webhooks/twilio", query)
    (first,), (second,) = twilio.receive(request, kind), twilio.receive(request, kind)
    assert first == second
    assert first.verified
    assert first.key


@given(body=st.binary(max_size=200))
def test_report_mode_reads_any_readable_bytes(
    make_twilio: Callable[..., Twilio], body: bytes
) -> None:
    """Report mode keeps every readable body, unverified."""
    twilio = make_twilio(signature="report")
    request = WebhookRequest("POST", "/webhooks/twilio", "", {"content-type": FORM}, body)
    try:
        (event,) = twilio.receive(request, None)
    except Unreadable:
        return
    assert not event.verified
    assert event.account
    assert event.raw is not None
    assert event.raw.body == body


def test_a_refusal_does_not_quote_the_body(twilio: Twilio, caller: Any) -> None:
    """The person's words and number stay out of the error."""
    params = urlencode({"From": "+12025550123", "Body": "my secret"}).encode() + b"&x=%FF"
    request = replace(caller.form({}), body=params)
    with pytest.raises(Unreadable) as caught:
        twilio.receive(request, None)
    assert "secret" not in str(caught.value)
    assert "2025550123" not in str(caught.value)
