"""The page that a person reads."""

from __future__ import annotations

from html.parser import HTMLParser

from crm_sms.sandbox.server import Sandbox
from crm_sms.sandbox.twilio import Configure, Fault, Reply, SendText

TO, FROM = "+12025550123", "+12025550100"


class _Outline(HTMLParser):
    """The headings and cells of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.cells: list[str] = []
        self._in = ""

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self._in = tag

    def handle_data(self, data: str) -> None:
        if self._in == "h2" and data.strip():
            self.headings.append(data.strip())
        elif self._in == "td" and data.strip():
            self.cells.append(data.strip())


def _read(http) -> _Outline:
    answer = http("GET", "/twilio")
    assert answer.headers["Content-Type"].startswith("text/html")
    outline = _Outline()
    outline.feed(answer.text)
    return outline


def test_an_empty_page_counts_nothing(http) -> None:
    """Every part is there from the start."""
    assert _read(http).headings == [
        "Texts (0)",
        "Callbacks waiting (0)",
        "Callbacks delivered (0)",
        "Callbacks failed (0)",
    ]


def test_it_lists_texts_and_callbacks(sandbox: Sandbox, http, customer) -> None:
    """Delivered and failed apart, and what would have been texted to the person."""
    customer.answer = lambda _hit: (200, "text/plain", "Bye!")
    sandbox.twilio.configure(Configure(inbound_url=customer.url))
    sandbox.twilio.add_fault(Fault(fault="lost", match="sent"))
    sandbox.twilio.send(SendText(to=TO, from_=FROM, body="Hello", status_callback=customer.url))
    sandbox.twilio.reply(Reply(from_=TO, to=FROM, body="Who is this?"))
    sandbox.clock.advance(3)
    sandbox.twilio.deliver()
    sandbox.clock.advance(60)
    page = _read(http)
    assert page.headings == [
        "Texts (2)",
        "Callbacks waiting (1)",
        "Callbacks delivered (2)",
        "Callbacks failed (1)",
    ]
    for cell in ("Hello", "Who is this?", "Bye!", "lost", "delivered"):
        assert cell in page.cells


def test_bodies_are_text_not_markup(sandbox: Sandbox, http) -> None:
    """A reply cannot put a script on the page."""
    sandbox.twilio.reply(Reply(from_=TO, to=FROM, body="<script>alert(1)</script>"))
    html = http("GET", "/twilio").text
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
