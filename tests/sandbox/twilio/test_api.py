"""Twilio's API on the sandbox, through Twilio's own client."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from crm_sms.sandbox.server import Sandbox
from crm_sms.sandbox.twilio import AddAccount, Fault, Reply
from crm_sms.sandbox.twilio.accounts import ACCOUNT_SID, SERVICE_SENDERS, SERVICE_SID, Account

TO, FROM = "+12025550123", "+12025550100"
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"


def _send(client: Client, **changes: Any) -> Any:
    return client.messages.create(**({"to": TO, "from_": FROM, "body": "Hello"} | changes))


def _refusal(call: Any) -> tuple[int, int]:
    with pytest.raises(TwilioRestException) as refusal:
        call()
    return refusal.value.status, refusal.value.code


def test_a_created_message(sandbox: Sandbox, http) -> None:
    """201 and every field of the resource, as strings where Twilio has strings."""
    answer = http("POST", MESSAGES, data={"To": TO, "From": FROM, "Body": "ç" * 71})
    assert answer.status_code == 201
    message = answer.json()
    now = sandbox.clock.now()
    assert parsedate_to_datetime(message.pop("date_created")) == now
    assert parsedate_to_datetime(message.pop("date_updated")) == now
    sid = message.pop("sid")
    uri = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{sid}"
    assert message == {
        "account_sid": ACCOUNT_SID,
        "api_version": "2010-04-01",
        "body": "ç" * 71,
        "date_sent": None,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": FROM,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "2",
        "price": None,
        "price_unit": None,
        "status": "queued",
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": TO,
        "uri": f"{uri}.json",
    }


def test_dates_are_rfc_2822_in_gmt(http) -> None:
    """With a numeric zone, and no fractions."""
    date = http("POST", MESSAGES, data={"To": TO, "From": FROM, "Body": "hi"}).json()[
        "date_created"
    ]
    assert date.endswith(" +0000")
    assert date[3:5] == ", "


def test_a_sent_text_fills_in_price_and_date(sandbox: Sandbox, client: Client) -> None:
    """Both are null until it has left."""
    message = _send(client)
    assert (message.price, message.date_sent) == (None, None)
    sandbox.clock.advance(60)
    fetched = client.messages(message.sid).fetch()
    assert fetched.status == "delivered"
    assert fetched.price == "-0.00790"
    assert fetched.price_unit == "USD"
    assert fetched.date_sent - fetched.date_created == timedelta(seconds=2)
    assert fetched.date_updated - fetched.date_created == timedelta(seconds=5)


def test_a_service_chooses_its_sender_later(sandbox: Sandbox, client: Client) -> None:
    """First accepted, without sender and segments; then always the same sender for one person."""
    accepted = _send(client, from_=None, messaging_service_sid=SERVICE_SID)
    assert (accepted.status, accepted.num_segments, accepted.messaging_service_sid) == (
        "accepted",
        "0",
        SERVICE_SID,
    )
    second = _send(client, from_=None, messaging_service_sid=SERVICE_SID)
    sandbox.clock.advance(1)
    first, second = accepted.fetch(), second.fetch()
    assert first.from_ == second.from_
    assert first.from_ in SERVICE_SENDERS
    assert first.num_segments == "1"


def test_media_make_an_mms(client: Client) -> None:
    """Its sid says so, and its media are counted."""
    message = _send(client, body=None, media_url=["https://example.com/a.jpg"] * 2)
    assert message.sid.startswith("MM")
    assert message.num_media == "2"


def test_links_are_shortened_when_asked(client: Client) -> None:
    """Each link becomes the service's domain and ten characters; the rest of the body stays."""
    message = _send(
        client,
        from_=None,
        body="See https://example.com/a?b=c and https://example.com/d now",
        messaging_service_sid=SERVICE_SID,
        shorten_urls=True,
    )
    words = message.body.split()
    assert [words[0], words[2], words[4]] == ["See", "and", "now"]
    for link in (words[1], words[3]):
        assert link.startswith("https://sms.example.com/")
        assert len(link.rpartition("/")[2]) == 10


def test_the_client_reads_all_pages(sandbox: Sandbox, client: Client) -> None:
    """Twilio's own paging finds every text once, newest first."""
    sids = [_send(client, body=str(n)).sid for n in range(7)]
    assert [m.sid for m in client.messages.list(page_size=3)] == sids[::-1]


