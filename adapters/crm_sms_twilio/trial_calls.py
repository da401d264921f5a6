"""Test callbacks, posted to our own service as Twilio posts its own: the answers tell the cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from crm_sms.errors import MissingExtra
from crm_sms.ports import Finding
from crm_sms_twilio.settings import Settings
from crm_sms_twilio.trial import KIND, MARK

_QUERY = "key=crm-sms%20test%2F1&campaign=a%26b%2Bc"
"""What a proxy likes to rewrite: a blank, a slash, an ampersand, a plus."""

_FIELDS = {MARK: "a b+c & d/ä", "Empty": ""}
_TIMEOUT_S = 15.0
"""As long as Twilio waits."""

_PASS_ON = (
    "have the proxy or tunnel pass path, query and body on as they are (nginx: proxy_pass without "
    "a path behind the port)"
)
_SAME = (
    "restart crm-sms serve if public_url or the token was changed since it started; public_url "
    "must be exactly the address that Twilio calls"
)
_ELSEWHERE = "have the proxy or tunnel pass /webhooks/ to crm-sms serve (web.host and web.port)"


def trials(settings: Settings, address: str) -> Iterator[Finding]:
    """One finding per account, or a single one if nothing answers at `address`, where our service
    takes this provider's callbacks."""
    with requests.Session() as session:
        caller = Caller(session, f"{address}/{KIND}")
        try:
            caller.get(f"{address.partition('/webhooks/')[0]}/healthz")
            for sid, account in settings.accounts.items():
                yield _finding(caller, sid, account.auth_token.get_secret_value())
        except requests.RequestException as error:
            text, remedy = _unreached(error)
            yield Finding("test callback", False, f"{urlsplit(address).netloc} {text}", remedy)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who posts test callbacks to an address of ours."""

    session: requests.Session
    url: str

    def get(self, url: str) -> int:
        """The status that a GET is answered with."""
        answer = self.session.get(url, timeout=_TIMEOUT_S, allow_redirects=False, auth=_as_it_is)
        return answer.status_code

    def post(self, sid: str, token: str, query: str = _QUERY) -> requests.Response:
        """The answer to a callback of this account, signed with this token."""
        url = f"{self.url}?{query}" if query else self.url
        form = {"AccountSid": sid, **_FIELDS}
        return self.session.post(
            url,
            data=form,
            headers={"X-Twilio-Signature": _signature(token, url, form)},
            timeout=_TIMEOUT_S,
            allow_redirects=False,
            auth=_as_it_is,
        )


def _finding(caller: Caller, sid: str, token: str) -> Finding:
    subject = f"test callback {sid}"
    answer = caller.post(sid, token)
    if answer.status_code != 204:
        text, remedy = _refused(caller, sid, token, answer)
        return Finding(subject, False, text, remedy)
    forged = caller.post(sid, f"not {token}").status_code
    if forged != 403:
        text = f"one with a wrong signature is answered {forged}: that is not crm-sms"
        return Finding(subject, False, text, _ELSEWHERE)
    return Finding(subject, True, "arrives as it was signed, and one signed wrongly is refused")


def _refused(caller: Caller, sid: str, token: str, answer: requests.Response) -> tuple[str, str]:
    """What most likely keeps a callback from being taken, and the remedy."""
    status = answer.status_code
    if status == 403 and not answer.content:
        if caller.post(sid, token, query="").status_code == 204:
            return "is refused with a query, taken without: the query arrives changed", _PASS_ON
        return "is refused: the service expects another public_url or token", _SAME
    if 300 <= status < 400:
        return f"is redirected to {_host(answer)}", "set public_url to the address it leads to"
    if status in (502, 503, 504):
        return f"is answered {status}: nothing behind the proxy takes it", "start crm-sms serve"
    if answer.content:
        text = f"is answered {status} with a page: something else than crm-sms is there"
        return text, f"{_ELSEWHERE}, and let nothing there ask for a log-in"
    return f"is answered {status}: crm-sms does not know this address", _ELSEWHERE


def _unreached(error: requests.RequestException) -> tuple[str, str]:
    if isinstance(error, requests.exceptions.SSLError):
        return "has a certificate that cannot be trusted", (
            "renew the certificate of the proxy, with its intermediate certificates and for this "
            "very name"
        )
    if isinstance(error, requests.Timeout):
        return f"does not answer within {_TIMEOUT_S:g} s", (
            "look whether crm-sms serve runs, and whether a firewall drops what comes in"
        )
    return "cannot be reached", (
        "correct public_url or its name in the DNS, start the proxy or tunnel and crm-sms serve; "
        "if others reach it, only this machine does not: then it is no fault"
    )


def _host(answer: requests.Response) -> str:
    parts = urlsplit(answer.headers.get("Location", ""))
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "another path"


def _signature(token: str, url: str, form: Mapping[str, str]) -> str:
    try:
        from twilio.request_validator import RequestValidator
    except ImportError:
        raise MissingExtra("twilio", "Signing a test callback") from None
    return str(RequestValidator(token).compute_signature(url, form))


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Without this a .netrc entry for the host would be sent along."""
    return request
