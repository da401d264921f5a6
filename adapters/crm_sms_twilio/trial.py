"""How a callback is known that doctor makes as Twilio would, to see whether callbacks arrive.

Its kind is `test`, it has the field MARK and no message. The service that gets it checks its
signature, answers, and keeps nothing. Nobody gains by imitating it: what is not signed with the
account's token is refused, also while `signature = "report"`, and what is signed tells of no text.
A callback of Twilio's names a message, so none is ever taken for a test by mistake.
"""

from __future__ import annotations

from collections.abc import Mapping

KIND = "test"
MARK = "CrmSmsTest"

_NAMES = ("MessageSid", "SmsSid", "SmsMessageSid", "sms_sid", "message_sid")


def is_trial(kind: str | None, fields: Mapping[str, str]) -> bool:
    """Whether this is such a callback; whether it is authentic, only its signature says."""
    return kind == KIND and MARK in fields and not any(name in fields for name in _NAMES)
