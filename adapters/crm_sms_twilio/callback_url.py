"""Our key and metadata in the query of the status callback, which Twilio signs and brings back."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from crm_sms.errors import BadSettings
from crm_sms.events import Metadata
from crm_sms_twilio.settings import checked_url
from crm_sms_twilio.signature import WEBHOOK_PATH

KEY = "key"
DECISION = "decision"

METADATA_PARAMETERS: Mapping[str, str] = {
    "person": "person_id",
    DECISION: "decision_id",
    "campaign": "campaign",
    "offer": "offer",
    "template": "template",
    "template_version": "template_version",
    "purpose": "purpose",
    "segment": "segment",
    "journey": "journey",
    "arm": "arm",
}
"""Query parameter → field of Metadata."""

_PARAMETER_OF = {field: parameter for parameter, field in METADATA_PARAMETERS.items()}

OVERRIDES = "rc=3&rp=all"
"""Three retries on every failure; by default Twilio drops a status callback after the first 5xx."""

_LONGEST = 255  # the CRM's key fields hold no more

_NO_METADATA = Metadata()


def status_callback_url(public_url: str, key: str, metadata: Mapping[str, str]) -> str:
    """`metadata` has the fields of Metadata as keys; others, and keys that would come back cut,
    raise ValueError. A host that Twilio refuses raises BadSettings."""
    if not 0 < len(key) <= _LONGEST:
        raise ValueError(f"a message key has 1 to {_LONGEST} characters, this one {len(key)}")
    unknown = sorted(set(metadata) - set(_PARAMETER_OF))
    if unknown:
        raise ValueError(f"not metadata of a text: {', '.join(unknown)}")
    try:
        base = checked_url(public_url)
    except ValueError as error:
        raise BadSettings(f"public_url: {error}") from None
    pairs = {KEY: key} | {_PARAMETER_OF[field]: value for field, value in metadata.items()}
    return f"{base}{WEBHOOK_PATH}/status?{_encoded(pairs)}#{OVERRIDES}"


def with_decision(url: str, decision_id: str) -> str:
    """The callback URL with the decision that allowed the text, unless it names one already."""
    parts = urlsplit(url)
    if any(name == DECISION for name, _ in parse_qsl(parts.query)):
        return url
    pair = _encoded({DECISION: decision_id})
    return parts._replace(query=f"{parts.query}&{pair}" if parts.query else pair).geturl()


def correlation(query: str) -> tuple[str | None, Metadata]:
    """Our key and metadata out of a callback's query; unknown parameters are ignored, of a
    repeated one the first counts, values end after 255 characters."""
    if not query:
        return None, _NO_METADATA
    values: dict[str, str] = {}
    for name, value in parse_qsl(query, errors="replace"):
        values.setdefault(name, value[:_LONGEST])
    fields = {
        field: values[parameter]
        for parameter, field in METADATA_PARAMETERS.items()
        if parameter in values
    }
    return values.get(KEY), Metadata(**fields) if fields else _NO_METADATA


def _encoded(pairs: Mapping[str, str]) -> str:
    return urlencode(pairs, quote_via=quote)  # %20, since a proxy may rewrite `+`
