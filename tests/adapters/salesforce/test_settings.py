"""The settings of one org."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crm_sms.errors import BadSettings
from crm_sms_salesforce.settings import LOOPBACK, load_settings, url_problem

Raw = dict[str, Any]


def problems(raw: Raw) -> str:
    """What is said of these settings."""
    with pytest.raises(BadSettings) as caught:
        load_settings(raw)
    return str(caught.value)


def test_defaults(good: Raw) -> None:
    """What is not said has the documented value."""
    settings = load_settings(good)
    assert settings.api_version == "66.0"
    assert (settings.connect_timeout_s, settings.write_timeout_s) == (10, 120)
    assert settings.duplicate_rule_allow_save is True
    assert (settings.sandbox, settings.allow_http) == (False, False)


def test_limits_cover_the_worst_case_of_a_write(good: Raw) -> None:
    """A write may need a token before it: the lease must outlast both."""
    limits = load_settings(good | {"connect_timeout_s": 7}).limits
    assert limits.write_timeout_s == (7 + 20) + (7 + 120)
    assert (limits.rows_per_chunk, limits.chunks_per_request) == (200, 5)
    assert limits.rows_per_request == 1000
    assert limits.late_commit_s == 660


def test_every_problem_at_once() -> None:
    """One message names each wrong key and what to put there."""
    text = problems(
        {
            "auth": "jwt",
            "client_id": "",
            "login_url": "http://acme.my.salesforce.com",
            "api_version": "31.0",
            "write_timeout_s": 5,
            "colour": "red",
        }
    )
    for words in (
        "client_id: missing; set the consumer key",
        "username: missing for auth = jwt",
        "private_key or private_key_file: missing for auth = jwt",
        "login_url: not https; allow_http permits http to this machine only; set your My Domain",
        "api_version: not a version that this adapter can work with; set a version such as 66.0",
        "write_timeout_s: too short; less is for allow_http only; set at least 120",
        "colour: no such setting; remove it",
    ):
        assert words in text


def test_problems_are_a_list(good: Raw) -> None:
    """A line each, so that nobody has to look for the second one."""
    text = problems({"auth": "client_credentials"})
    assert text.splitlines() == [
        "the settings of Salesforce are wrong:",
        "  client_id: missing; set the consumer key of your External Client App",
        "  client_secret: missing for auth = client_credentials; set the consumer secret of your "
        "External Client App",
        "  login_url: missing; set your My Domain, such as https://acme.my.salesforce.com",
    ]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("auth", "password", "auth: not a way to sign in; set client_credentials, jwt or "),
        ("read_timeout_s", "soon", "read_timeout_s: not a number; set seconds, such as 60"),
        ("connect_timeout_s", 0, "connect_timeout_s: not more than 0; set seconds, such as 10"),
        ("allow_http", "perhaps", "allow_http: neither true nor false; set true or false"),
        ("client_id", 5, "client_id: not a text; set the consumer key"),
        ("client_secret", ["x"], "client_secret: not a text; set the consumer secret"),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_plain_words(
    good: Raw, key: str, value: object, told: str
) -> None:
    """Not in those of the library that found it."""
    text = problems(good | {key: value})
    assert told in text
    assert "Input" not in text


def test_unknown_way_to_sign_in_is_refused(good: Raw) -> None:
    """The username and password flow is not offered."""
    text = problems(good | {"auth": "password"})
    assert "auth: " in text
    assert "set client_credentials, jwt or refresh_token" in text


@pytest.mark.parametrize(
    ("auth", "missing"),
    [
        ("client_credentials", "client_secret"),
        ("jwt", "username"),
        ("jwt", "private_key or private_key_file"),
        ("refresh_token", "refresh_token"),
    ],
)
def test_each_way_to_sign_in_says_what_it_needs(good: Raw, auth: str, missing: str) -> None:
    """An empty value counts as missing, since an unset variable arrives so."""
    text = problems(good | {"auth": auth, "client_secret": "", "username": None})
    assert f"{missing}: missing for auth = {auth}; set " in text


@pytest.mark.parametrize("host", ["login.salesforce.com", "test.salesforce.com"])
def test_generic_hosts_are_refused(good: Raw, host: str) -> None:
    """Client credentials fail there, and a record's link would lead nowhere."""
    assert "set your My Domain" in problems(good | {"login_url": f"https://{host}"})


