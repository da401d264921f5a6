"""Transactions: whole or not at all, one view each, locks, and what a wait can mend."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from crm_sms.errors import BadSettings, StoreUnavailable
from crm_sms.ledger import Ledger, store
from crm_sms.ledger.notes import note, put_note
from crm_sms.ledger.tables import meta

KEY = b"k" * 32


def put(ledger: Ledger, value: object) -> None:
    """Write the note of these tests in a commit of its own."""
    with ledger.write("meta") as connection:
        put_note(ledger, connection, "it", value)


def get(ledger: Ledger) -> object:
    """The note of these tests."""
    with ledger.read() as connection:
        return note(connection, "it")


@pytest.mark.parametrize(
    "value", ["a\0b", "\ud800", {"a": [1, 2.5, None, True]}, "Größe 😀", 0, None]
)
def test_a_note_keeps_any_json(ledger: Ledger, value: object) -> None:
    """Whatever JSON can say comes back as it was."""
    put(ledger, value)
    assert get(ledger) == value


def test_a_note_is_replaced(ledger: Ledger) -> None:
    """There is one note of a name, and none of a name that was never written."""
    assert get(ledger) is None
    put(ledger, 1)
    put(ledger, 2)
    assert get(ledger) == 2


def test_what_fails_leaves_nothing(ledger: Ledger) -> None:
    """An error inside a transaction takes all of it back, and comes through as it is."""

    def fail() -> None:
        with ledger.write("meta") as connection:
            put_note(ledger, connection, "it", 1)
            raise KeyError("ours")

    with pytest.raises(KeyError):
        fail()
    assert get(ledger) is None
    put(ledger, 2)
    assert get(ledger) == 2


def test_nothing_is_seen_before_its_commit(ledger: Ledger, other: Ledger) -> None:
    """Others read on meanwhile, as things stood before."""
    put(ledger, 1)
    with ledger.write("meta") as connection:
        put_note(ledger, connection, "it", 2)
        assert get(other) == 1
    assert get(other) == 2


def test_a_read_is_one_view(ledger: Ledger, other: Ledger) -> None:
    """A commit in between does not make two answers of one read disagree."""
    put(ledger, 1)
    with ledger.read() as connection:
        assert note(connection, "it") == 1
        put(other, 2)
        assert note(connection, "it") == 1
    assert get(ledger) == 2


def test_a_read_keeps_nothing(ledger: Ledger) -> None:
    """What somebody writes in a read by mistake is never committed."""
    try:
        with ledger.read() as connection:
            put_note(ledger, connection, "it", 1)
    except DBAPIError:
        pass
    assert get(ledger) is None


def test_threads_share_a_ledger(ledger: Ledger) -> None:
    """Each adds one many times over; none is lost, as the lock holds between read and write."""

    def add() -> None:
        for _ in range(10):
            with ledger.write("meta", give_way=True) as connection:
                ledger.lock(connection, ["it"])
                put_note(ledger, connection, "it", note(connection, "it") + 1)

    put(ledger, 0)
    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert get(ledger) == 40


def test_a_locked_sqlite_is_unavailable(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has waited long enough is told so by our own error, and may come again."""
    monkeypatch.setattr(store, "_PATIENCE_S", 0.05)
    first, second = Ledger(sqlite_url, KEY), Ledger(sqlite_url, KEY)
    with first.write("meta"), pytest.raises(StoreUnavailable, match=r"cannot be used now.*locked"):
        put(second, 1)
    put(second, 2)
    assert get(first) == 2
    first.close()
    second.close()


def test_a_lock_that_is_given_back_in_time_is_waited_for(sqlite_url: str) -> None:
    """The second writer comes through as soon as the first is done."""
    first, second = Ledger(sqlite_url, KEY), Ledger(sqlite_url, KEY)
    with first.write("meta") as connection:
        waiting = threading.Thread(target=put, args=(second, 2))
        waiting.start()
        put_note(first, connection, "it", 1)
    waiting.join()
    assert get(first) == 2
    first.close()
    second.close()


def test_a_lost_server_is_unavailable_until_it_is_back(postgres_ledger: Ledger) -> None:
    """A connection that the server ends in the middle is our own error; the next one is new."""

    def lose() -> None:
        with postgres_ledger.write("meta") as connection:
            put_note(postgres_ledger, connection, "it", 1)
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(StoreUnavailable, match="cannot be used now"):
        lose()
    assert get(postgres_ledger) is None
    put(postgres_ledger, 2)
    assert get(postgres_ledger) == 2


@pytest.mark.parametrize("use", [get, lambda ledger: put(ledger, 1)])
def test_a_server_that_is_not_there_is_unavailable(
    tmp_path: Path, use: Callable[[Ledger], object]
) -> None:
    """Nobody listens: reads and writes say so, and show no password."""
    ledger = Ledger(f"postgresql://kim:s3cret@/crm?host={tmp_path}", KEY)
    with pytest.raises(StoreUnavailable) as caught:
        use(ledger)
    assert "s3cret" not in str(caught.value)
    ledger.close()


def test_our_own_mistakes_stay_what_they_are(ledger: Ledger) -> None:
    """No wait mends a wrong statement or a broken rule, so nobody is told to try later."""
    with pytest.raises(DBAPIError), ledger.read() as connection:
        connection.execute(text("SELECT nothing FROM nowhere"))
    twice = [{"name": "twice", "value": 1}] * 2
    with pytest.raises(IntegrityError), ledger.write("meta") as connection:
        connection.execute(meta.insert(), twice)


