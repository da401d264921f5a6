"""The sandbox's own HTTP, as another process uses it."""

from __future__ import annotations

from typing import Any

import pytest

from crm_sms.sandbox.server import Sandbox

ROOT = "/_sandbox/twilio"
TO, FROM = "+12025550123", "+12025550100"


def test_a_text_its_click_and_its_reply_by_http_alone(http, customer) -> None:
    """Configure, send, let time pass, deliver, and read what happened."""
    urls = {
        "inbound_url": f"{customer.url}/in",
        "click_url": f"{customer.url}/clicks",
        "click_format": "form",
    }
    assert http("POST", f"{ROOT}/config", json=urls).status_code == 200
    order = {
        "to": TO,
        "from": FROM,
        "body": "See https://example.com/a",
        "status_callback": f"{customer.url}/sms?campaign=spring",
        "outcome": "delivered",
        "delays": {"delivered": 8},
        "clicks": [{"link": "https://example.com/a", "after_s": 20}],
        "replies": [{"body": "Yes", "after_s": 40}],
    }
    text = http("POST", f"{ROOT}/texts", json=order).json()
    assert (text["status"], text["direction"]) == ("queued", "outbound-api")
    http("POST", "/_sandbox/clock", json={"advance_s": 60})
    delivered = http("POST", f"{ROOT}/deliver", json={"parallel": 2, "limit": 100}).json()
    assert delivered == {"by_status": {"204": 5}, "waiting": 0}
    assert sorted(hit.path for hit in customer.hits) == [
        "/clicks",
        "/in",
        *["/sms?campaign=spring"] * 3,
    ]
    callbacks = http("GET", f"{ROOT}/callbacks").json()
    assert callbacks["waiting"] == []
    kinds = {(a["kind"], a["status"], a["outcome"]) for a in callbacks["attempts"]}
    assert kinds == {
        ("status", "sending", "204"),
        ("status", "sent", "204"),
        ("status", "delivered", "204"),
        ("click", "delivered", "204"),
        ("inbound", "received", "204"),
    }


def test_an_empty_order_to_deliver(http) -> None:
    """Means all that is due."""
    assert http("POST", f"{ROOT}/deliver").json() == {"by_status": {}, "waiting": 0}


def test_what_waits_is_listed_with_its_time(sandbox: Sandbox, http) -> None:
    """Kind, status, text and due time."""
    order = {"to": TO, "from": FROM, "body": "Hi", "status_callback": "https://hooks.example.com"}
    sid = http("POST", f"{ROOT}/texts", json=order | {"outcome": "failed"}).json()["sid"]
    sandbox.clock.advance(60)
    http("GET", "/_sandbox/stats")
    (waiting,) = http("GET", f"{ROOT}/callbacks").json()["waiting"]
    assert (waiting["kind"], waiting["status"], waiting["sid"]) == ("status", "failed", sid)


def test_replies_and_clicks_by_http(http, customer) -> None:
    """A STOP counts, a click needs its text."""
    http("POST", f"{ROOT}/config", json={"inbound_url": customer.url, "click_url": customer.url})
    sid = http("POST", f"{ROOT}/texts", json={"to": TO, "from": FROM, "body": "Hi"}).json()["sid"]
    assert http("POST", f"{ROOT}/clicks", json={"sid": sid, "link": "https://a.example"}).ok
    stop = {"from": TO, "to": FROM, "body": "STOP", "advanced_opt_out": True}
    assert http("POST", f"{ROOT}/replies", json=stop).json()["direction"] == "inbound"
    assert http("POST", f"{ROOT}/deliver").json()["by_status"] == {"204": 2}
    refused = http("POST", f"{ROOT}/texts", json={"to": TO, "from": FROM, "body": "Hi"})
    assert (refused.status_code, refused.json()["code"]) == (400, 21610)


def test_faults_go_on_and_off(http) -> None:
    """Each POST adds one, DELETE clears them."""
    assert http("POST", f"{ROOT}/faults", json={"fault": "lost"}).json() == {"faults": 1}
    assert http("POST", f"{ROOT}/faults", json={"fault": "late", "seconds": 5}).json() == {
        "faults": 2
    }
    assert http("DELETE", f"{ROOT}/faults").json() == {"faults": 0}


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("texts", {}, "to"),
        ("texts", {"to": TO, "outcome": "eaten"}, "outcome"),
        ("texts", {"to": TO, "delays": {"thinking": 3}}, "delays"),
        ("texts", {"to": TO, "clicks": [{"after_s": 3}]}, "clicks.0.link"),
        ("texts", {"to": TO, "form": FROM}, "form"),
        ("texts", {"to": TO, "from": FROM, "body": "Hi", "account": "AC1"}, "AC1"),
        ("replies", {"from": TO, "to": "+12025559999"}, "+12025559999"),
        ("clicks", {"sid": "SM1"}, "link"),
        ("config", {"inbound_url": "hooks.example.com"}, "inbound_url"),
        ("config", {"click_format": "xml"}, "click_format"),
        ("config", {"account": "AC1", "inbound_url": "https://a.example"}, "AC1"),
        ("accounts", {"sid": "AC1", "auth_token": "t"}, "sid"),
        ("faults", {"fault": "eaten"}, "fault"),
        ("deliver", {"parallel": 0}, "parallel"),
        ("deliver", [1], "body"),
    ],
)
def test_wrong_orders_are_explained(http, path: str, body: Any, named: str) -> None:
    """400 with the field or the value that was wrong."""
    answer = http("POST", f"{ROOT}/{path}", json=body)
    assert answer.status_code == 400
    assert named in answer.json()["error"]


@pytest.mark.parametrize("path", ["texts", "replies", "config", "faults", "deliver"])
@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"null"])
def test_bytes_that_are_no_json_are_explained(http, path: str, body: bytes) -> None:
    """Never a server error."""
    answer = http("POST", f"{ROOT}/{path}", data=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
