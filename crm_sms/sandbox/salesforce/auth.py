"""The token endpoint: client credentials, JWT bearer, refresh token."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from crm_sms.sandbox.salesforce import ids
from crm_sms.sandbox.salesforce.calls import Answer
from crm_sms.sandbox.salesforce.org import USERNAME

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

CLIENT_ID = "3MVG9sandbox.crm.sms.consumer.key"
CLIENT_SECRET = "sandbox-consumer-secret"
REFRESH_TOKEN = "5Aep861sandbox.refresh.token"
ORG_ID = ids.make("00D", 1)
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
"""What the `aud` of an assertion may be, besides the org's own address."""
SCOPE = "api refresh_token"
"""What a token may be used for."""
LONGEST_ASSERTION_S = 300
"""How far ahead `exp` may lie: three minutes are asked for, the clocks may differ by some."""

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Tokens:
    """The access tokens that the org has given out and not revoked."""

    def __init__(self, now: Callable[[], datetime], user_id: Callable[[], str]) -> None:
        self._now = now
        self._user_id = user_id
        self._valid: dict[str, str] = {}
        self.refused = False
        self.scope = SCOPE

    @cached_property
    def key(self) -> RSAPrivateKey:
        """The key pair registered for JWT bearer, made when it is first asked for."""
        from cryptography.hazmat.primitives.asymmetric import rsa

        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def private_key(self) -> str:
        """The private half as PEM, for whoever is to log in with it."""
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def valid(self, authorization: str) -> bool:
        """Whether an Authorization header carries a token that holds."""
        scheme, _, token = authorization.partition(" ")
        return scheme in ("Bearer", "OAuth") and token in self._valid and not self.refused

    def serves(self, authorization: str) -> bool:
        """Whether a token that holds may be used for the API."""
        scope = self._valid[authorization.partition(" ")[2]]
        return not {"api", "full"}.isdisjoint(scope.split())

    def revoke(self, authorization: str) -> None:
        """Ends the token of an Authorization header."""
        self._valid.pop(authorization.partition(" ")[2], None)

    def grant(self, form: Mapping[str, str], authorization: str, base_url: str) -> Answer:
        """Answers a POST to /services/oauth2/token; `base_url` becomes the instance_url."""
        grants = {
            "client_credentials": self._client,
            "refresh_token": self._refresh,
            _JWT_GRANT: self._assertion,
        }
        check = grants.get(form.get("grant_type", ""))
        if check is None:
            return _no("unsupported_grant_type", "grant type not supported")
        return check(_with_basic(form, authorization), base_url) or self._given(base_url)

    def _given(self, base_url: str) -> Answer:
        if self.refused:
            return _no("invalid_grant", "expired access/refresh token")
        token = f"{ORG_ID}!{secrets.token_urlsafe(48)}"
        self._valid[token] = self.scope
        return Answer(
            body={
                "access_token": token,
                "signature": base64.b64encode(secrets.token_bytes(32)).decode(),
                "scope": self.scope,
                "instance_url": base_url,
                "id": f"{base_url}/id/{ORG_ID}/{self._user_id()}",
                "token_type": "Bearer",
                "issued_at": str(int(self._now().timestamp() * 1000)),
            },
            headers={"Cache-Control": "no-store"},
        )

    def _client(self, form: Mapping[str, str], base_url: str) -> Answer | None:
        if form.get("client_id") != CLIENT_ID:
            return _no("invalid_client_id", "client identifier invalid")
        if not hmac.compare_digest(form.get("client_secret", ""), CLIENT_SECRET):
            return _no("invalid_client", "invalid client credentials")
        return None

    def _refresh(self, form: Mapping[str, str], base_url: str) -> Answer | None:
        if form.get("client_id") != CLIENT_ID:
            return _no("invalid_client_id", "client identifier invalid")
        if form.get("client_secret", CLIENT_SECRET) != CLIENT_SECRET:
            return _no("invalid_client", "invalid client credentials")
        if form.get("refresh_token") != REFRESH_TOKEN:
            return _no("invalid_grant", "expired access/refresh token")
        return None

    def _assertion(self, form: Mapping[str, str], base_url: str) -> Answer | None:
        import jwt

        try:
            claims: dict[str, Any] = jwt.decode(
                form.get("assertion", ""),
                self.key.public_key(),
                algorithms=["RS256"],
                audience=[*AUDIENCES, base_url],
                # The sandbox's time may be simulated, so `exp` is checked below.
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.InvalidAudienceError:
            return _no("invalid_grant", "audience is invalid")
        except jwt.PyJWTError:
            return _no("invalid_grant", "invalid assertion")
        return self._check_claims(claims)

    def _check_claims(self, claims: Mapping[str, Any]) -> Answer | None:
        if claims.get("iss") != CLIENT_ID:
            return _no("invalid_client_id", "client identifier invalid")
        if claims.get("sub") != USERNAME:
            return _no("invalid_grant", "user hasn't approved this consumer")
        expires, now = claims.get("exp"), self._now().timestamp()
        if not isinstance(expires, int | float) or not now < expires <= now + LONGEST_ASSERTION_S:
            return _no("invalid_grant", "expired authorization code")
        return None


def _with_basic(form: Mapping[str, str], authorization: str) -> Mapping[str, str]:
    """The form with the client's credentials, which may come as Basic authentication."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme != "Basic":
        return form
    try:
        client, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return form
    return {**form, "client_id": client, "client_secret": secret}


def _no(error: str, description: str) -> Answer:
    return Answer(400, {"error": error, "error_description": description})
