"""What Twilio answers when it refuses, as a table of codes."""

from __future__ import annotations

from typing import Any

#: code → (HTTP status, message). Codes are from Twilio's error dictionary; statuses other than
#: 400 and the exact wording are from memory.
REFUSALS: dict[int, tuple[int, str]] = {
    20001: (400, "Invalid parameter {0}"),
    20003: (401, "Authenticate"),
    20006: (400, "Page {0} cannot be reached without a PageToken"),
    20009: (400, "Cannot redact Message because delivery is not completed"),
    20404: (404, "The requested resource {0} was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    20503: (503, "Service is unavailable. Please try again"),
    21211: (400, "Invalid 'To' Phone Number: {0}"),
    21212: (400, "Invalid From Number (caller ID): {0}"),
    21266: (400, "'To' and 'From' number cannot be the same: {0}"),
    21408: (400, "Permission to send an SMS has not been enabled for the region: {0}"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The From phone number {0} is not a valid number of your account"),
    21609: (400, "The StatusCallback URL {0} is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (400, "This From number has exceeded the maximum number of queued messages"),
    21612: (400, "The 'To' phone number {0} is not currently reachable via SMS from this From"),
    21614: (400, "'To' number is not a valid mobile number: {0}"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit."),
    21620: (400, "Invalid media URL(s)"),
    21623: (400, "Number of media files exceeds allowed limit"),
    21655: (400, "The ContentSid {0} is Invalid"),
    21705: (400, "The Messaging Service Sid {0} is invalid."),
    21712: (400, "The From number {0} is not in the Messaging Service's sender pool"),
    21910: (400, "Invalid From and To pair. From and To should be of the same channel"),
    30409: (409, "This message cannot be canceled"),
    35111: (400, "SendAt and ScheduleType must be given together"),
    35114: (400, "SendAt must be an ISO 8601 UTC instant from 15 minutes to 35 days ahead"),
    35118: (400, "MessagingServiceSid is required to schedule a message"),
}


class Refused(Exception):
    """Twilio's no: an HTTP status and the JSON body that goes with it."""

    def __init__(self, code: int, detail: str = "") -> None:
        self.code = code
        self.status, message = REFUSALS[code]
        self.message = message.format(detail)
        super().__init__(f"{code}: {self.message}")

    @property
    def body(self) -> dict[str, Any]:
        """The JSON that Twilio sends with the status."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
