"""The page of what Twilio holds, for a person to read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from crm_sms.sandbox.twilio.state import Twilio

#: The newest of each; older ones are counted.
SHOWN = 200

TEMPLATE = Environment(autoescape=True).from_string("""\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Twilio sandbox</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem .2rem 0; text-align: left; }
</style>
<h1>Twilio sandbox</h1>
<p>{{ now }} · <a href="/">what is here</a> ·
<a href="/_sandbox/twilio/export?format=csv">message log (CSV)</a></p>
<h2>Texts ({{ texts | length }})</h2>
<table><tr><th>Created<th>Direction<th>From<th>To<th>Body<th>Status<th>Error
{% for t in texts[:shown] %}<tr><td>{{ t.created.isoformat() }}<td>{{ t.direction }}
<td>{{ t.from_ or "" }}<td>{{ t.to }}<td>{{ t.body }}<td>{{ t.status }}<td>{{ t.error_code or "" }}
{% endfor %}</table>
<h2>Callbacks waiting ({{ waiting | length }})</h2>
<table><tr><th>Due<th>Kind<th>Status<th>Text
{% for c in waiting[:shown] %}<tr><td>{{ c.due.isoformat() }}<td>{{ c.kind }}<td>{{ c.status }}
<td>{{ c.sid }}
{% endfor %}</table>
{% for title, attempts in posted %}<h2>Callbacks {{ title }} ({{ attempts | length }})</h2>
<table><tr><th>At<th>Kind<th>Status<th>Text<th>Outcome<th>Would be texted to the person
{% for a in attempts[:shown] %}<tr><td>{{ a.at.isoformat() }}<td>{{ a.callback.kind }}
<td>{{ a.callback.status }}<td>{{ a.callback.sid }}<td>{{ a.outcome }}<td>{{ a.would_text }}
{% endfor %}</table>
{% endfor %}</html>
""")


def routes(twilio: Twilio) -> list[BaseRoute]:
    """`GET /twilio`."""
    return [Route("/twilio", _page(twilio))]


def _page(twilio: Twilio) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_request: Request) -> Response:
        attempts = twilio.postman.attempts[::-1]
        html = TEMPLATE.render(
            now=twilio.now().isoformat(),
            texts=[t for account in twilio.accounts for t in twilio.texts_of(account)[::-1]],
            waiting=sorted(twilio.postman.waiting, key=lambda callback: callback.due),
            posted=[
                ("delivered", [a for a in attempts if a.succeeded]),
                ("failed", [a for a in attempts if not a.succeeded]),
            ],
            shown=SHOWN,
        )
        return HTMLResponse(html)

    return endpoint
