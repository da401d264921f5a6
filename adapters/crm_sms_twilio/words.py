"""Twilio's words as tables: statuses, error codes, opt-out types and keywords."""

from __future__ import annotations

from collections.abc import Mapping

from crm_sms.events import ErrorClass, OptOutRules, OptOutType, Status

# Message.status of Twilio's OpenAPI (api_v2010).
STATUSES: Mapping[str, Status] = {
    "accepted": Status.ACCEPTED,
    "scheduled": Status.SCHEDULED,
    "queued": Status.QUEUED,
    "sending": Status.SENDING,
    "sent": Status.SENT,
    # Some parts or recipients only: one part's receipt must not hide what another still may say.
    "partially_delivered": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.READ,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "canceled": Status.CANCELED,
    "receiving": Status.RECEIVED,
    "received": Status.RECEIVED,
}

INBOUND_STATUSES = frozenset({"receiving", "received"})

# https://www.twilio.com/docs/api/errors, in the answer to a request and in ErrorCode of a callback.
ERROR_CLASSES: Mapping[str, ErrorClass] = {
    "14107": ErrorClass.RATE,  # 30 answers between two numbers in 30 s
    "20003": ErrorClass.AUTH,
    "20429": ErrorClass.RATE,  # "never processed and is always safe to retry"
    "20500": ErrorClass.AMBIGUOUS,
    "20503": ErrorClass.AMBIGUOUS,
    "21211": ErrorClass.INVALID_RECIPIENT,
    "21212": ErrorClass.SENDER_CONFIG,
    "21408": ErrorClass.SENDER_CONFIG,  # region not enabled
    "21602": ErrorClass.CONTENT,  # no body
    "21603": ErrorClass.SENDER_CONFIG,  # no sender
    "21604": ErrorClass.INVALID_RECIPIENT,  # no recipient
    "21606": ErrorClass.SENDER_CONFIG,
    "21608": ErrorClass.SENDER_CONFIG,  # trial account, unverified number
    "21609": ErrorClass.SENDER_CONFIG,  # the status callback's URL
    "21610": ErrorClass.CONSENT,
    "21611": ErrorClass.RATE,  # ten hours of texts already queued
    # Not reachable from this sender. The cause may be either end; one bad number must not stop a
    # campaign, so the recipient has it.
    "21612": ErrorClass.INVALID_RECIPIENT,
    "21614": ErrorClass.INVALID_RECIPIENT,
    "21617": ErrorClass.CONTENT,  # longer than 1,600 characters
    "21619": ErrorClass.CONTENT,
    "21635": ErrorClass.INVALID_RECIPIENT,  # landline
    "21660": ErrorClass.SENDER_CONFIG,
    "21705": ErrorClass.SENDER_CONFIG,  # no such Messaging Service
    "21712": ErrorClass.SENDER_CONFIG,  # the sender is not in its pool
    "30001": ErrorClass.RATE,
    "30002": ErrorClass.SENDER_CONFIG,  # account suspended
    "30003": ErrorClass.UNREACHABLE_TEMPORARY,
    # Blocked by the handset, a carrier's list or a landline: nobody told us no, so it is not an
    # opt-out, but this number does not take our texts.
    "30004": ErrorClass.INVALID_RECIPIENT,
    "30005": ErrorClass.INVALID_RECIPIENT,
    "30006": ErrorClass.INVALID_RECIPIENT,
    "30007": ErrorClass.CONTENT,  # filtered
    "30008": ErrorClass.UNKNOWN,
    "30017": ErrorClass.RATE,
    "30022": ErrorClass.RATE,
    "30023": ErrorClass.RATE,
    "30024": ErrorClass.SENDER_CONFIG,
    "30027": ErrorClass.RATE,
    "30032": ErrorClass.SENDER_CONFIG,  # toll-free number not verified
    "30034": ErrorClass.SENDER_CONFIG,  # 10DLC number not registered
    "30035": ErrorClass.SENDER_CONFIG,
    "30036": ErrorClass.EXPIRED,
    "30047": ErrorClass.COMPLIANCE_HOLD,
    "30410": ErrorClass.AMBIGUOUS,  # "not retried to avoid duplicate delivery"
    "30450": ErrorClass.CONTENT,
    "30453": ErrorClass.CONTENT,
    "63003": ErrorClass.INVALID_RECIPIENT,
    "63005": ErrorClass.CONTENT,
    "63016": ErrorClass.CONTENT,
    "63017": ErrorClass.RATE,
    "63018": ErrorClass.RATE,
    "63024": ErrorClass.INVALID_RECIPIENT,
}

# Parameter OptOutType, sent where Advanced Opt-Out is on.
OPT_OUT_TYPES: Mapping[str, OptOutType] = {
    "STOP": OptOutType.STOP,
    "START": OptOutType.START,
    "HELP": OptOutType.HELP,
}

# https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out and docs/errors/23002.
OPT_OUT_RULES = OptOutRules(
    keywords={
        **dict.fromkeys(
            ("STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"),
            OptOutType.STOP,
        ),
        **dict.fromkeys(("START", "YES", "UNSTOP"), OptOutType.START),
        **dict.fromkeys(("HELP", "INFO"), OptOutType.HELP),
    }
)


def status_of(word: str) -> Status:
    """UNKNOWN for a word that is not in the table, so that a new one never stops a callback."""
    return STATUSES.get(word.lower(), Status.UNKNOWN)


def error_of(code: str | None) -> tuple[str | None, ErrorClass | None]:
    """Code and class; both None where Twilio gives none, which it also writes as `0`."""
    if not code or code == "0":
        return None, None
    return code, ERROR_CLASSES.get(code, ErrorClass.UNKNOWN)
