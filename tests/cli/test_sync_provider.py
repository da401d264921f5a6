"""`crm-sms sync provider`: what it lists, what it prints and what it ends with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crm_sms.events import Status
from crm_sms.ledger.tables import events
from crm_sms.sandbox.twilio import orders
from crm_sms.sandbox.twilio.accounts import Account
from crm_sms.testing.world import World

PERSON, SENDER = "+12025550123", "+12025550100"
OTHER = "AC" + "9" * 32


@pytest.fixture
def texts(world: World) -> World:
    """A text and a reply of an hour ago, of which no callback told."""
    world.box.twilio.send(orders.SendText(**{"to": PERSON, "from": SENDER, "body": "Hello"}))
    world.box.twilio.reply(orders.Reply(**{"from": PERSON, "to": SENDER, "body": "STOP"}))
    world.advance(3600)
    return world


def stored(world: World) -> int:
    """Events in the ledger."""
    with world.app.ledger.read() as connection:
        return len(connection.execute(events.select()).all())


def test_missed_texts_are_stored_and_end_it_with_3(crm_sms: Any, texts: World) -> None:
    """In words and as a document; the second time there is nothing new, and it is still said."""
    answer = crm_sms("sync", "provider", "--since", "30d")
    assert answer.code == 3
    assert answer.out == "sync provider twilio: 2 listed, 2 found, 1 opt-out, 2 missed\n"
    assert "callbacks of 2 texts never came" in answer.err
    assert stored(texts) == 2
    again = crm_sms("sync", "provider", "--since", "30d", "--json")
    done = again.json["sync_provider"]["twilio"]
    assert (again.code, done["failure"]) == (3, "")
    assert done["report"] == {
        "listed": 2,
        "known": 2,
        "completed": 0,
        "found": 0,
        "opt_outs": 0,
        "unreadable": 0,
        "missed": {texts.account: 2},
        "failed": "",
    }


def test_what_callbacks_told_ends_with_0(crm_sms: Any, world: World) -> None:
    """The listing adds the body."""
    text = world.box.twilio.send(orders.SendText(**{"to": PERSON, "from": SENDER, "body": "Hello"}))
    for status in (Status.SENT, Status.DELIVERED):
        world.receive(world.outbound(PERSON, text.sid, status))
    world.advance(3600)
    answer = crm_sms("sync", "provider")
    assert (answer.code, answer.out) == (0, "sync provider twilio: 1 listed, 1 completed\n")


@pytest.mark.parametrize(
    ("time", "found"), [("90min", 2), ("2h", 2), ("1d", 2), ("30min", 0), ("59min", 0)]
)
def test_the_time_is_taken_as_it_is_spelt(
    crm_sms: Any, texts: World, time: str, found: int
) -> None:
    """Days, hours and minutes back from now."""
    document = crm_sms("sync", "provider", "--since", time, "--json").json
    assert document["sync_provider"]["twilio"]["report"]["listed"] == found


@pytest.mark.parametrize("time", ["30", "1 d", "d", "-1d", "1.5h", "1w", "99999d", "\u0661d", ""])
def test_a_time_that_is_none_is_wrong_usage(crm_sms: Any, world: World, time: str) -> None:
    """With the spellings that are right."""
    answer = crm_sms("sync", "provider", f"--since={time}")
    assert answer.code == 2
    assert "30d, 36h or 90min" in answer.err


def test_only_the_account_that_is_named(crm_sms: Any, texts: World) -> None:
    """Of several; a name that is none is wrong usage, and the right ones are named."""
    other = Account(OTHER, "its token", texts.now, senders=("+12025550109",))
    texts.box.twilio.add_account(other)
    order = {"to": PERSON, "from": "+12025550109", "body": "Hi", "account": OTHER}
    texts.box.twilio.send(orders.SendText(**order))
    texts.advance(3600)
    variable = f"CRM_SMS_PROVIDERS__TWILIO__ACCOUNTS__{OTHER}__AUTH_TOKEN"
    environment = {variable: "its token"}
    args = ("sync", "provider", "--json", "--account")
    report = crm_sms(*args, OTHER, **environment).json["sync_provider"]["twilio"]["report"]
    assert (report["listed"], report["missed"]) == (1, {OTHER: 1})
    wrong = crm_sms(*args, "AC1", **environment)
    assert wrong.code == 2
    assert OTHER in wrong.err
    assert texts.account in wrong.err


def test_an_account_that_is_refused_ends_it_with_1(crm_sms: Any, texts: World) -> None:
    """With the remedy; the others are listed all the same."""
    variable = f"CRM_SMS_PROVIDERS__TWILIO__ACCOUNTS__{OTHER}__AUTH_TOKEN"
    answer = crm_sms("sync", "provider", "--json", **{variable: "a wrong token"})
    assert answer.code == 1
    done = answer.json["sync_provider"]["twilio"]
    assert f"accounts.{OTHER}.auth_token" in done["failure"]
    assert "a wrong token" not in answer.out + answer.err
    assert done["report"]["listed"] == 2


def test_status_tells_of_missed_callbacks(crm_sms: Any, texts: World) -> None:
    """Until a day after the account was last listed."""
    assert crm_sms("status").code == 0
    crm_sms("sync", "provider")
    answer = crm_sms("status")
    assert answer.code == 3
    line = (
        f"twilio {texts.account}: listed 0 s ago, callbacks of 2 texts never came (crm-sms doctor)"
    )
    assert line in answer.out
    listed = crm_sms("status", "--json").json["listed"][f"twilio {texts.account}"]
    assert listed == {"at": texts.now.isoformat(), "missed": 2, "heard_at": None}
    texts.advance(timedelta(days=1).total_seconds())
    assert crm_sms("status").code == 0


def found(crm_sms: Any, subject: str) -> tuple[str, str]:
    """Verdict and words of doctor's finding."""
    all = crm_sms("doctor", "--json").json["findings"]
    [one] = [one for one in all if one["subject"].startswith(subject)]
    return one["verdict"], f"{one['text']} → {one['remedy']}"


def test_doctor_tells_of_listings(crm_sms: Any, world: World) -> None:
    """Those that were never made, and those that are late."""
    assert found(crm_sms, "listing") == (
        "warning",
        "its texts were not listed to the end yet → crm-sms sync provider",
    )
    crm_sms("sync", "provider")
    assert found(crm_sms, "listing")[0] == "ok"
    world.advance(3600)
    verdict, text = found(crm_sms, "listing")
    assert verdict == "warning"
    assert "crm-sms sync provider; the worker lists by itself" in text


def test_doctor_tells_of_missed_callbacks(crm_sms: Any, texts: World) -> None:
    """With another remedy as long as none has ever come."""
    crm_sms("sync", "provider")
    verdict, text = found(crm_sms, "callbacks")
    assert verdict == "warning"
    assert text.startswith("none has ever come")
    assert "set the addresses of the webhooks at the provider" in text
    began = texts.now - timedelta(hours=2)
    texts.receive(texts.outbound(PERSON, "SM1", received_at=began))
    texts.advance(60)
    crm_sms("sync", "provider")
    verdict, text = found(crm_sms, "callbacks")
    assert verdict == "warning"
    assert text.startswith("those of 2 texts of the last hours never came")
    assert "status callback" in text
    texts.advance(2 * 86_400)
    crm_sms("sync", "provider")
    texts.advance(7 * 3600)
    crm_sms("sync", "provider")
    assert found(crm_sms, "callbacks")[0] == "ok"
