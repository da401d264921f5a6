"""Stage histories in the mirror, whatever pages bring them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_sms.ledger import Ledger
from crm_sms.ledger.mirror_pages import store_others
from crm_sms.ledger.stages import stages_of
from crm_sms.ledger.tables import stages
from crm_sms.records import Stage, collapsed

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def stage(id: str, deal: str = "d1", minute: int = 0, name: str = "Open") -> Stage:
    """How a deal stood from then on."""
    at = NOON + timedelta(minutes=minute)
    return Stage(id, deal, at, at, name)


def store(ledger: Ledger, *rows: Stage, crm: str = "sales") -> int:
    """Store one page; how many were new or not as they were."""
    with ledger.write("sync.page") as connection:
        return store_others(ledger, connection, crm, rows)


def histories(ledger: Ledger, *deals: str, crm: str = "sales") -> dict[str, list[Stage]]:
    """What the mirror says of these."""
    with ledger.read() as connection:
        return stages_of(connection, crm, deals)


def test_a_row_comes_back_as_it_was_pulled(ledger: Ledger) -> None:
    """With every field; of the deals asked for, in their CRM."""
    whole = Stage("s1", "d1", NOON, NOON, "Won", 12.5, date(2026, 12, 31), 100.0, True, True)
    bare = Stage("s2", "d2", NOON, NOON)
    assert store(ledger, whole, bare) == 2
    assert histories(ledger, "d1", "d2", "d3") == {"d1": [whole], "d2": [bare]}
    assert histories(ledger, "d1", crm="service") == histories(ledger) == {}


def test_a_row_between_two_that_are_alike_divides_them(ledger: Ledger) -> None:
    """It may come after them: the CRM commits in another order than it stamps."""
    first, middle, last = stage("a"), stage("b", minute=1, name="Won"), stage("c", minute=2)
    store(ledger, first, last)
    assert histories(ledger, "d1") == {"d1": [first]}
    store(ledger, middle)
    assert histories(ledger, "d1") == {"d1": [first, middle, last]}


rows = st.builds(
    stage,
    st.sampled_from("abcdefgh"),
    st.sampled_from(["d1", "d2"]),
    st.integers(0, 3),
    st.sampled_from(["Open", "Won"]),
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rows, max_size=8, unique_by=lambda row: row.id), st.data())
def test_any_pages_in_any_order_and_number_give_the_same_histories(
    ledger: Ledger, org: list[Stage], data: st.DataObject
) -> None:
    """Rows that come again change nothing, and are not counted."""
    with ledger.write("sync.page") as connection:
        connection.execute(stages.delete())
    again = st.lists(st.sampled_from(org), max_size=6) if org else st.just([])
    every = data.draw(st.permutations([*org, *data.draw(again)]))
    cut = data.draw(st.integers(0, len(every)))
    counted = [store(ledger, *dict.fromkeys(page)) for page in (every[:cut], every[cut:])]
    assert sum(counted) == len(org)
    expected = {deal: [row for row in org if row.opportunity_id == deal] for deal in ("d1", "d2")}
    assert histories(ledger, "d1", "d2") == {
        deal: collapsed(found) for deal, found in expected.items() if found
    }
