"""Every error crm-sms raises on purpose, named by what the caller does next.

    CrmSmsError
    ├── FixSetup              the installation is wrong: correct it, then run the same thing again
    │   ├── MissingExtra      a vendor's library is not installed
    │   ├── BadSettings       a setting is missing, unknown or out of range
    │   ├── BadMapping        a mapping file does not fit its schema or the CRM
    │   ├── WrongSchema       the ledger is older or newer than this program
    │   ├── LedgerBehind      the ledger was restored, and lacks what it wrote since
    │   └── AccessRefused     a CRM or provider does not accept our credentials
    ├── RefusedInput          this input is wrong: nothing of it was kept
    │   ├── Forged            a webhook whose signature does not match
    │   └── Unreadable        not what the vendor sends, or an export we cannot read
    ├── TryLater              nothing happened: the same call may be made again later
    │   ├── StoreUnavailable  the ledger cannot be written now
    │   └── QuotaEnded        the CRM takes no more calls for now
    └── Unclear               it may have happened: look before doing it again

Messages say what was wrong, where, and what to do; they hold no secrets, bodies or whole numbers.
"""


def reason(error: OSError) -> str:
    """Why the system refused, without the arguments that Python may add in parentheses."""
    return (error.strerror or str(error)).partition(" (")[0]


class CrmSmsError(Exception):
    """The root of every error crm-sms raises on purpose."""


class FixSetup(CrmSmsError):
    """The installation is wrong; the message names the remedy."""


class MissingExtra(FixSetup):
    """A vendor's library is not installed; the message holds the pip command."""

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs an extra: pip install 'crm-sms[{extra}]'")
        self.extra = extra


class BadSettings(FixSetup):
    """A setting is missing, unknown or out of range; every problem is in the message."""


class BadMapping(FixSetup):
    """A mapping file does not fit its schema or the CRM; every problem is in the message."""


class WrongSchema(FixSetup):
    """The ledger's schema is older or newer than this program."""


class LedgerBehind(FixSetup):
    """A CRM holds what this ledger never wrote: it was restored from a backup."""


class AccessRefused(FixSetup):
    """A CRM or provider does not accept our credentials, also not after one refresh."""


class RefusedInput(CrmSmsError):
    """This input is wrong; nothing of it was kept."""


class Forged(RefusedInput):
    """A webhook's signature does not match any configured secret."""


class Unreadable(RefusedInput):
    """Bytes that are not what the vendor sends, or an export we cannot read."""


class TryLater(CrmSmsError):
    """Nothing happened; the same call may be made again after `wait_s` seconds."""

    def __init__(self, message: str, wait_s: float = 1.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class StoreUnavailable(TryLater):
    """The ledger cannot be written now."""


class QuotaEnded(TryLater):
    """The CRM or provider takes no more calls for now."""


class Unclear(CrmSmsError):
    """The request may have taken effect; look before doing it again."""
