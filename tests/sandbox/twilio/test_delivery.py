"""Callbacks posted to a real server, judged by Twilio's own validator."""

from __future__ import annotations

import json
import socket
import threading
from datetime import timedelta
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from crm_sms.sandbox.server import Sandbox
from crm_sms.sandbox.twilio import Click, Configure, Deliver, Reply, SendText
from crm_sms.sandbox.twilio.accounts import Account
from crm_sms.sandbox.twilio.postman import text_in_answer

TO, FROM = "+12025550123", "+12025550100"


def _send(sandbox: Sandbox, callback: str | None, **changes: Any) -> str:
    given = {"to": TO, "from_": FROM, "body": "Hello", "status_callback": callback} | changes
    return sandbox.twilio.send(SendText(**given)).sid


def _is_signed(sandbox: Sandbox, url: str, hit: Any) -> bool:
    validator = RequestValidator(sandbox.twilio.account.auth_token)
    is_json = hit.headers["content-type"] == "application/json"
    body = hit.body.decode() if is_json else hit.form
    return validator.validate(url + hit.path, body, hit.headers["x-twilio-signature"])


def test_a_text_is_told_of_in_order_and_signed(sandbox: Sandbox, customer) -> None:
    """Sending, sent, delivered, each with the query of its URL and a signature that holds."""
    sid = _send(sandbox, f"{customer.url}/sms?key=m%201&x=")
    sandbox.clock.advance(60)
    assert sandbox.twilio.deliver() == {"204": 3}
    assert customer.statuses == ["sending", "sent", "delivered"]
    for hit in customer.hits:
        assert hit.path == "/sms?key=m%201&x="
        assert _is_signed(sandbox, customer.url, hit)
        assert hit.form["MessageSid"] == hit.form["SmsSid"] == sid
        assert hit.form["MessageStatus"] == hit.form["SmsStatus"]
        assert (hit.form["From"], hit.form["To"]) == (FROM, TO)
    assert len({hit.headers["i-twilio-idempotency-token"] for hit in customer.hits}) == 3


def test_nothing_goes_out_before_it_is_due(sandbox: Sandbox, customer) -> None:
    """Each instant brings its own callbacks, once."""
    _send(sandbox, customer.url)
    assert sandbox.twilio.deliver() == {}
    sandbox.clock.advance(1)
    assert sandbox.twilio.deliver() == {"204": 1}
    assert sandbox.twilio.deliver() == {}
    sandbox.clock.advance(4)
    assert sandbox.twilio.deliver() == {"204": 2}
    assert customer.statuses == ["sending", "sent", "delivered"]


def test_it_says_when_something_is_due_next(sandbox: Sandbox, customer) -> None:
    """The next step of a text, then the callback that waits for it; nothing when all is done."""
    start = sandbox.clock.now()
    assert sandbox.twilio.next_due() is None
    _send(sandbox, customer.url)
    assert sandbox.twilio.next_due() == start + timedelta(seconds=1)
    sandbox.clock.advance(60)
    sandbox.twilio.stats()  # whoever looks lets the steps happen; their callbacks wait
    assert sandbox.twilio.next_due() == start + timedelta(seconds=1)
    sandbox.twilio.deliver()
    assert sandbox.twilio.next_due() is None


def test_a_limit_leaves_the_rest_in_line(sandbox: Sandbox, customer) -> None:
    """The oldest go first, whichever text they are of."""
    first, second = _send(sandbox, customer.url), _send(sandbox, customer.url)
    sandbox.clock.advance(60)
    assert sandbox.twilio.deliver(Deliver(limit=3)) == {"204": 3}
    seen = [(hit.form["MessageSid"], hit.form["MessageStatus"]) for hit in customer.hits]
    assert seen == [(first, "sending"), (second, "sending"), (first, "sent")]
    assert sandbox.twilio.deliver() == {"204": 3}


def test_several_at_once(sandbox: Sandbox, customer) -> None:
    """With four in parallel, four wait for an answer at the same time."""
    together = threading.Barrier(4, timeout=10)

    def answer(_hit: Any) -> tuple[int, str, str]:
        together.wait()
        return 204, "", ""

    customer.answer = answer
    for _ in range(4):
        _send(sandbox, customer.url, outcome="failed")
    sandbox.clock.advance(60)
    assert sandbox.twilio.deliver(Deliver(parallel=4)) == {"204": 4}


