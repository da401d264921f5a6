"""What a kill cannot show: a commit that returned is on the disk, not only with the system."""

from __future__ import annotations

from crm_sms.testing.world import World


def test_every_connection_to_sqlite_waits_for_the_disk(world: World) -> None:
    """WAL with synchronous=FULL (2): with NORMAL a power cut takes the last commits back."""
    with world.app.ledger.write("meta") as writing, world.app.ledger.read() as reading:
        for connection in (writing, reading):
            modes = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }
            assert modes == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_no_connection_to_postgresql_asks_for_less_than_the_server_gives(
    postgres_world: World,
) -> None:
    """Commits wait for the server's log, as the server is set."""
    with postgres_world.app.ledger.write("meta") as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
