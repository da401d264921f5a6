"""The settings of one Salesforce org, checked all at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from crm_sms.errors import BadSettings
from crm_sms.ports import CrmLimits
from crm_sms_salesforce.writes import COLLECTIONS_PER_COMPOSITE, ROWS_PER_COLLECTION

OLDEST_VERSION = 46.0
"""Upserts by Collections exist since then."""

TOKEN_READ_S = 20.0
"""How long the token host may take to answer."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_GENERIC_HOSTS = frozenset({"login.salesforce.com", "test.salesforce.com"})

_NEEDED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "client_credentials": (("client_secret",),),
    "jwt": (("username",), ("private_key", "private_key_file")),
    "refresh_token": (("refresh_token",),),
}
"""What each way of signing in needs besides client_id; one of each group."""

_REMEDIES: Mapping[str, str] = {
    "auth": "client_credentials, jwt or refresh_token",
    "client_id": "the consumer key of your External Client App",
    "client_secret": "the consumer secret of your External Client App",
    "username": "the user that the External Client App is pre-authorised for",
    "private_key": "the PEM text of the RSA key whose certificate the External Client App holds",
    "private_key_file": "a readable PEM file with the RSA key of the External Client App",
    "refresh_token": "the token from the web server flow",
    "login_url": "your My Domain, such as https://acme.my.salesforce.com",
    "api_version": f"a version such as 66.0, at least {OLDEST_VERSION}",
    "sandbox": "true or false",
    "allow_http": "true or false",
    "duplicate_rule_allow_save": "true or false",
    "connect_timeout_s": "seconds, such as 10",
    "read_timeout_s": "seconds, such as 60",
    "write_timeout_s": "at least 120: Salesforce may take that long to commit 1,000 rows",
}

_PLAIN: Mapping[str, str] = {
    **dict.fromkeys(("bool_type", "bool_parsing"), "neither true nor false"),
    **dict.fromkeys(("float_type", "float_parsing"), "not a number"),
    "greater_than": "not more than {gt:g}",
    "literal_error": "not a way to sign in",
    "path_type": "not a path",
    "string_type": "not a text",
}
"""What is wrong with a value, by the type of the error that pydantic finds."""

Secret = Annotated[SecretStr, Field(min_length=1)]


def _spelt(value: object) -> object:
    return f"{value:.1f}" if isinstance(value, int | float) else value


def _known(value: str) -> str:
    if not re.fullmatch(r"\d{2,3}\.0", value) or float(value) < OLDEST_VERSION:
        raise ValueError("not a version that this adapter can work with")
    return value


ApiVersion = Annotated[str, BeforeValidator(_spelt), AfterValidator(_known)]
"""As Salesforce spells it: 66.0."""

DEFAULT_VERSION = "66.0"


