"""X-Twilio-Signature as Twilio computes it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable


def sign(token: str, url: str, params: Iterable[tuple[str, str]] = ()) -> str:
    """The header's value: HMAC-SHA1 over the URL and the parameters, sorted by name.

    The values of a repeated name are sorted and each counted once. For a JSON body pass no
    parameters: `json_url` puts its digest into the URL.
    """
    text = url + "".join(name + value for name, value in sorted(set(params)))
    digest = hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def json_url(url: str, body: bytes) -> str:
    """The URL to which a JSON body is posted: with `bodySHA256` in its query."""
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}bodySHA256={hashlib.sha256(body).hexdigest()}"
