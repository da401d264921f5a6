"""Twilio as one object: accounts, texts, what is to happen, and the callbacks that follow."""

from __future__ import annotations

import heapq
import random
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from crm_sms.sandbox.twilio import orders
from crm_sms.sandbox.twilio.accounts import (
    ACCOUNT_SID,
    Account,
    MessagingService,
    default_account,
)
from crm_sms.sandbox.twilio.callbacks import (
    Callback,
    click_params,
    inbound_params,
    status_params,
)
from crm_sms.sandbox.twilio.errors import Refused
from crm_sms.sandbox.twilio.faults import Rule, Rules
from crm_sms.sandbox.twilio.parameters import Send, is_callback_url, read_send
from crm_sms.sandbox.twilio.postman import Attempt, Postman
from crm_sms.sandbox.twilio.segments import count_segments
from crm_sms.sandbox.twilio.texts import FINAL, Text, way

URL = re.compile(r"https?://\S+")
#: What becomes of a text that came in through the API.
AS_USUAL = orders.SendText(to="")
ALL_DUE = orders.Deliver()


class Twilio:
    """Stateful and strict. Every method may be called from any thread.

    What is to happen later is planned with its time and happens as soon as anyone looks after
    that time has come; its callbacks wait until `deliver` posts them.
    """

    def __init__(self, now: Callable[[], datetime], randomness: random.Random | None = None):
        self.now = now
        self.accounts: dict[str, Account] = {}
        self.texts: dict[str, Text] = {}
        self.rules = Rules()
        self.postman = Postman(lambda sid: self.accounts[sid].auth_token)
        self._randomness = randomness or random.Random()
        self._plan: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._planned = 0
        # One request at a time may change the state; never held while a callback is under way.
        self._lock = threading.RLock()
        self.add_account(default_account(now()))

    @property
    def account(self) -> Account:
        """The account that is there from the start."""
        return self.accounts[ACCOUNT_SID]

    def add_account(self, account: Account) -> None:
        """Adds an account, or replaces the one with its sid."""
        self.accounts[account.sid] = account

    def configure(self, order: orders.Configure) -> None:
        """Sets where callbacks go; ValueError if a URL is not one."""
        given = order.model_dump(exclude={"account"}, exclude_none=True)
        for name, value in given.items():
            if name != "click_format" and not is_callback_url(value):
                raise ValueError(f"{name} must be an http(s) URL whose host has no underscore")
        account = self._account(order.account)
        status_callback = given.pop("service_status_callback", None)
        for name, value in given.items():
            setattr(account, name, value)
        if status_callback:
            for service in account.services.values():
                service.status_callback = status_callback

    def add_fault(self, fault: orders.Fault) -> None:
        """Switches a fault on, after those that are on."""
        self.rules.rules.append(Rule(fault))

    def clear_faults(self) -> None:
        """Switches all faults off. What they have spoilt stays so."""
        self.rules.rules.clear()

    def send(self, order: orders.SendText) -> Text:
        """A text of another system, under the same rules as one through the API."""
        form = {
            "To": [order.to],
            "From": [order.from_],
            "MessagingServiceSid": [order.service],
            "Body": [order.body],
            "StatusCallback": [order.status_callback or ""],
            "MediaUrl": list(order.media),
        }
        return self.create(self._account(order.account), form, order)

    def create(
        self, account: Account, form: Mapping[str, Sequence[str]], order: orders.SendText = AS_USUAL
    ) -> Text:
        """Accepts a send, or raises Refused; `order` says what the carrier and the person do."""
        with self._lock:
            now = self._advance()
            send = read_send(form, account, now)
            self._check_opt_out(account, send)
            text = self._accept(account, send, now)
            start = send.send_at or now
            for status, seconds in way(order.outcome, text.status != "queued", order.delays):
                move = partial(self._move, text, status, order.error_code)
                self._at(start + timedelta(seconds=seconds), move)
            for click in order.clicks:
                self._at(
                    start + timedelta(seconds=click.after_s), partial(self._click, text, click)
                )
            for answer in order.replies:
                at = start + timedelta(seconds=answer.after_s)
                self._at(at, partial(self._answer, text, answer.body))
            self._advance()
            return replace(text)

    def reply(self, order: orders.Reply) -> Text:
        """A text from a person comes in now."""
        with self._lock:
            account = self._account(order.account)
            if not account.owns(order.to):
                raise ValueError(f"account {account.sid} does not own the sender {order.to}")
            return replace(self._receive(account, order, self._advance()))

    def visit(self, order: orders.Visit) -> None:
        """Plans a click on an existing text."""
        with self._lock:
            now = self._advance()
            text = self._text(order.sid)
            self._at(now + timedelta(seconds=order.after_s), partial(self._click, text, order))
            self._advance()

    def cancel(self, sid: str) -> Text:
        """Cancels a text that is still scheduled."""
        with self._lock:
            text = self._text(sid)
            if text.status != "scheduled":
                raise Refused(30409)
            self._move(text, "canceled", None, self.now())
            return replace(text)

    def redact(self, sid: str) -> Text:
        """Empties the body of a text that has reached its end."""
        with self._lock:
            text = self._text(sid)
            if text.status not in FINAL:
                raise Refused(20009)
            text.body, text.updated = "", self.now()
            return replace(text)

    def text(self, sid: str, account: str | None = None) -> Text:
        """The text as it is now; Refused(20404) if the account has none with this sid."""
        with self._lock:
            return replace(self._text(sid, account))

    def texts_of(self, account: str) -> list[Text]:
        """The account's texts as they are now, oldest first."""
        with self._lock:
            self._advance()
            return [replace(t) for t in self.texts.values() if t.account == account]

    def new_token(self) -> str:
        """A token for an account."""
        return f"{self._randomness.getrandbits(128):032x}"

    def deliver(self, order: orders.Deliver = ALL_DUE) -> dict[str, int]:
        """Posts what is due by the clock, and returns how often each outcome occurred.

        An outcome is an HTTP status, or `connect`, `read` or `lost`; every retry counts.
        """
        with self._lock:
            now = self._advance()
        due = self.postman.take_due(now, order.limit)
        attempts = self.postman.post(due, order.parallel, now)
        attempts += self.postman.post(self._fall_backs(attempts), order.parallel, now)
        return dict(Counter(attempt.outcome for attempt in attempts))

    def next_due(self) -> datetime | None:
        """When something happens next, or a callback is to be posted; None if nothing waits."""
        with self._lock:
            times = [callback.due for callback in self.postman.waiting]
            times += [self._plan[0][0]] if self._plan else []
            return min(times, default=None)

    def stats(self) -> dict[str, Any]:
        """Counts of texts by direction and status, and of callbacks by outcome."""
        with self._lock:
            self._advance()
            texts = Counter(f"{t.direction}/{t.status}" for t in self.texts.values())
        return {
            "texts": dict(texts),
            "callbacks": dict(Counter(a.outcome for a in self.postman.attempts)),
            "waiting": len(self.postman.waiting),
            "opted_out": sum(len(account.opted_out) for account in self.accounts.values()),
        }

    def close(self) -> None:
        """Lets go of the connections that callbacks use."""
        self.postman.close()

    def _account(self, sid: str | None) -> Account:
        if sid is None:
            return self.account
        if sid not in self.accounts:
            raise ValueError(f"there is no account {sid}; add it first")
        return self.accounts[sid]

    def _text(self, sid: str, account: str | None = None) -> Text:
        self._advance()
        text = self.texts.get(sid)
        if text is None or (account is not None and text.account != account):
            raise Refused(20404, f"/2010-04-01/Accounts/{account}/Messages/{sid}.json")
        return text

    def _new_sid(self, media: Sequence[str]) -> str:
        return f"{'MM' if media else 'SM'}{self._randomness.getrandbits(128):032x}"

    def _at(self, due: datetime, action: Callable[[datetime], None]) -> None:
        self._planned += 1
        heapq.heappush(self._plan, (due, self._planned, action))

    def _advance(self) -> datetime:
        """Lets everything happen that was planned up to now, each at its own time."""
        now = self.now()
        while self._plan and self._plan[0][0] <= now:
            due, _, action = heapq.heappop(self._plan)
            action(due)
        return now

    def _check_opt_out(self, account: Account, send: Send) -> None:
        scope = send.service or account.scope_of(send.from_ or "")
        if (send.to, scope) in account.opted_out:
            raise Refused(21610)

    def _accept(self, account: Account, send: Send, now: datetime) -> Text:
        status = "scheduled" if send.send_at else "accepted" if send.service else "queued"
        service = account.services.get(send.service or "")
        body = self._shorten(send.body, service) if send.shorten_urls else send.body
        text = Text(
            number=len(self.texts),
            sid=self._new_sid(send.media),
            account=account.sid,
            to=send.to,
            from_=send.from_,
            body=body,
            status=status,
            direction="outbound-api",
            segments=count_segments(body),
            created=now,
            updated=now,
            service=send.service,
            media=send.media,
            status_callback=send.status_callback or (service.status_callback if service else None),
        )
        self.texts[text.sid] = text
        return text

    def _shorten(self, body: str, service: MessagingService | None) -> str:
        domain = service.link_domain if service else ""
        return URL.sub(lambda _: f"https://{domain}/{self._randomness.getrandbits(40):010x}", body)

    def _move(self, text: Text, status: str, error_code: int | None, at: datetime) -> None:
        if text.status == "canceled":
            return
        if status != "canceled":
            self._choose_sender(text)
        text.move(status, at, error_code)
        if text.status_callback:
            self._enqueue("status", text, text.status_callback, status_params(text), at)

    def _choose_sender(self, text: Text) -> None:
        if text.from_ is None and text.service:
            text.from_ = self.accounts[text.account].services[text.service].sender_for(text.to)

    def _click(self, text: Text, click: orders.Click, at: datetime) -> None:
        account = self.accounts[text.account]
        if account.click_url and text.status != "canceled":
            params = click_params(text, account, click.link, click.user_agent, click.event_type, at)
            self._enqueue("click", text, account.click_url, params, at)

    def _answer(self, text: Text, body: str, at: datetime) -> None:
        if text.status == "canceled":
            return
        self._choose_sender(text)
        order = orders.Reply(from_=text.to, to=text.from_ or "", body=body)
        self._receive(self.accounts[text.account], order, at)

    def _receive(self, account: Account, order: orders.Reply, at: datetime) -> Text:
        keyword = account.heed(order.from_, order.to, order.body)
        service = account.service_of(order.to)
        text = Text(
            number=len(self.texts),
            sid=self._new_sid(order.media),
            account=account.sid,
            to=order.to,
            from_=order.from_,
            body=order.body,
            status="received",
            direction="inbound",
            segments=count_segments(order.body),
            created=at,
            updated=at,
            sent=at,
            service=service.sid if service else None,
            media=order.media,
        )
        self.texts[text.sid] = text
        url = account.called_for(order.to).inbound_url
        if url:
            params = inbound_params(text, keyword if order.advanced_opt_out else None)
            self._enqueue("inbound", text, url, params, at)
        return text

    def _enqueue(
        self, kind: str, text: Text, url: str, params: tuple[tuple[str, str], ...], at: datetime
    ) -> None:
        as_json = kind == "click" and self.accounts[text.account].click_format == "json"
        callback = Callback(
            kind=kind,
            status=text.status,
            account=text.account,
            sid=text.sid,
            url=url,
            params=params,
            due=at,
            token=str(uuid.UUID(int=self._randomness.getrandbits(128), version=4)),
            as_json=as_json,
        )
        self.postman.add(self.rules.spoil(callback))

    def _fall_backs(self, attempts: Sequence[Attempt]) -> list[Callback]:
        """Inbound texts whose URL failed, addressed to the fallback URL of their senders."""
        answered = {a.callback.sid for a in attempts if a.succeeded}
        failed = {
            a.callback.sid: a.callback
            for a in attempts
            if a.callback.kind == "inbound" and a.callback.sid not in answered
        }
        return [
            replace(callback, url=url, params=(*callback.params, *_why_fallen_back(callback)))
            for callback in failed.values()
            if (url := self._fallback_url(callback))
        ]

    def _fallback_url(self, callback: Callback) -> str | None:
        sender = self.texts[callback.sid].to
        return self.accounts[callback.account].called_for(sender).fallback_url


def _why_fallen_back(callback: Callback) -> tuple[tuple[str, str], ...]:
    return ("ErrorCode", "11200"), ("ErrorUrl", callback.url)
