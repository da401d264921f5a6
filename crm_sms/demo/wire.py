"""What goes over HTTP: orders to the sandbox, and callbacks that somebody forges."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from crm_sms.demo.words import Click
from crm_sms.sandbox.twilio.signature import sign


class Orders:
    """Gives orders to the sandbox over HTTP, as the other system and people's phones do."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def __call__(self, what: str, order: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to an order that must be accepted."""
        headers = {"Content-Type": "application/json"}
        self._connection.request("POST", f"/_sandbox/twilio/{what}", json.dumps(order), headers)
        answer = self._connection.getresponse()
        body = answer.read()
        self._connection.close()  # a kept one may be closed by the other side at any moment
        if answer.status != 200:
            raise RuntimeError(f"the sandbox refused {what}: {answer.status} {body[:300]!r}")
        found: dict[str, Any] = json.loads(body)
        return found


def forge(url: str, form: Mapping[str, str]) -> int:
    """The status of the answer to a callback that a wrong token signed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": sign("not the token", url, tuple(form.items())),
    }
    connection.request("POST", parts.path, urlencode(form), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def click_order(click: Click) -> dict[str, Any]:
    """A click as the sandbox takes it, with the text that it belongs to."""
    return {
        "link": click.link,
        "after_s": click.after.total_seconds(),
        "user_agent": click.user_agent,
        "event_type": "preview" if click.preview else "click",
    }