def test_too_many_parameters_are_our_mistake(postgres_ledger: Ledger) -> None:
    """The driver calls it operational, as a lost server; but no wait makes the list shorter."""
    query = select(meta.c.name).where(meta.c.name.in_([str(number) for number in range(65_536)]))
    with pytest.raises(OperationalError, match="parameters"), postgres_ledger.read() as connection:
        connection.execute(query)
    assert get(postgres_ledger) is None


def test_too_many_parameters_are_our_mistake_on_sqlite(sqlite_url: str) -> None:
    """As on PostgreSQL; builds differ in how many there may be."""
    ledger = Ledger(sqlite_url, KEY)
    query = select(meta.c.name).where(meta.c.name.in_([str(number) for number in range(300_000)]))
    with pytest.raises(OperationalError, match="variables"), ledger.read() as connection:
        connection.execute(query)
    ledger.close()


def test_no_value_is_in_the_words_of_an_error(ledger: Ledger) -> None:
    """Errors reach logs; a statement's values are people's numbers and texts."""
    with pytest.raises(DBAPIError) as caught, ledger.read() as connection:
        connection.execute(text("SELECT nothing FROM nowhere WHERE x = :x"), {"x": "+12025550123"})
    assert "2025550123" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://localhost/crm", "use sqlite:///FILE or postgresql"),
        ("sqlite:////nowhere/at/all/crm-sms.db", "/nowhere/at/all/crm-sms.db cannot be written"),
    ],
)
def test_a_database_that_cannot_be_is_a_matter_of_settings(url: str, said: str) -> None:
    """The message names the setting, and what to do."""
    with pytest.raises(BadSettings, match=f"database: .*{said}"):
        Ledger(url, KEY)


@pytest.mark.parametrize("whole", [True, False])
def test_a_damaged_file_is_a_matter_of_settings(sqlite_url: str, whole: bool) -> None:
    """A wait mends nothing: the message says that a backup does. Nothing is written to it."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    content = path.read_bytes()
    damaged = b"no database " * 1000 if whole else content[:4096] + b"\xff" * (len(content) - 4096)
    path.write_bytes(damaged)
    ledger = Ledger(sqlite_url, KEY)
    with pytest.raises(BadSettings, match=r"database: .* restore it from a backup"):
        get(ledger)
    with pytest.raises(BadSettings, match=r"database: .* restore it from a backup"):
        put(ledger, 1)
    ledger.close()
    assert path.read_bytes() == damaged


def test_nobody_else_on_the_machine_reads_a_new_file(tmp_path: Path) -> None:
    """Numbers and texts are in it."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'new.db'}", KEY)
    with ledger.engine.connect() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    ledger.close()


@pytest.mark.parametrize(
    ("mine", "theirs", "shared", "waits"),
    [
        (["a", "b"], ["b", "a"], False, True),
        (["a"], ["b"], False, False),
        (["a"], ["a"], True, False),
        ([], [], False, False),
    ],
)
def test_a_name_is_held_by_one(
    postgres_ledger: Ledger, mine: list[str], theirs: list[str], shared: bool, waits: bool
) -> None:
    """Whoever wants a name that is held waits for the commit; shared holders bear each other."""
    second = Ledger(postgres_ledger.url, KEY)

    def come() -> bool:
        try:
            with second.write("meta") as connection:
                connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
                second.lock(connection, theirs, shared=shared)
        except StoreUnavailable:
            return True
        return False

    with postgres_ledger.write("meta") as connection:
        postgres_ledger.lock(connection, mine, shared=shared)
        assert come() is waits
    assert not come()
    second.close()


def test_an_upsert_replaces_whole_rows(ledger: Ledger) -> None:
    """New rows come in, known ones take the new values, and no rows are no statement."""
    with ledger.write("meta") as connection:
        ledger.upsert(connection, meta, [])
        ledger.upsert(connection, meta, [{"name": "a", "value": 1}, {"name": "b", "value": 1}])
        ledger.upsert(connection, meta, [{"name": "b", "value": 2}, {"name": "c", "value": 2}])
        found = {row.name: row.value for row in connection.execute(meta.select())}
    assert found == {"a": 1, "b": 2, "c": 2}


LEDGER = Ledger("sqlite://", KEY)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


def kept(value: object) -> object:
    """A text as a CRM keeps it."""
    return (value.strip() or None) if isinstance(value, str) else value


@given(VALUES, VALUES)
def test_a_fingerprint_stands_for_the_value(one: object, two: object) -> None:
    """Two are equal exactly when a CRM would see the same value."""
    alike = kept(one) == kept(two) and isinstance(one, bool) is isinstance(two, bool)
    assert (LEDGER.fingerprint(one) == LEDGER.fingerprint(two)) is alike  # type: ignore[arg-type]


@given(st.text(), st.text())
def test_a_digest_needs_the_key(one: str, two: str) -> None:
    """The same number gives the same digest, another number or key another one."""
    assert (LEDGER.digest(one) == LEDGER.digest(two)) is (one == two)
    assert Ledger("sqlite://", b"other").digest(one) != LEDGER.digest(one)


@pytest.mark.parametrize(
    ("one", "two", "alike"),
    [
        ("2026-11-20T15:48:22.123Z", "2026-11-20T15:48:22.000Z", True),
        ("2026-11-20T15:48:22.123Z", "2026-11-20T15:48:23.123Z", False),
        ("at T15:48:22.123Z.", "at T15:48:22.000Z.", False),
        (" words\n", "words", True),
        ("two words", "twowords", False),
        ("", None, True),
        ("", 0, False),
    ],
)
def test_what_a_crm_drops_makes_no_difference(one: object, two: object, alike: bool) -> None:
    """Else what it gives back would look like somebody's edit."""
    assert (LEDGER.fingerprint(one) == LEDGER.fingerprint(two)) is alike  # type: ignore[arg-type]
