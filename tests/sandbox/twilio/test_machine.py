"""The sandbox under any sequence of sends, replies, faults, time and deliveries."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from crm_sms.sandbox.twilio import Configure, Deliver, Fault, Reply, SendText, Twilio
from crm_sms.sandbox.twilio.accounts import SERVICE_SENDERS, SERVICE_SID
from crm_sms.sandbox.twilio.callbacks import Callback
from crm_sms.sandbox.twilio.errors import Refused
from crm_sms.sandbox.twilio.postman import Attempt
from crm_sms.sandbox.twilio.texts import FINAL, OUTCOMES

PEOPLE = ("+12025550123", "+12025550124", "+12025550125")
SENDERS = ("+12025550100", "+12025550101")
HOOK = "https://hooks.example.com/sms"
RANK = {
    "accepted": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "delivered": 4,
    "undelivered": 4,
    "failed": 4,
    "read": 5,
}
people = st.sampled_from(PEOPLE)
senders = st.sampled_from([{"from_": s} for s in SENDERS] + [{"service": SERVICE_SID}])


class TwilioMachine(RuleBasedStateMachine):
    """Keeps a model of who has opted out and of what was sent, and compares."""

    @initialize()
    def start(self) -> None:
        self.now = datetime.fromisoformat("2026-03-02T09:00:00+00:00")
        self.twilio = Twilio(lambda: self.now, random.Random(3))
        self.twilio.configure(Configure(inbound_url=HOOK))
        self.twilio.postman._request = lambda *_: ("204", "")  # type: ignore[method-assign]
        self.outcomes: dict[str, str] = {}
        self.seen: dict[str, str] = {}
        self.replies = 0
        self.opted_out: set[tuple[str, str]] = set()

    @rule(person=people, sender=senders, outcome=st.sampled_from(sorted(OUTCOMES)))
    def send(self, person: str, sender: dict[str, str], outcome: str) -> None:
        order = SendText(to=person, body="Hello", outcome=outcome, status_callback=HOOK, **sender)
        if (person, *sender.values()) in self.opted_out:
            with pytest.raises(Refused, match="21610"):
                self.twilio.send(order)
        else:
            self.outcomes[self.twilio.send(order).sid] = outcome

    @rule(
        person=people,
        sender=st.sampled_from([*SENDERS, *SERVICE_SENDERS]),
        body=st.sampled_from(["STOP", "start", "Hello"]),
    )
    def reply(self, person: str, sender: str, body: str) -> None:
        self.twilio.reply(Reply(from_=person, to=sender, body=body))
        self.replies += 1
        pair = (person, SERVICE_SID if sender in SERVICE_SENDERS else sender)
        if body == "STOP":
            self.opted_out.add(pair)
        elif body == "start":
            self.opted_out.discard(pair)

    @rule(seconds=st.sampled_from([0.5, 1, 2, 5, 60, 3600]))
    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(limit=st.one_of(st.none(), st.integers(1, 5)))
    def deliver(self, limit: int | None) -> None:
        before = len(self.twilio.postman.attempts)
        counts = self.twilio.deliver(Deliver(limit=limit))
        attempts = self.twilio.postman.attempts[before:]
        assert sum(counts.values()) == len(attempts)
        assert limit is None or len(attempts) <= limit
        assert all(attempt.callback.due <= self.now for attempt in attempts)

    @rule(
        fault=st.sampled_from(["lost", "late", "doubled", "reordered", "truncated"]),
        times=st.integers(1, 3),
        seed=st.integers(0, 9),
    )
    def fault(self, fault: str, times: int, seed: int) -> None:
        self.twilio.add_fault(Fault(fault=fault, times=times, seed=seed, share=0.5))

    @rule()
    def clear(self) -> None:
        self.twilio.clear_faults()

    @invariant()
    def no_text_goes_back(self) -> None:
        """A status only ever rises, and a final one stays."""
        for text in self.twilio.texts_of(self.twilio.account.sid):
            if text.direction == "inbound":
                continue
            before = self.seen.get(text.sid, "accepted")
            assert RANK[text.status] >= RANK[before]
            assert before not in FINAL - {"sent", "delivered"} or text.status == before
            self.seen[text.sid] = text.status

    @invariant()
    def opt_outs_are_those_of_the_model(self) -> None:
        """Only a STOP that no START followed."""
        assert self.twilio.account.opted_out == self.opted_out

    def teardown(self) -> None:
        """In the end every text has its outcome, and each status was told of, or lost."""
        if not hasattr(self, "twilio"):
            return
        self.now += timedelta(days=2)
        self.twilio.deliver()
        assert self.twilio.postman.waiting == []
        told = Counter(_key(a) for a in self._originals())
        for sid, outcome in self.outcomes.items():
            text = self.twilio.text(sid)
            assert text.status == outcome
            way = (("queued",) if text.service else ()) + OUTCOMES[outcome]
            assert {status: told[sid, status] for status in way} == dict.fromkeys(way, 1)
        expected = sum(
            len(OUTCOMES[o]) + bool(self.twilio.text(sid).service)
            for sid, o in self.outcomes.items()
        )
        assert sum(told.values()) == expected + self.replies
        self.twilio.close()

    def _originals(self) -> list[Attempt]:
        """One attempt for each callback: twins share their token."""
        by_token = {attempt.callback.token: attempt for attempt in self.twilio.postman.attempts}
        return list(by_token.values())


def _key(attempt: Attempt) -> tuple[str, str]:
    callback: Callback = attempt.callback
    return callback.sid, callback.status


TestTwilioMachine = TwilioMachine.TestCase
TestTwilioMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
