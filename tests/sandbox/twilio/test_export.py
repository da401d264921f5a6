"""The exported message log."""

from __future__ import annotations

import csv
import io

from crm_sms.sandbox.server import Sandbox
from crm_sms.sandbox.twilio import Reply, SendText
from crm_sms.sandbox.twilio.accounts import ACCOUNT_SID

TO, FROM = "+12025550123", "+12025550100"
EXPORT = "/_sandbox/twilio/export"


def _some_texts(sandbox: Sandbox) -> None:
    sandbox.twilio.send(SendText(to=TO, from_=FROM, body='Hello, "you"\nthere'))
    sandbox.twilio.send(SendText(to=TO, from_=FROM, body="No", outcome="undelivered"))
    sandbox.clock.advance(60)
    sandbox.twilio.reply(Reply(from_=TO, to=FROM, body="STOP"))


def test_json_is_the_messages_list(sandbox: Sandbox, http, client) -> None:
    """The same resources as the API lists, newest first, in one piece."""
    _some_texts(sandbox)
    exported = http("GET", f"{EXPORT}?format=json").json()["messages"]
    assert [m["sid"] for m in exported] == [m.sid for m in client.messages.list()]
    assert [m["body"] for m in exported] == ["STOP", "No", 'Hello, "you"\nthere']


def test_csv_has_the_consoles_columns(sandbox: Sandbox, http) -> None:
    """One row a text under the console's headers; quotes and line breaks survive."""
    _some_texts(sandbox)
    answer = http("GET", f"{EXPORT}?format=csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    reply, undelivered, hello = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert list(reply) == [
        *("From", "To", "Body", "Status", "SentDate", "ApiVersion", "NumSegments"),
        *("ErrorCode", "AccountSid", "Sid", "Direction", "Price", "PriceUnit"),
    ]
    assert (reply["From"], reply["Body"], reply["Status"]) == (TO, "STOP", "received")
    assert (undelivered["ErrorCode"], undelivered["Direction"]) == ("30003", "outbound-api")
    assert hello["Body"] == 'Hello, "you"\nthere'
    assert hello["ErrorCode"] == "0"
    assert hello["AccountSid"] == ACCOUNT_SID
    assert reply["SentDate"] == sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_text_that_has_not_left_has_empty_cells(sandbox: Sandbox, http) -> None:
    """No date and no price yet."""
    sandbox.twilio.send(SendText(to=TO, from_=FROM, body="Hello"))
    (row,) = csv.DictReader(io.StringIO(http("GET", f"{EXPORT}?format=csv").text))
    assert (row["SentDate"], row["Price"], row["PriceUnit"]) == ("", "", "")


def test_an_unknown_format_is_refused(http) -> None:
    """400 says which there are."""
    answer = http("GET", f"{EXPORT}?format=xlsx")
    assert answer.status_code == 400
    assert "json or csv" in answer.json()["error"]


def test_another_account_exports_its_own(sandbox: Sandbox, http) -> None:
    """By its sid; one without texts has only the header."""
    _some_texts(sandbox)
    answer = http("GET", f"{EXPORT}?format=csv&account=AC{'b' * 32}")
    assert answer.text.count("\r\n") == 1
