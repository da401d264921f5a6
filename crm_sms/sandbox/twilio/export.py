"""The message log as Twilio exports it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any

from crm_sms.sandbox.twilio.texts import Text, resource

#: The console's CSV: header → the cell. Names, order and the form of SentDate are from memory and
#: were never checked against a live export.
COLUMNS: dict[str, Callable[[Text], Any]] = {
    "From": lambda text: text.from_,
    "To": lambda text: text.to,
    "Body": lambda text: text.body,
    "Status": lambda text: text.status,
    "SentDate": lambda text: text.sent and text.sent.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "ApiVersion": lambda text: resource(text)["api_version"],
    "NumSegments": lambda text: text.billed_segments,
    "ErrorCode": lambda text: text.error_code or 0,
    "AccountSid": lambda text: text.account,
    "Sid": lambda text: text.sid,
    "Direction": lambda text: text.direction,
    "Price": lambda text: text.price,
    "PriceUnit": lambda text: "USD" if text.price else None,
}


def console_csv(texts: Iterable[Text]) -> str:
    """The console's CSV, newest first."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for text in sorted(texts, key=lambda text: -text.number):
        writer.writerow([cell(text) for cell in COLUMNS.values()])
    return out.getvalue()


def messages_list(texts: Iterable[Text]) -> dict[str, Any]:
    """The Messages list in one piece, newest first."""
    newest_first = sorted(texts, key=lambda text: -text.number)
    return {"messages": [resource(text) for text in newest_first]}