def test_lists_filter_by_number_and_date(sandbox: Sandbox, client: Client) -> None:
    """To, From and the three forms of DateSent, as the client sends them."""
    start = sandbox.clock.now()
    early = _send(client)
    sandbox.clock.advance(86_400)
    late = _send(client, to="+12025550124", from_="+12025550101")
    sandbox.clock.advance(60)
    unsent = _send(client)

    def sids(**filters: Any) -> list[str]:
        return [m.sid for m in client.messages.list(**filters)]

    assert sids(to=TO) == [unsent.sid, early.sid]
    assert sids(from_="+12025550101") == [late.sid]
    assert sids(to=TO, from_="+12025550101") == []
    assert sids(date_sent=start.date()) == [early.sid]
    assert sids(date_sent_after=start + timedelta(hours=1)) == [late.sid]
    assert sids(date_sent_before=start + timedelta(hours=1)) == [early.sid]
    assert sids(date_sent_after=start + timedelta(seconds=2)) == [late.sid, early.sid]
    assert sids() == [unsent.sid, late.sid, early.sid]


def test_inbound_texts_are_in_the_list(sandbox: Sandbox, client: Client) -> None:
    """A reply is a Message too: received, sent when it came."""
    sandbox.twilio.reply(Reply(from_=TO, to=FROM, body="Yes please"))
    (message,) = client.messages.list(from_=TO)
    assert (message.direction, message.status, message.body) == (
        "inbound",
        "received",
        "Yes please",
    )
    assert message.date_sent == sandbox.clock.now()


@pytest.mark.parametrize(
    "query",
    [
        *("PageSize=0", "PageSize=1001", "PageSize=x", "Page=-1", "Page=1"),
        *("PageToken=zzz", "PageToken=PASMnone", "DateSent=soon"),
    ],
)
def test_wrong_queries_are_refused(http, query: str) -> None:
    """A page size out of range, a page without its token, a date that is none."""
    answer = http("GET", f"{MESSAGES}?{query}")
    assert answer.status_code == 400
    assert answer.json()["code"] in (20001, 20006)


def test_a_body_is_redacted_once_it_is_final(sandbox: Sandbox, client: Client) -> None:
    """Before that Twilio refuses; afterwards the rest of the resource stays."""
    message = _send(client)
    assert _refusal(lambda: message.update(body="")) == (400, 20009)
    sandbox.clock.advance(60)
    assert message.update(body="").body == ""
    assert message.fetch().status == "delivered"


def test_only_a_scheduled_text_is_canceled(sandbox: Sandbox, client: Client) -> None:
    """It is never sent; a queued one is past canceling."""
    send_at = sandbox.clock.now() + timedelta(hours=1)
    scheduled = _send(
        client,
        from_=None,
        messaging_service_sid=SERVICE_SID,
        schedule_type="fixed",
        send_at=send_at,
    )
    assert scheduled.status == "scheduled"
    assert scheduled.update(status="canceled").status == "canceled"
    sandbox.clock.advance(7200)
    assert scheduled.fetch().status == "canceled"
    assert scheduled.fetch().date_sent is None
    assert _refusal(lambda: _send(client).update(status="canceled")) == (409, 30409)


def test_a_scheduled_text_leaves_at_its_time(sandbox: Sandbox, client: Client) -> None:
    """Not before, and then the usual way."""
    send_at = sandbox.clock.now() + timedelta(hours=1)
    message = _send(
        client,
        from_=None,
        messaging_service_sid=SERVICE_SID,
        schedule_type="fixed",
        send_at=send_at,
    )
    sandbox.clock.advance(3599)
    assert message.fetch().status == "scheduled"
    sandbox.clock.advance(6)
    fetched = message.fetch()
    assert fetched.status == "delivered"
    assert fetched.date_sent == send_at + timedelta(seconds=2)


@pytest.mark.parametrize("form", [{"Status": "sent"}, {"Body": "other words"}])
def test_updates_do_nothing_else(sandbox: Sandbox, client: Client, http, form: dict) -> None:
    """A body cannot be rewritten, and no other status be set."""
    message = _send(client)
    answer = http("POST", message.uri, data=form)
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)
    assert message.fetch().body == "Hello"


def test_an_empty_update_answers_the_resource(client: Client, http) -> None:
    """As Twilio does when neither parameter is given."""
    message = _send(client)
    assert http("POST", message.uri).json()["sid"] == message.sid


@pytest.mark.parametrize(
    "path",
    [
        f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/SM{'0' * 32}.json",
        f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json",
        "/2010-04-01/Nothing.json",
    ],
)
def test_what_is_not_there_is_404_in_twilios_form(http, path: str) -> None:
    """Code 20404 with the path."""
    answer = http("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)
    assert path in answer.json()["message"]


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic",
        "Basic !!!",
        "Bearer x",
        "Basic " + "QUM6eA==",
        "Basic /w==",
    ],
)
def test_without_credentials_it_is_401(sandbox: Sandbox, authorization: str | None) -> None:
    """Missing, broken and unknown credentials get code 20003."""
    headers = {"Authorization": authorization} if authorization else {}
    answer = requests.get(sandbox.url + MESSAGES, headers=headers, timeout=5)
    assert answer.status_code == 401
    assert answer.json() == {
        "code": 20003,
        "message": "Authenticate",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    }


