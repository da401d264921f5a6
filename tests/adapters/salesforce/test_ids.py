"""Ids of 15 characters, as URLs and reports show them, become those of 18 that the API gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.sandbox.salesforce import ids as sandbox
from crm_sms_salesforce import SalesforceCrm
from crm_sms_salesforce.ids import full_id

PUBLISHED = (
    "a0D30000001n7PiEAI",  # gammone.com, How to convert Salesforce ID from 15 to 18 chars
    "90630000000gy8oAAA",  # the address of a question on success.salesforce.com
    "0019000000B98deAAB",  # theblogreaders.com, 15 digit and 18 digit Salesforce ID
    "0057e00000RmwSWAAZ",  # answers that CumulusCI recorded from an org
    "01254000001upcKAAQ",
)


@pytest.mark.parametrize("id", PUBLISHED)
def test_published_examples(id: str) -> None:
    """Both forms name the same record."""
    assert full_id(id[:15]) == full_id(id) == id
    assert SalesforceCrm.full_id(id[:15]) == id


@pytest.mark.parametrize("text", ["", "m-1", " " * 15, "003-5g000000001", "a" * 18, "ä" * 15])
def test_what_is_no_short_id_comes_back_as_it_is(text: str) -> None:
    """It may be the id of another CRM, or a mistake, which the mirror then does not find."""
    assert full_id(text) == text


@given(st.integers(0, 62**9), st.sampled_from(["003", "00Q", "005"]))
def test_the_sandboxs_ids_agree(number: int, prefix: str) -> None:
    """Two programs that share no code."""
    id = sandbox.make(prefix, number)
    assert full_id(id[:15]) == id
