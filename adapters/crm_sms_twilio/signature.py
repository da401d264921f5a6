"""Whether a callback was signed by Twilio: X-Twilio-Signature over the URL that Twilio called."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from crm_sms.errors import MissingExtra
from crm_sms.ports import WebhookRequest
from crm_sms_twilio.payload import Form
from crm_sms_twilio.settings import Settings

WEBHOOK_PATH = "/webhooks/twilio"
"""Where Twilio's callbacks arrive, below `public_url`."""

Sign = Callable[[str, Form | None], str]

_WEBHOOKS = "/webhooks/"
_SIGNATURE = "x-twilio-signature"
# Beta since 2026-09: `key=webhooks_sharedkey_…,algorithm=HMAC_SHA256`; absent means HMAC_SHA1
# with the account's token.
_SHARED_KEY = "x-twilio-webhooks-signature-settings"
_SHARED_KEY_ALGORITHM = "HMAC_SHA256"
_PORT = re.compile(r":\d+$")
_DEFAULT_PORTS = {"https": 443, "http": 80}


class Signatures:
    """Checks callbacks against the secrets of the account that they name; repr shows no secret."""

    def __init__(self, settings: Settings) -> None:
        self._bases = _bases(settings.public_url)
        self._tokens = {
            sid: tuple(_signer(token) for token in (account.auth_token, *account.further_tokens))
            for sid, account in settings.accounts.items()
        }
        self._shared_keys = {
            (sid, name): (_signer(secret, _SHARED_KEY_ALGORITHM),)
            for sid, account in settings.accounts.items()
            for name, secret in account.shared_keys.items()
        }

    def problem(self, request: WebhookRequest, account: str, form: Form | None) -> str:
        """Why the signature does not prove that Twilio sent this; empty if it does.

        `form` is None for a body that is signed through its digest in the query (bodySHA256).
        """
        signature = request.headers.get(_SIGNATURE)
        if not signature:
            return "it has no X-Twilio-Signature"
        if account not in self._tokens:
            return "its AccountSid is not among the configured accounts"
        signers = self._signers(request.headers, account)
        if not signers:
            return "it is signed with a shared key that is not configured"
        if form is None and not _body_digest_fits(request):
            return "its body does not have the digest that is in the URL (bodySHA256)"
        if _matches(signature, self._urls(request), signers, form):
            return ""
        return f"no token of its account signs it as called at {self._bases[0]}"

    def _signers(self, headers: Mapping[str, str], account: str) -> tuple[Sign, ...]:
        named = headers.get(_SHARED_KEY)
        if not named:
            return self._tokens[account]
        said = dict(part.strip().partition("=")[::2] for part in named.split(","))
        if said.get("algorithm") != _SHARED_KEY_ALGORITHM:
            return ()
        return self._shared_keys.get((account, said.get("key", "")), ())

    def _urls(self, request: WebhookRequest) -> tuple[str, ...]:
        # A proxy may pass the public URL's prefix on or cut it off; it counts once.
        start = max(request.path.find(_WEBHOOKS), 0)
        tail = request.path[start:] + (f"?{request.query}" if request.query else "")
        return tuple(base + tail for base in self._bases)


def _matches(
    signature: str, urls: Iterable[str], signers: Iterable[Sign], form: Form | None
) -> bool:
    given = signature.encode("utf-8", "replace")
    try:
        return any(
            hmac.compare_digest(sign(url, form).encode(), given) for url in urls for sign in signers
        )
    except UnicodeEncodeError:  # a URL that is not text was not signed by Twilio
        return False


def _body_digest_fits(request: WebhookRequest) -> bool:
    digests = parse_qs(request.query, errors="replace").get("bodySHA256", [""])
    given = digests[0].encode("utf-8", "replace")
    return hmac.compare_digest(sha256(request.body).hexdigest().encode(), given)


def _bases(public_url: str) -> tuple[str, ...]:
    """The URL with and without its port: Twilio's back end signs now one, now the other."""
    parts = urlsplit(public_url)
    host = _PORT.sub("", parts.netloc)
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    plain, with_port = (
        parts._replace(netloc=netloc).geturl() for netloc in (host, f"{host}:{port}")
    )
    return (with_port, plain) if parts.port else (plain, with_port)


def _signer(secret: SecretStr, algorithm: str | None = None) -> Sign:
    try:
        from twilio.request_validator import RequestValidator
    except ImportError:
        raise MissingExtra("twilio", "Checking Twilio's signatures") from None

    # Not `validate`: it raises TypeError for a JSON body without bodySHA256, and signs twice.
    sign = RequestValidator(secret.get_secret_value()).compute_signature
    return partial(sign, algorithm=algorithm) if algorithm else sign