def test_sending_and_delivering_at_once_loses_and_doubles_nothing(
    sandbox: Sandbox, customer
) -> None:
    """Six threads send and four deliver; every text is told of exactly once per status."""
    sent: list[str] = []

    def send() -> None:
        for _ in range(10):
            sent.append(_send(sandbox, customer.url, delays={"sending": 0, "sent": 0}))

    def deliver() -> None:
        for _ in range(10):
            sandbox.twilio.deliver(Deliver(limit=5))

    threads = [threading.Thread(target=work) for work in [send] * 6 + [deliver] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sandbox.clock.advance(60)
    sandbox.twilio.deliver(Deliver(parallel=4))
    told = sorted((hit.form["MessageSid"], hit.form["MessageStatus"]) for hit in customer.hits)
    statuses = ("delivered", "sending", "sent")
    assert told == sorted((sid, status) for sid in sent for status in statuses)
    assert len(sent) == len(set(sent)) == 60


def test_the_customer_may_call_twilio_before_it_answers(sandbox: Sandbox, customer, client) -> None:
    """Delivery holds no lock that the API needs."""

    def answer(hit: Any) -> tuple[int, str, str]:
        fetched = client.messages(hit.form["MessageSid"]).fetch()
        return (200 if fetched.status == "delivered" else 500), "", ""

    customer.answer = answer
    _send(sandbox, customer.url)
    sandbox.clock.advance(60)
    assert sandbox.twilio.deliver() == {"200": 3}


def test_a_reply_reaches_the_inbound_url(sandbox: Sandbox, customer) -> None:
    """Signed, with its words as they were typed."""
    sandbox.twilio.configure(Configure(inbound_url=f"{customer.url}/in"))
    sandbox.twilio.reply(Reply(from_=TO, to=FROM, body=" Ça va? 👍\n+1 & more "))
    assert sandbox.twilio.deliver() == {"204": 1}
    (hit,) = customer.hits
    assert hit.form["Body"] == " Ça va? 👍\n+1 & more "
    assert _is_signed(sandbox, customer.url, hit)


@pytest.mark.parametrize("click_format", ["form", "json"])
def test_clicks_come_as_form_or_json(sandbox: Sandbox, customer, click_format: Any) -> None:
    """Both signed as Twilio signs them."""
    sandbox.twilio.configure(
        Configure(click_url=f"{customer.url}/clicks", click_format=click_format)
    )
    sid = _send(sandbox, None, clicks=(Click(link="https://example.com/a"),))
    sandbox.clock.advance(60)
    assert sandbox.twilio.deliver() == {"204": 1}
    (hit,) = customer.hits
    fields = json.loads(hit.body) if click_format == "json" else hit.form
    assert (fields["sms_sid"], fields["link"]) == (sid, "https://example.com/a")
    assert _is_signed(sandbox, customer.url, hit)


def test_the_promoted_token_signs(sandbox: Sandbox, customer, client) -> None:
    """From the promotion on, also for callbacks that were waiting."""
    old = sandbox.twilio.account.auth_token
    _send(sandbox, f"{customer.url}/sms", outcome="failed")
    client.accounts.v1.secondary_auth_token().create()
    client.accounts.v1.auth_token_promotion().update()
    sandbox.clock.advance(60)
    sandbox.twilio.deliver()
    (hit,) = customer.hits
    assert _is_signed(sandbox, customer.url, hit)
    signature = hit.headers["x-twilio-signature"]
    assert not RequestValidator(old).validate(customer.url + hit.path, hit.form, signature)


def test_each_account_signs_with_its_own_token(sandbox: Sandbox, customer) -> None:
    """A second account's callbacks verify with its token only."""
    other = Account("AC" + "b" * 32, "token-b", sandbox.clock.now(), senders=(FROM,))
    sandbox.twilio.add_account(other)
    _send(sandbox, f"{customer.url}/sms", account=other.sid, outcome="failed")
    sandbox.clock.advance(60)
    sandbox.twilio.deliver()
    (hit,) = customer.hits
    signature = hit.headers["x-twilio-signature"]
    assert hit.form["AccountSid"] == other.sid
    assert RequestValidator("token-b").validate(customer.url + hit.path, hit.form, signature)
    assert not _is_signed(sandbox, customer.url, hit)


@pytest.mark.parametrize(
    ("fragment", "answers", "expected"),
    [
        ("", [503], {"503": 1}),
        ("#rc=3&rp=all", [503, 500, 204], {"503": 1, "500": 1, "204": 1}),
        ("#rc=2&rp=all", [503, 503, 503, 204], {"503": 3}),
        ("#rc=3&rp=5xx", [404, 204], {"404": 1}),
        ("#rc=3&rp=all", [204, 500], {"204": 1}),
        ("#rc=3&rp=all", [302, 204], {"302": 1, "204": 1}),
    ],
)
def test_retries_as_the_url_asks(
    sandbox: Sandbox, customer, fragment: str, answers: list[int], expected: dict[str, int]
) -> None:
    """At once, with the same token, and only if the policy names the failure."""
    remaining = iter(answers)
    customer.answer = lambda _hit: (next(remaining), "", "")
    _send(sandbox, f"{customer.url}/sms?k=1{fragment}", outcome="failed")
    sandbox.clock.advance(60)
    assert sandbox.twilio.deliver() == expected
    assert {hit.path for hit in customer.hits} == {"/sms?k=1"}
    assert len({hit.headers["i-twilio-idempotency-token"] for hit in customer.hits}) == 1
    attempts = sandbox.twilio.postman.attempts
    assert [attempt.retry for attempt in attempts] == list(range(len(attempts)))


def test_nobody_at_home_is_tried_twice(sandbox: Sandbox) -> None:
    """One retry when no connection comes about, as Twilio does without being asked."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    _send(sandbox, url, outcome="failed")
    sandbox.clock.advance(60)
    assert sandbox.twilio.deliver() == {"connect": 2}


def test_a_connection_that_breaks_is_not_retried_unasked(sandbox: Sandbox) -> None:
    """A server that accepts and hangs up is a failed read."""
    with socket.create_server(("127.0.0.1", 0)) as rude:
        port = rude.getsockname()[1]

        def hang_up() -> None:
            connection, _ = rude.accept()
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        _send(sandbox, f"http://127.0.0.1:{port}", outcome="failed")
        sandbox.clock.advance(60)
        assert sandbox.twilio.deliver() == {"read": 1}
        thread.join()


def test_a_silent_server_is_left_after_the_time_asked_for(sandbox: Sandbox) -> None:
    """`rt` is the wait for an answer, in milliseconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/#rt=100"
        _send(sandbox, url, outcome="failed")
        sandbox.clock.advance(60)
        assert sandbox.twilio.deliver() == {"read": 1}


def test_a_failed_inbound_text_goes_to_the_fallback(sandbox: Sandbox, customer) -> None:
    """Signed for that URL, with the error and the URL that failed."""
    customer.answer = lambda hit: (500 if hit.path == "/in" else 200, "", "")
    sandbox.twilio.configure(
        Configure(inbound_url=f"{customer.url}/in", fallback_url=f"{customer.url}/fallback")
    )
    sandbox.twilio.reply(Reply(from_=TO, to=FROM, body="Hello?"))
    assert sandbox.twilio.deliver() == {"500": 1, "200": 1}
    first, second = customer.hits
    assert (first.path, second.path) == ("/in", "/fallback")
    assert second.form["ErrorCode"] == "11200"
    assert second.form["ErrorUrl"] == f"{customer.url}/in"
    assert _is_signed(sandbox, customer.url, second)


def test_a_retry_that_succeeds_needs_no_fallback(sandbox: Sandbox, customer) -> None:
    """The fallback is for what no attempt brought home."""
    answers = iter([500, 204])
    customer.answer = lambda _hit: (next(answers), "", "")
    sandbox.twilio.configure(
        Configure(
            inbound_url=f"{customer.url}/in#rc=2&rp=all", fallback_url=f"{customer.url}/fallback"
        )
    )
    sandbox.twilio.reply(Reply(from_=TO, to=FROM, body="Hello?"))
    assert sandbox.twilio.deliver() == {"500": 1, "204": 1}
    assert [hit.path for hit in customer.hits] == ["/in", "/in"]


def test_a_fallback_that_fails_is_the_end(sandbox: Sandbox, customer) -> None:
    """No further attempt, now or later."""
    customer.answer = lambda _hit: (500, "", "")
    sandbox.twilio.configure(
        Configure(inbound_url=f"{customer.url}/in", fallback_url=f"{customer.url}/fallback")
    )
    sandbox.twilio.reply(Reply(from_=TO, to=FROM, body="Hello?"))
    assert sandbox.twilio.deliver() == {"500": 2}
    assert sandbox.twilio.deliver() == {}


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        ("text/plain", "Thanks!", "Thanks!"),
        ("text/plain; charset=utf-8", " ok \n", "ok"),
        ("TEXT/PLAIN", "ok", "ok"),
        ("text/plain", "", ""),
        ("application/json", '{"ok": true}', ""),
        ("text/html", "<p>ok</p>", ""),
        ("", "ok", ""),
        ("text/xml", "<Response/>", ""),
        ("text/xml", "<Response><Message>Hi</Message></Response>", "Hi"),
        (
            "application/xml",
            "<Response><Message><Body>One</Body></Message><Message>Two</Message></Response>",
            "One\nTwo",
        ),
        ("text/xml", "<Response>", ""),
    ],
)
def test_what_an_answer_would_text(content_type: str, body: str, said: str) -> None:
    """A plain body and TwiML's messages go to the person; nothing else does."""
    assert text_in_answer(content_type, body.encode()) == said


def test_the_trap_of_a_plain_answer_is_seen(sandbox: Sandbox, customer) -> None:
    """Only for a person's text: answers to status callbacks go nowhere."""
    customer.answer = lambda _hit: (200, "text/plain", "OK")
    sandbox.twilio.configure(Configure(inbound_url=customer.url))
    _send(sandbox, customer.url, outcome="failed")
    sandbox.twilio.reply(Reply(from_=TO, to=FROM, body="Hello?"))
    sandbox.clock.advance(60)
    sandbox.twilio.deliver()
    said = {a.callback.kind: a.would_text for a in sandbox.twilio.postman.attempts}
    assert said == {"status": "", "inbound": "OK"}
