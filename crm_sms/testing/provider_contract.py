"""What every adapter of a provider promises, as tests: inherit, give two fixtures, run pytest.

class TestAcme(ProviderContract):
    @pytest.fixture
    def provider(self): return Acme({"secret": "s"}, clock)

    @pytest.fixture
    def callbacks(self): return {"status": …, "reply": …}  # signed requests by kind of event
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from crm_sms.errors import Forged, RefusedInput, Unreadable
from crm_sms.events import Direction, Event, EventKind
from crm_sms.ledger.storable import storable
from crm_sms.ports import SmsProvider, WebhookRequest


class ProviderContract:
    """Inherit as `class TestYours(ProviderContract)`, with the fixtures `provider` and `callbacks`.

    `callbacks` are requests that the provider would send: at least one `status` and one `reply`,
    by the word of the event's kind. `kinds` says what the last part of the address is for each,
    where the vendor has addresses of several kinds.
    """

    kinds: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture
    def provider(self) -> SmsProvider:
        """The adapter, built with settings that are complete."""
        raise NotImplementedError("give the fixture `provider`")

    @pytest.fixture
    def callbacks(self) -> Mapping[str, WebhookRequest]:
        """Signed requests by kind of event: `status`, `reply`, and what else the vendor has."""
        raise NotImplementedError("give the fixture `callbacks`")

    def _received(
        self, provider: SmsProvider, callbacks: Mapping[str, WebhookRequest]
    ) -> dict[str, list[Event]]:
        assert {"status", "reply"} <= callbacks.keys()
        return {
            kind: provider.receive(request, self.kinds.get(kind))
            for kind, request in callbacks.items()
        }

    def test_its_name_and_opt_out_words_are_known(self, provider: SmsProvider) -> None:
        """STOP among them, whatever else the provider obeys."""
        assert provider.name == provider.name.lower()
        assert "STOP" in provider.opt_out_rules.keywords

    def test_a_signed_callback_is_an_event_of_its_kind(
        self, provider: SmsProvider, callbacks: Mapping[str, WebhookRequest]
    ) -> None:
        """Verified, of this provider, with the raw request and an instant in UTC."""
        for kind, events in self._received(provider, callbacks).items():
            assert events, kind
            for event in events:
                assert event.kind is EventKind(kind)
                assert (event.provider, event.verified) == (provider.name, True)
                assert event.received_at.utcoffset() == timedelta(0)
                assert event.raw is not None
                assert event.account
                assert event.key

    def test_a_status_names_its_text_and_says_how_it_stands(
        self, provider: SmsProvider, callbacks: Mapping[str, WebhookRequest]
    ) -> None:
        """By the provider's id of the text or by our key, in our words."""
        for event in self._received(provider, callbacks)["status"]:
            assert event.provider_message_id or event.message_key
            assert event.status

    def test_a_reply_says_who_wrote_what(
        self, provider: SmsProvider, callbacks: Mapping[str, WebhookRequest]
    ) -> None:
        """The person is the sender, and the body is theirs."""
        for event in self._received(provider, callbacks)["reply"]:
            assert event.direction is Direction.INBOUND
            assert event.sender
            assert event.recipient
            assert event.body

    def test_the_same_callback_gives_the_same_keys(
        self, provider: SmsProvider, callbacks: Mapping[str, WebhookRequest]
    ) -> None:
        """A provider repeats itself; two callbacks of different kinds never share a key."""
        first, again = self._received(provider, callbacks), self._received(provider, callbacks)
        keys = {kind: [event.key for event in events] for kind, events in first.items()}
        assert keys == {kind: [event.key for event in events] for kind, events in again.items()}
        every = [key for found in keys.values() for key in found]
        assert len(set(every)) == len(every)

    def test_what_is_kept_can_be_stored(
        self, provider: SmsProvider, callbacks: Mapping[str, WebhookRequest]
    ) -> None:
        """By SQLite and PostgreSQL: no NUL, no half of a character."""
        for events in self._received(provider, callbacks).values():
            for event in events:
                assert storable(event).key

    def test_an_unsigned_or_altered_callback_is_forged(
        self, provider: SmsProvider, callbacks: Mapping[str, WebhookRequest]
    ) -> None:
        """Nothing of it may be kept."""
        for kind, request in callbacks.items():
            bare = replace(request, headers={})
            altered = replace(request, body=request.body.replace(b"1", b"2") + b" ")
            for one in (bare, altered):
                with pytest.raises((Forged, Unreadable)):
                    provider.receive(one, self.kinds.get(kind))

    @pytest.mark.parametrize("body", [b"", b"\x00\xff", b"[]", b"{}", b"=&=", b"a" * 100_000])
    def test_rubbish_is_refused_and_never_breaks_it(
        self, provider: SmsProvider, callbacks: Mapping[str, WebhookRequest], body: bytes
    ) -> None:
        """Whatever anybody posts to a public address."""
        for kind, request in callbacks.items():
            with pytest.raises(RefusedInput):
                provider.receive(replace(request, body=body, query="%zz&="), self.kinds.get(kind))

    def test_a_file_of_something_else_is_unreadable(
        self, provider: SmsProvider, tmp_path: Path
    ) -> None:
        """The message names the file."""
        file = tmp_path / "holiday.jpg"
        file.write_bytes(b"\xff\xd8\xff\xe0 no texts here")
        with pytest.raises(Unreadable, match=r"holiday\.jpg"):
            list(provider.read_export(file))

    def test_a_callback_address_is_below_ours_and_carries_the_key(
        self, provider: SmsProvider
    ) -> None:
        """So that a text which we send is known when its callback comes."""
        url = provider.callback_url("https://sms.example.com/x", "m-1", {"campaign": "spring"})
        assert url.startswith(f"https://sms.example.com/x/webhooks/{provider.name}")
        assert "m-1" in url

    def test_its_accounts_are_words(self, provider: SmsProvider) -> None:
        """Each can be listed by itself."""
        assert all(isinstance(account, str) and account for account in provider.accounts)
