"""The sandbox's signatures against Twilio's published vectors and Twilio's own validator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import MultiDict
from twilio.request_validator import RequestValidator

from crm_sms.sandbox.twilio.signature import json_url, sign

TOKEN = "12345"
URLS = st.sampled_from(
    [
        "https://hooks.example.com/sms",
        "https://hooks.example.com/sms?key=a%20b&x=1",
        "http://127.0.0.1:8123/sms?z=%C3%A9",
        "https://hooks.example.com:8443/",
    ]
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.fixture(scope="module")
def vectors(shared: Path) -> Any:
    """The vectors of Twilio's own tests."""
    return json.loads((shared / "data/vectors/twilio_signature.json").read_text())


def test_published_vectors(vectors: Any) -> None:
    """Each vector's signature is ours over one of the two spellings of its URL."""
    params = vectors["params"].items()
    for case in vectors["cases"]:
        uri = case["uri"]
        spellings = {uri, uri.replace(":1234", "")} | {
            uri.replace("mycompany.com/", f"mycompany.com:{port}/") for port in (443, 80)
        }
        signatures = {sign(vectors["token"], spelling, params) for spelling in spellings}
        assert case["signature"] in signatures, case["what"]


def test_published_vector_of_repeated_names(vectors: Any) -> None:
    """Values of one name are sorted, and each counts once."""
    case = vectors["duplicates"]
    pairs = [tuple(pair) for pair in case["pairs"]]
    assert sign(vectors["token"], case["uri"], pairs) == case["signature"]


def test_published_vector_of_a_json_body(vectors: Any) -> None:
    """The digest of the body goes into the query, and only the URL is signed."""
    case = vectors["json_body"]
    url = json_url(vectors["uri"], case["body"].encode())
    assert url == case["uri"]
    assert sign(vectors["token"], url) == case["signature"]


@given(URLS, st.dictionaries(NAMES, VALUES, max_size=6))
def test_twilios_validator_accepts_ours(url: str, params: dict[str, str]) -> None:
    """Whatever the fields hold, empty values included, the vendor's validator says yes."""
    assert RequestValidator(TOKEN).validate(url, params, sign(TOKEN, url, params.items()))


@given(URLS, st.lists(st.tuples(st.sampled_from("AaBb"), VALUES), max_size=8))
def test_repeated_names_as_twilios_validator_has_them(
    url: str, pairs: list[tuple[str, str]]
) -> None:
    """Repetitions and their order change nothing that the validator would not change."""
    assert RequestValidator(TOKEN).validate(url, MultiDict(pairs), sign(TOKEN, url, pairs))


@given(URLS, st.binary(max_size=40).map(lambda raw: raw.hex()))
def test_json_bodies_as_twilios_validator_has_them(url: str, body: str) -> None:
    """The URL with its digest, and the raw body, pass."""
    signed = json_url(url, body.encode())
    assert RequestValidator(TOKEN).validate(signed, body, sign(TOKEN, signed))


@given(VALUES, VALUES)
def test_another_body_another_signature(one: str, other: str) -> None:
    """Two texts never share a signature."""
    url = "https://hooks.example.com/sms"
    same = sign(TOKEN, url, [("Body", one)]) == sign(TOKEN, url, [("Body", other)])
    assert same == (one == other)


def test_a_name_without_a_query_gets_one() -> None:
    """The digest joins with ? or &, as the URL needs."""
    assert json_url("https://a.example/x", b"{}").startswith("https://a.example/x?bodySHA256=")
    assert json_url("https://a.example/x?y=1", b"{}").startswith(
        "https://a.example/x?y=1&bodySHA256="
    )