def test_a_wrong_or_foreign_token_is_401(sandbox: Sandbox) -> None:
    """One account's credentials open neither itself with another token nor another account."""
    other = Account("AC" + "b" * 32, "token-b", sandbox.clock.now())
    sandbox.twilio.add_account(other)
    for auth in ((ACCOUNT_SID, "token-b"), (other.sid, "token-b"), (ACCOUNT_SID, "")):
        assert requests.get(sandbox.url + MESSAGES, auth=auth, timeout=5).status_code == 401


def test_accounts_do_not_see_each_others_texts(sandbox: Sandbox, client: Client, http) -> None:
    """Neither in the list nor by sid; an account sends from its own senders only."""
    order = AddAccount(sid="AC" + "b" * 32, auth_token="token-b", senders=("+12025550150",))
    assert http("POST", "/_sandbox/twilio/accounts", json=order.model_dump()).status_code == 200
    other = Client(order.sid, order.auth_token)
    other.api.base_url = sandbox.url
    message = _send(client)
    assert other.messages.list() == []
    assert _refusal(lambda: other.messages(message.sid).fetch()) == (404, 20404)
    assert _refusal(lambda: _send(other)) == (400, 21606)
    assert _send(other, from_="+12025550150").account_sid == order.sid
    other.http_client.session.close()


def test_the_account_checks_credentials(client: Client) -> None:
    """Its resource names itself and is active."""
    account = client.api.v2010.accounts(ACCOUNT_SID).fetch()
    assert (account.sid, account.status, account.type) == (ACCOUNT_SID, "active", "Full")


def test_tokens_rotate_as_at_twilio(sandbox: Sandbox, client: Client) -> None:
    """A secondary token opens the API at once; promoted, it is the only one, and it signs."""
    account = sandbox.twilio.account
    old = account.auth_token
    created = client.accounts.v1.secondary_auth_token().create()
    second = Client(ACCOUNT_SID, created.secondary_auth_token)
    second.api.base_url = second.accounts.base_url = sandbox.url
    assert second.messages.list() == []
    assert account.auth_token == old
    promoted = second.accounts.v1.auth_token_promotion().update()
    assert promoted.auth_token == created.secondary_auth_token == account.auth_token
    assert _refusal(client.api.v2010.accounts(ACCOUNT_SID).fetch) == (401, 20003)
    assert second.messages.list() == []
    assert account.secondary_token is None
    second.http_client.session.close()


def test_a_secondary_token_can_be_dropped(sandbox: Sandbox, client: Client) -> None:
    """Afterwards there is nothing to promote."""
    client.accounts.v1.secondary_auth_token().create()
    assert client.accounts.v1.secondary_auth_token().delete()
    assert sandbox.twilio.account.secondary_token is None
    assert _refusal(client.accounts.v1.auth_token_promotion().update) == (404, 20404)


@pytest.mark.parametrize(
    ("fault", "status", "code", "kept"),
    [
        ("rate_limited", 429, 20429, 0),
        ("unavailable", 503, 20503, 0),
        ("server_error", 500, 20500, 1),
    ],
)
def test_faults_of_the_api(
    sandbox: Sandbox, client: Client, fault: Any, status: int, code: int, kept: int
) -> None:
    """Refused before anything happened, or failed after the text was accepted."""
    sandbox.twilio.add_fault(Fault(fault=fault, times=1))
    assert _refusal(lambda: _send(client)) == (status, code)
    assert len(sandbox.twilio.texts) == kept
    assert _send(client).status == "queued"


def test_a_dropped_answer_leaves_the_text_sent(sandbox: Sandbox, client: Client) -> None:
    """The connection breaks off within the answer, and the text exists all the same."""
    sandbox.twilio.add_fault(Fault(fault="dropped", times=1))
    with pytest.raises(requests.RequestException):
        _send(client)
    assert len(sandbox.twilio.texts) == 1


def test_a_fault_may_strike_sends_only(sandbox: Sandbox, client: Client) -> None:
    """Matched by method, lists still work."""
    sandbox.twilio.add_fault(Fault(fault="rate_limited", match="POST"))
    assert client.messages.list() == []
    assert _refusal(lambda: _send(client)) == (429, 20429)


def test_bytes_that_are_no_form_are_refused(http) -> None:
    """Garbage, JSON and broken UTF-8 are a send without a recipient, never a server error."""
    for body in (b"\xff\xfe\x00", b'{"To": "+12025550123"}', b"", b"&&&=;"):
        answer = http("POST", MESSAGES, data=body)
        assert (answer.status_code, answer.json()["code"]) == (400, 21604)
