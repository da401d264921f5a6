"""Handing one text to Twilio, and what its answer means for sending it again."""

from __future__ import annotations

from typing import Any

from crm_sms.errors import TryLater, Unclear
from crm_sms.events import ErrorClass
from crm_sms.ports import OutgoingText, SendOutcome
from crm_sms_twilio.callback_url import with_decision
from crm_sms_twilio.client import TwilioException
from crm_sms_twilio.words import ERROR_CLASSES

_AMBIGUOUS = SendOutcome(error_class=ErrorClass.AMBIGUOUS, ambiguous=True)
_NEVER_LEFT = SendOutcome(error_class=ErrorClass.PROVIDER_TRANSIENT)

# For answers whose code is missing or new; a proxy's answer has only the status.
_CLASS_OF_HTTP_STATUS = {
    401: ErrorClass.AUTH,
    403: ErrorClass.AUTH,
    429: ErrorClass.RATE,
}


def send(client: Any, text: OutgoingText, decision_id: str) -> SendOutcome:
    """One POST. Messages have no idempotency key at Twilio: whatever is not a clear refusal may
    have sent the text and comes back ambiguous."""
    sender = "messaging_service_sid" if text.sender.startswith("MG") else "from_"
    try:
        message = client.messages.create(
            to=text.recipient,
            body=text.body,
            status_callback=with_decision(text.callback_url, decision_id),
            **{sender: text.sender},
        )
    except TryLater:
        return _NEVER_LEFT
    except Unclear:
        return _AMBIGUOUS
    except TwilioException as error:
        return _refusal(error)
    return SendOutcome(provider_message_id=message.sid) if message.sid else _AMBIGUOUS


def _refusal(error: Any) -> SendOutcome:
    # The SDK takes the status of some answers from their body, where a proxy can write anything.
    status = error.status if isinstance(error.status, int) else 0
    code = str(error.code) if error.code and error.code != status else None
    error_class = ERROR_CLASSES.get(code or "") or _CLASS_OF_HTTP_STATUS.get(status)
    # 408 comes from proxies, which cannot know whether Twilio has the request.
    if not 400 <= status < 500 or status == 408:
        error_class = ErrorClass.AMBIGUOUS
    return SendOutcome(
        error_code=code,
        error_class=error_class or ErrorClass.UNKNOWN,
        ambiguous=error_class is ErrorClass.AMBIGUOUS,
    )
