"""Twilio to run against on this machine: stateful, strict, with faults."""

from __future__ import annotations

from starlette.routing import BaseRoute

from crm_sms.sandbox.twilio import api, control, page
from crm_sms.sandbox.twilio.orders import (
    AddAccount,
    Answer,
    Click,
    Configure,
    Deliver,
    Fault,
    Reply,
    SendText,
    Visit,
)
from crm_sms.sandbox.twilio.state import Twilio

__all__ = [
    "AddAccount",
    "Answer",
    "Click",
    "Configure",
    "Deliver",
    "Fault",
    "Reply",
    "SendText",
    "Twilio",
    "Visit",
    "routes",
]


def routes(twilio: Twilio) -> list[BaseRoute]:
    """Twilio's API, the sandbox's orders, and the page."""
    return [*api.routes(twilio), *control.routes(twilio), *page.routes(twilio)]
