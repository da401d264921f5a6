"""Pages as a rep sees them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
import requests


class Text(HTMLParser):
    """The text of a page with its tags and links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.words += [data.strip()] if data.strip() else []

    def between(self, start: str, end: str | None = None) -> list[str]:
        """The texts from one heading to another."""
        begin = self.words.index(start)
        stop = self.words.index(end) if end in self.words else len(self.words)
        return self.words[begin + 1 : stop]


def page(api: Any, path: str) -> Text:
    answer = requests.get(api.sandbox.url + path, timeout=10)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    return Text(answer.text)


@pytest.fixture
def story(api: Any) -> Any:
    """A contact who was texted, replied, and has an open and a done task."""
    (api.account,) = api.people("Account", {"Name": "Acme"})
    (api.person,) = api.people(
        "Contact",
        {
            "FirstName": "Jo",
            "LastName": "Doe",
            "MobilePhone": "+15551234567",
            "AccountId": api.account,
            "SMS_Opt_Out__c": True,
            "SMS_Reply_Count__c": 1,
            "SMS_Last_Reply_At__c": "2026-03-02T10:05:00Z",
        },
    )
    sent, received = api.people(
        "SMS_Message__c",
        *(
            {
                "Contact__c": api.person,
                "Direction__c": direction,
                "From__c": "+15550001111",
                "To__c": "+15551234567",
                "Body__c": body,
                "Status__c": status,
                "Occurred_At__c": f"2026-03-02T10:{minute}:00Z",
            }
            for direction, body, status, minute in (
                ("Outbound", "Offer <b>20%</b> off", "Delivered", "00"),
                ("Inbound", "Call me", "Received", "05"),
            )
        ),
    )
    api.sent, api.received = sent, received
    link = f"{api.sandbox.url}/lightning/r/SMS_Message__c/{received}/view"
    (api.task, api.done) = api.people(
        "Task",
        {"WhoId": api.person, "Subject": "Reply", "Description": f'"Call me"\n{link}'},
        {"WhoId": api.person, "Subject": "Text sent", "Status": "Completed"},
    )
    api.link = link
    return api


def test_a_persons_page(story: Any) -> None:
    """Fields with their labels, ours in a group of their own, open tasks, then the timeline."""
    text = page(story, f"/lightning/r/Contact/{story.person}/view")
    details = text.between("Details", "Text messages")
    assert details[details.index("Mobile Phone") + 1] == "+15551234567"
    assert details[details.index("Account") + 1] == "Acme"
    ours = text.between("Text messages", "Open tasks")
    assert ours[ours.index("SMS Opt Out") + 1] == "Yes"
    assert ours[ours.index("SMS Reply Count") + 1] == "1"
    assert ours[ours.index("SMS Last Reply At") + 1] == "2026-03-02 10:05:00 UTC"
    assert "Reply" in text.between("Open tasks", "Timeline")
    timeline = text.between("Timeline")
    assert "Reply" not in timeline
    assert "Text sent" in timeline


def test_the_timeline_is_in_order_of_time(story: Any) -> None:
    """Texts and done tasks together, the last one first."""
    timeline = page(story, f"/lightning/r/Contact/{story.person}/view").between("Timeline")
    times = [word for word in timeline if word.endswith("UTC")]
    assert len(times) == 3
    assert times == sorted(times, reverse=True)
    assert timeline.index("Call me") < timeline.index("Offer <b>20%</b> off")


def test_links_lead_on(story: Any) -> None:
    """From the person to tasks and texts, and from a task's text to the message."""
    person = page(story, f"/lightning/r/Contact/{story.person}/view")
    assert f"/lightning/r/Task/{story.task}/view" in person.links
    assert f"/lightning/r/SMS_Message__c/{story.received}/view" in person.links
    assert story.link in person.links
    task = page(story, f"/lightning/r/Task/{story.task}/view")
    assert f"/lightning/r/Contact/{story.person}/view" in task.links
    message = page(story, f"/lightning/r/SMS_Message__c/{story.received}/view")
    assert "Call me" in message.words


def test_what_people_wrote_is_text(story: Any) -> None:
    """Markup in a body or a name stays text; pages have no scripts."""
    (person,) = story.people("Contact", {"LastName": "<script>alert(1)</script>"})
    for path in (
        f"/lightning/r/SMS_Message__c/{story.sent}/view",
        f"/lightning/r/Contact/{person}/view",
        "/salesforce",
        "/salesforce?q=%3Cscript%3E",
    ):
        tags = page(story, path).tags
        assert not {"script", "b"} & set(tags)


def test_every_kind_of_record_has_a_page(story: Any) -> None:
    """Leads and opportunities too."""
    (lead,) = story.people("Lead", {"LastName": "Lead", "Company": "C"})
    (deal,) = story.people(
        "Opportunity", {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    )
    story.people("SMS_Message__c", {"Opportunity__c": deal, "Body__c": "About the deal"})
    assert "Lead" in page(story, f"/lightning/r/Lead/{lead}/view").words
    assert "About the deal" in page(story, f"/lightning/r/Opportunity/{deal}/view").words


def test_a_deleted_record_says_so(story: Any) -> None:
    """Its page remains."""
    story("DELETE", f"sobjects/Task/{story.task}")
    text = page(story, f"/lightning/r/Task/{story.task}/view")
    assert "This record is in the recycle bin." in text.words


@pytest.mark.parametrize(
    "path",
    ["Contact/nonsense", "Contact/0035g00000009zzAAA", "Nope/x", "User/{user}", "Lead/{own}"],
)
def test_no_such_page(story: Any, path: str) -> None:
    """Unknown records, objects without pages, and ids of another object are 404."""
    user = story.credentials["user_id"]
    path = path.format(user=user, own=story.person)
    answer = requests.get(f"{story.sandbox.url}/lightning/r/{path}/view", timeout=10)
    assert answer.status_code == 404


def test_the_index_lists_and_finds(story: Any) -> None:
    """Counts per object, a search by name or phone, and what one needs to log in."""
    index = page(story, "/salesforce")
    assert "Contacts (1)" in index.words
    assert "SMS Messages (2)" in index.words
    assert story.credentials["client_secret"] in index.words
    assert f"/lightning/r/Contact/{story.person}/view" in index.links
    for wanted, found in (("jo d", 1), ("1234567", 1), ("nobody", 0)):
        assert f"Contacts ({found})" in page(story, f"/salesforce?q={wanted}").words
