"""The first page: where to look, and the settings of an installation that works against this."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from crm_sms.sandbox.clock import FileClock
from crm_sms.sandbox.salesforce import Salesforce
from crm_sms.sandbox.twilio import Twilio
from crm_sms.sandbox.twilio.accounts import Account

WEB_URL = "http://127.0.0.1:8090"
"""Where an installation takes callbacks unless told otherwise."""

_PAGE = Environment(autoescape=True, keep_trailing_newline=True).from_string("""\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>crm-sms sandbox</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
pre { background: #f4f4f4; padding: .8rem 1rem; overflow-x: auto; }
</style>
<h1>crm-sms sandbox</h1>
<p>Salesforce and Twilio on this machine. It is {{ now }}.
{% if not real %}Time stands until it is set.{% endif %}</p>
<ul>
<li><a href="/salesforce">Salesforce: people, opportunities, their texts and tasks</a>
<li><a href="/twilio">Twilio: texts and callbacks</a>
<li><a href="/_sandbox/stats">Counts</a>,
<a href="/_sandbox/salesforce/faults">faults that are on</a>,
<a href="/_sandbox/twilio/callbacks">callbacks</a>, <a href="/_sandbox/clock">the clock</a>
</ul>
<h2>Try crm-sms against it</h2>
<pre>
mkdir try &amp;&amp; cd try
crm-sms init
curl -s {{ url }}/_sandbox/crm-sms.toml > crm-sms.toml
curl -s {{ url }}/_sandbox/env >> .env
crm-sms doctor
crm-sms sync people
</pre>
<p>Or paste by hand. As <code>crm-sms.toml</code>, in place of what <code>crm-sms init</code>
wrote:</p>
<pre>
{{ settings }}</pre>
<p>And at the end of <code>.env</code>:</p>
<pre>
{{ secrets }}</pre>
<h2>What it takes</h2>
<ul>
{% for account in accounts %}
<li>Twilio account <code>{{ account.sid }}</code>, senders {{ account.senders | join(", ") }}
{% for service in account.services.values() %}
<br>Messaging Service <code>{{ service.sid }}</code>, senders {{ service.senders | join(", ") }}
{% endfor %}{% endfor %}
<li>Salesforce user <code>{{ credentials.username }}</code>; a refresh token, and the
<a href="/_sandbox/salesforce/private_key">private key</a> of the app for JWT, stand with the other
<a href="/_sandbox/salesforce">credentials</a>
</ul>
<p>None of these secrets is a real one.</p>
</html>
""")


@dataclass(frozen=True, slots=True)
class FirstPage:
    """What it tells: the sandbox's address, what signs in at the org, Twilio's accounts, and the
    clock's file if it has one."""

    url: str
    credentials: Mapping[str, Any]
    accounts: Collection[Account]
    clock: Path | None

    def settings(self) -> str:
        """A whole crm-sms.toml."""
        lines = [
            f"public_url = {_quoted(WEB_URL)}",
            'default_region = "US"',
            f"clock = {_quoted(str(self.clock.absolute()))}" if self.clock else None,
            "",
            "[crms.salesforce]",
            'auth = "client_credentials"',
            f"client_id = {_quoted(self.credentials['client_id'])}",
            f"login_url = {_quoted(self.url)}",
            "allow_http = true",
            "",
            "[providers.twilio]",
            f"base_url = {_quoted(self.url)}",
        ]
        return "\n".join(line for line in lines if line is not None) + "\n"

    def secrets(self) -> str:
        """What is to be added to .env."""
        secret = self.credentials["client_secret"]
        lines = [f"CRM_SMS_CRMS__SALESFORCE__CLIENT_SECRET={secret}"]
        lines += [
            f"CRM_SMS_PROVIDERS__TWILIO__ACCOUNTS__{account.sid}__AUTH_TOKEN={account.auth_token}"
            for account in self.accounts
        ]
        return "\n".join(lines) + "\n"

    def html(self, now: str, *, real: bool) -> str:
        """The page itself, as of `now`; time that is not `real` stands still."""
        return _PAGE.render(
            now=now,
            real=real,
            url=self.url,
            settings=self.settings(),
            secrets=self.secrets(),
            accounts=self.accounts,
            credentials=self.credentials,
        )


def _quoted(text: str) -> str:
    """As a TOML string: JSON's escapes are among its own."""
    return json.dumps(text, ensure_ascii=False)


def routes(clock: FileClock, salesforce: Salesforce, twilio: Twilio) -> list[BaseRoute]:
    """The page, and what it has people paste as texts of their own."""

    def page(request: Request) -> FirstPage:
        url = f"{request.url.scheme}://{request.url.netloc}"
        return FirstPage(url, salesforce.credentials(url), twilio.accounts.values(), clock.path)

    async def index(request: Request) -> Response:
        now = clock.now().isoformat(timespec="seconds")
        return HTMLResponse(page(request).html(now, real=clock.is_real))

    async def settings(request: Request) -> Response:
        return PlainTextResponse(page(request).settings())

    async def secrets(request: Request) -> Response:
        return PlainTextResponse(page(request).secrets())

    return [
        Route("/", index),
        Route("/_sandbox/crm-sms.toml", settings),
        Route("/_sandbox/env", secrets),
    ]