@pytest.mark.parametrize(
    "url",
    ["acme.my.salesforce.com", "https://", "ftp://acme", "https://a/path", "https://u:p@a", "x"],
)
def test_what_is_not_the_address_of_a_host_is_refused(good: Raw, url: str) -> None:
    """The setting is a scheme and a host, nothing else."""
    assert "login_url: " in problems(good | {"login_url": url})


def test_slash_at_the_end_is_forgiven(good: Raw) -> None:
    """People copy addresses from the browser."""
    settings = load_settings(good | {"login_url": good["login_url"] + "/"})
    assert settings.login_url == "https://acme.my.salesforce.com"


@pytest.mark.parametrize("host", sorted(LOOPBACK))
def test_http_is_for_this_machine_only(host: str) -> None:
    """A token in clear never leaves this machine, even where http is allowed."""
    address = f"[{host}]" if ":" in host else host
    assert url_problem(f"http://{address}:4060", allow_http=True) is None
    assert url_problem(f"http://{address}:4060", allow_http=False) is not None
    assert url_problem("http://acme.my.salesforce.com", allow_http=True) is not None
    assert url_problem("http://127.0.0.1.evil.example", allow_http=True) is not None


def test_short_writes_are_for_the_local_sandbox(good: Raw) -> None:
    """Against Salesforce a short time-out would only make writes unclear."""
    local = good | {"allow_http": True, "login_url": "http://127.0.0.1:1", "write_timeout_s": 0.5}
    assert load_settings(local).write_timeout_s == 0.5


@pytest.mark.parametrize(("given", "read"), [(66, "66.0"), (66.0, "66.0"), ("67.0", "67.0")])
def test_version_may_be_written_as_a_number(good: Raw, given: object, read: str) -> None:
    """TOML has numbers, the environment has text."""
    assert load_settings(good | {"api_version": given}).api_version == read


@pytest.mark.parametrize("version", ["v66.0", "66", "45.0", "66.5", "latest"])
def test_other_versions_are_refused(good: Raw, version: str) -> None:
    """A version that the adapter cannot work with is found before the first call."""
    assert "api_version: " in problems(good | {"api_version": version})


def test_key_may_be_text_or_a_file(good: Raw, private_key: str, tmp_path: Path) -> None:
    """Both give the same key to sign with."""
    file = tmp_path / "key.pem"
    file.write_text(private_key)
    jwt = good | {"auth": "jwt", "username": "u@acme.example"}
    for setting in ({"private_key": private_key}, {"private_key_file": str(file)}):
        assert load_settings(jwt | setting).signing_key == private_key.encode()


def test_bad_keys_are_found_at_once(good: Raw, tmp_path: Path) -> None:
    """A file that is missing or not a key is a problem of its setting, shown without content."""
    jwt = good | {"auth": "jwt", "username": "u@acme.example"}
    text = problems(jwt | {"private_key_file": str(tmp_path / "none.pem")})
    assert "private_key_file: cannot be read" in text
    text = problems(jwt | {"private_key": "not-a-key-7731"})
    assert "private_key: not an unencrypted private key in PEM" in text
    assert "7731" not in text


def test_key_that_is_not_rsa_is_refused(good: Raw) -> None:
    """Salesforce takes RS256 only."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    jwt = good | {"auth": "jwt", "username": "u@acme.example", "private_key": pem}
    assert "private_key: not an RSA key" in problems(jwt)


def test_secrets_are_never_shown(good: Raw, private_key: str) -> None:
    """Neither the settings nor a complaint about them show a secret."""
    secrets = {"client_secret": "zzTOPzz", "refresh_token": "zzTOPzz", "private_key": private_key}
    shown = repr(load_settings(good | secrets)) + str(load_settings(good | secrets))
    shown += problems(good | secrets | {"login_url": "zzTOPzz"})
    shown += problems(good | secrets | {"client_secret": ["zzTOPzz"]})
    assert "zzTOPzz" not in shown
    assert private_key.splitlines()[1] not in shown
