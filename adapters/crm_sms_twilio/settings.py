"""The provider's table of the settings file, checked as a whole: every problem at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from crm_sms.errors import BadSettings

API = "https://api.twilio.com"

Secret = Annotated[SecretStr, Field(min_length=1)]
AccountSid = Annotated[str, StringConstraints(pattern=r"^AC[0-9a-fA-F]{32}$")]


def checked_url(url: str) -> str:
    """An http(s) URL without its last slash; ValueError says which part Twilio cannot call."""
    parts = urlsplit(url)
    problems = {
        "it must begin with https:// (or http:// on a test machine)": parts.scheme
        not in ("http", "https"),
        "it has no host": not parts.hostname,
        "Twilio refuses hosts with an underscore": "_" in (parts.hostname or ""),
        "it must hold no user or password": "@" in parts.netloc,
        "it must end before `?` and `#`": bool(parts.query or parts.fragment),
        "its port is not a number from 1 to 65535": not _port_fits(url),
    }
    wrong = [text for text, applies in problems.items() if applies]
    if wrong:
        raise ValueError("; ".join(wrong))
    return url.rstrip("/")


def _port_fits(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


Url = Annotated[str, AfterValidator(checked_url)]


def _with_capitals(accounts: Any) -> Any:
    """Accounts named ac… as AC…: names in environment variables may reach us in lower case.

    Such a table adds to the one of the settings file, and wins.
    """
    if not isinstance(accounts, dict):
        return accounts
    merged: dict[Any, Any] = {}
    for name in sorted(accounts, key=str):  # capitals first, so that the variable's table wins
        table = accounts[name]
        sid = f"AC{name[2:]}" if str(name).startswith("ac") else name
        below = merged.get(sid)
        if isinstance(below, dict) and isinstance(table, dict):
            merged[sid] = {**below, **table}
        else:
            merged[sid] = table
    return merged


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Account(_Table):
    """The secrets of one account or subaccount; each signs with its own."""

    auth_token: Secret
    further_tokens: tuple[Secret, ...] = ()
    shared_keys: Mapping[str, Secret] = Field(default_factory=dict)


Accounts = Annotated[
    Mapping[AccountSid, Account], BeforeValidator(_with_capitals), Field(min_length=1)
]


class Settings(_Table):
    """What the README's table of settings describes; times are seconds."""

    public_url: Url
    accounts: Accounts
    signature: Literal["enforce", "report"] = "enforce"
    sending_account: str | None = None
    base_url: Url = API
    connect_timeout_s: float = Field(default=5.0, gt=0, le=60)
    # The API can take 10 to 15 s; the SDK's own default is to wait for ever.
    read_timeout_s: float = Field(default=15.0, gt=0, le=120)

    @model_validator(mode="after")
    def _sending_account_is_known(self) -> Settings:
        if self.sending_account and self.sending_account not in self.accounts:
            raise ValueError("sending_account is not one of the configured accounts")
        return self


_REMEDIES: Mapping[str, str] = {
    "public_url": "set it at the top of crm-sms.toml to the URL under which Twilio reaches this "
    "service, such as https://sms.example.com/crm-sms",
    "accounts": "add a table per AccountSid (AC and 32 hex digits, from the first page of "
    "Twilio's console) with its auth_token",
    "auth_token": "copy it from Account > API keys & tokens in Twilio's console",
    "further_tokens": "give a list of tokens",
    "shared_keys": "give a table of key names (webhooks_sharedkey_…) and their secrets",
    "signature": 'use "enforce", or "report" while you find out why callbacks are refused',
    "sending_account": "name one of the AccountSids under accounts",
    "base_url": "leave it out, except for a sandbox",
    "connect_timeout_s": "give seconds, such as 5",
    "read_timeout_s": "give seconds, such as 15",
}
_UNKNOWN_KEY = "take it out, or correct its spelling"
_PLAIN: Mapping[str, str] = {
    "missing": "it is missing",
    "extra_forbidden": "it is not a setting",
    "too_short": "it is empty",
    "literal_error": "it is no such word",
    "string_type": "it is no text",
    "tuple_type": "it is no list",
    **dict.fromkeys(("dict_type", "mapping_type", "model_type"), "it is no table"),
    **dict.fromkeys(("float_type", "float_parsing"), "it is no number"),
    **dict.fromkeys(("greater_than", "less_than_equal"), "it is out of range"),
}
"""What is wrong with a value, by the type of the error that pydantic finds."""


def read_settings(table: Mapping[str, Any]) -> Settings:
    """Raises BadSettings with a line per problem: the key, what is wrong, the remedy."""
    try:
        return Settings.model_validate(dict(table))
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        lines = [_line(problem["loc"], problem["type"], problem["msg"]) for problem in problems]
        raise BadSettings("\n".join(["the settings of twilio are wrong:", *lines])) from None


def _line(loc: tuple[int | str, ...], kind: str, message: str) -> str:
    bad_sid = loc[-1:] == ("[key]",)
    # A key that is no AccountSid may be a token in the wrong place: it is not repeated.
    named = [str(part) for part in ((*loc[:-2], "…") if bad_sid else loc or ("sending_account",))]
    key = ".".join(named)
    remedy = _UNKNOWN_KEY
    if kind != "extra_forbidden":
        remedy = next(_REMEDIES[part] for part in reversed(named) if part in _REMEDIES)
    plain = _PLAIN.get(kind, message.removeprefix("Value error, "))
    text = "not an AccountSid" if bad_sid else plain
    return f"  {key}: {text}: {remedy}"