class Settings(BaseModel):
    """One org. Time-outs are in seconds; secrets are hidden in every representation."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    auth: Literal["client_credentials", "jwt", "refresh_token"]
    client_id: str = Field(min_length=1)
    client_secret: Secret | None = None
    username: str | None = None
    private_key: Secret | None = None
    private_key_file: Path | None = None
    refresh_token: Secret | None = None
    sandbox: bool = False
    allow_http: bool = False
    login_url: str
    api_version: ApiVersion = DEFAULT_VERSION
    duplicate_rule_allow_save: bool = True
    connect_timeout_s: float = Field(default=10, gt=0)
    read_timeout_s: float = Field(default=60, gt=0)
    write_timeout_s: float = Field(default=120, gt=0)

    @field_validator("login_url")
    @classmethod
    def _my_domain(cls, value: str, info: ValidationInfo) -> str:
        url = value.rstrip("/")
        if problem := url_problem(url, allow_http=bool(info.data.get("allow_http"))):
            raise ValueError(problem)
        if urlsplit(url).hostname in _GENERIC_HOSTS:
            raise ValueError("client credentials and record links do not work on this host")
        return url

    @field_validator("private_key")
    @classmethod
    def _inline_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _check_key(value.get_secret_value().encode())
        return value

    @field_validator("private_key_file")
    @classmethod
    def _key_file(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                _check_key(value.read_bytes())
            except OSError as error:
                raise ValueError(f"cannot be read ({error.strerror})") from error
        return value

    @field_validator("write_timeout_s")
    @classmethod
    def _patient(cls, value: float, info: ValidationInfo) -> float:
        if value < 120 and not info.data.get("allow_http"):
            raise ValueError("too short; less is for allow_http only")
        return value

    @property
    def signing_key(self) -> bytes:
        """The PEM of the RSA key, from the setting or its file."""
        if self.private_key is not None:
            return self.private_key.get_secret_value().encode()
        assert self.private_key_file is not None
        return self.private_key_file.read_bytes()

    @property
    def prelude_s(self) -> float:
        """The longest that fetching a token takes; a replay begins within it or not at all."""
        return self.connect_timeout_s + TOKEN_READ_S

    @property
    def limits(self) -> CrmLimits:
        """What Salesforce takes. The time-out of a write includes its token and its replay. A call
        may run 10 minutes, so a late commit comes within 11."""
        return CrmLimits(
            rows_per_chunk=ROWS_PER_COLLECTION,
            chunks_per_request=COLLECTIONS_PER_COMPOSITE,
            write_timeout_s=self.prelude_s + self.connect_timeout_s + self.write_timeout_s,
            late_commit_s=660,
            slow_s=10,
        )


def load_settings(raw: Mapping[str, Any]) -> Settings:
    """Raises BadSettings with every problem, each with its key and remedy and without its value."""
    given = {key: value for key, value in raw.items() if value not in (None, "")}
    problems = list(_missing(given))
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        problems += [_problem(detail) for detail in error.errors(include_url=False)]
    if problems:
        lines = [f"  {problem}" for problem in sorted(problems)]
        raise BadSettings("\n".join(["the settings of Salesforce are wrong:", *lines]))
    return settings


def api_version(raw: Mapping[str, Any]) -> str:
    """The version alone, where nothing else is needed yet. Raises BadSettings."""
    try:
        return TypeAdapter(ApiVersion).validate_python(raw.get("api_version") or DEFAULT_VERSION)
    except ValidationError as error:
        (detail,) = error.errors(include_url=False)
        problem = _problem({**detail, "loc": ("api_version",)})
        raise BadSettings(f"Salesforce settings: {problem}") from None


def url_problem(url: str, *, allow_http: bool) -> str | None:
    """Why a token must not be sent to this URL, or None: https, or http to this machine only."""
    parts = urlsplit(url)
    if not parts.hostname or parts.path or parts.query or parts.username:
        return "not the address of a host"
    if parts.scheme == "https":
        return None
    if parts.scheme == "http" and allow_http and parts.hostname in LOOPBACK:
        return None
    return "not https; allow_http permits http to this machine only"


def _missing(given: Mapping[str, Any]) -> Iterator[str]:
    for group in _NEEDED.get(str(given.get("auth")), ()):
        if not any(key in given for key in group):
            remedy = " or ".join(f"{_REMEDIES[key]}" for key in group)
            yield f"{' or '.join(group)}: missing for auth = {given['auth']}; set {remedy}"


def _problem(detail: Any) -> str:
    key = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        return f"{key}: no such setting; remove it"
    if detail["type"] == "missing":
        return f"{key}: missing; set {_REMEDIES[key]}"
    plain = _PLAIN.get(detail["type"])
    reason = plain.format(**detail.get("ctx", {})) if plain else str(detail["msg"])
    return f"{key}: {reason.removeprefix('Value error, ')}; set {_REMEDIES[key]}"


def _check_key(pem: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise ValueError("not an unencrypted private key in PEM") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
