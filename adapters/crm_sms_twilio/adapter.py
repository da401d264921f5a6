"""Twilio behind the provider port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import structlog

from crm_sms.errors import BadSettings, Forged, MissingExtra
from crm_sms.events import Event, OptOutRules
from crm_sms.ports import (
    Clock,
    ExportRow,
    Finding,
    HistoryPage,
    OutgoingText,
    SendOutcome,
    WebhookRequest,
)
from crm_sms_twilio.callback_url import status_callback_url
from crm_sms_twilio.export import read_export
from crm_sms_twilio.payload import read_payload
from crm_sms_twilio.settings import read_settings
from crm_sms_twilio.signature import Signatures
from crm_sms_twilio.trial import is_trial
from crm_sms_twilio.webhooks import PROVIDER, Callback, event_of
from crm_sms_twilio.words import OPT_OUT_RULES

_log = structlog.get_logger()

_EXTRA = "twilio"
_NO_ACCOUNT = "unknown"
_REMEDY = "if Twilio sent it, correct public_url or the account's auth_token (crm-sms doctor)"


class Twilio:
    """An SmsProvider; safe to share between threads that receive and list."""

    name: ClassVar[str] = PROVIDER
    opt_out_rules: ClassVar[OptOutRules] = OPT_OUT_RULES

    def __init__(self, settings: Mapping[str, Any], clock: Clock) -> None:
        self._settings = read_settings(settings)
        self._clock = clock
        self._signatures = Signatures(self._settings)
        self._reports_only = self._settings.signature == "report"
        self._answered_at: datetime | None = None

    def receive(self, request: WebhookRequest, kind: str | None) -> list[Event]:
        """One event per callback, none for a test of our own (see `trial`). In report mode what is
        not proven comes as unverified."""
        payload = read_payload(request)
        account = payload.account
        problem = self._signatures.problem(request, account, payload.form)
        if is_trial(kind, payload.fields):
            if problem:
                raise Forged(f"a test callback was refused: {problem}; {_REMEDY}")
            return []
        if problem:
            self._report(problem)
        callback = Callback(
            account or _NO_ACCOUNT, payload.fields, payload.raw, self._clock(), not problem
        )
        return [event_of(callback, kind)]

    def _report(self, problem: str) -> None:
        if not self._reports_only:
            raise Forged(f"a callback was refused: {problem}; {_REMEDY}")
        _log.warning("webhook kept unverified", provider=PROVIDER, reason=problem)

    def read_export(self, path: Path) -> Iterator[ExportRow]:
        """The Messages list as JSON or JSON Lines, or the console's CSV."""
        return read_export(path, tuple(self._settings.accounts), self._clock)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The AccountSids in the settings."""
        return tuple(self._settings.accounts)

    def history(
        self, account: str, since: datetime, after: str | None = None
    ) -> Iterator[HistoryPage]:
        """See `SmsProvider.history`. A page may take minutes if Twilio is busy or slow."""
        try:
            from crm_sms_twilio.history import history
        except ImportError:
            raise MissingExtra(_EXTRA, "Listing Twilio's messages") from None
        return history(self._settings, account, since, after, self._clock)

    def callback_url(self, public_url: str, key: str, metadata: Mapping[str, str]) -> str:
        """`metadata` has the fields of Metadata as keys; Twilio retries three times on failure."""
        return status_callback_url(public_url, key, metadata)

    def send(self, text: OutgoingText, decision_id: str) -> SendOutcome:
        """A sender that begins with MG is a Messaging Service."""
        if not decision_id:
            raise ValueError("a text is handed over only with the id of the decision allowing it")
        client = self._client
        from crm_sms_twilio.sending import send

        return send(client, text, decision_id)

    def check(self) -> list[Finding]:
        """Asks Twilio for each account and its senders, so it takes a few requests per account."""
        try:
            from crm_sms_twilio.checks import Checkup
        except ImportError:
            raise MissingExtra(_EXTRA, "Checking Twilio's credentials") from None
        checkup = Checkup(self._settings)
        found = list(checkup.findings())
        self._answered_at = checkup.answered_at
        return found

    @property
    def answered_at(self) -> datetime | None:
        """See `SmsProvider.answered_at`."""
        return self._answered_at

    def test_callback(self, address: str) -> list[Finding]:
        """See `SmsProvider.test_callback`."""
        try:
            from crm_sms_twilio.trial_calls import trials
        except ImportError:
            raise MissingExtra(_EXTRA, "A test callback") from None
        return list(trials(self._settings, address))

    @cached_property
    def _client(self) -> Any:
        try:
            from crm_sms_twilio.client import client
        except ImportError:
            raise MissingExtra(_EXTRA, "Sending through Twilio") from None
        return client(self._settings, self._sending_account())

    def _sending_account(self) -> str:
        sids = list(self._settings.accounts)
        if self._settings.sending_account or len(sids) == 1:
            return self._settings.sending_account or sids[0]
        raise BadSettings("twilio has several accounts: set sending_account to the one that sends")
