"""The fencing epoch: who was replaced commits nothing more, and who takes over waits for what is being committed."""

from __future__ import annotations

import os
import socket
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from syncd.errors import DatabaseUnavailableError, LeaseLostError
from syncd.settings.root import StoreSettings
from syncd.store import schema as t
from syncd.store.engine import KEEPALIVE, open_engine, write
from syncd.store.lease import SqlLease, fence
from syncd.store.snapshot import SqlSyncStore
from tests.contract.company import START, Company, contents, person, rows, take
from tests.contract.test_lease import wait_until


def test_the_fence_lets_the_newest_epoch_through_and_no_other(engine: Engine) -> None:
    with write(engine) as connection, pytest.raises(LeaseLostError, match="nobody has the lease of 'corp'"):
        fence(connection, "corp", 1)
    with SqlLease(engine).hold("corp") as old:
        pass
    with SqlLease(engine).hold("corp") as new, write(engine) as connection:
        fence(connection, "corp", new)
        for epoch in (old, new + 1, 0):
            with pytest.raises(LeaseLostError, match=f"process {os.getpid()} has the lease of 'corp' now"):
                fence(connection, "corp", epoch)
        with pytest.raises(LeaseLostError):
            fence(connection, "branch", new)


def test_the_row_says_who_took_the_lease_and_when(engine: Engine) -> None:
    before = datetime.now(UTC)
    with SqlLease(engine).hold("corp"):
        (row,) = rows(engine, t.leases)
    assert (row.directory, row.epoch, row.holder) == ("corp", 1, f"{socket.gethostname()} process {os.getpid()}")
    assert before <= row.taken_at <= datetime.now(UTC)


def test_who_takes_the_lease_waits_for_a_transaction_inside_the_fence_and_then_wins(engine: Engine) -> None:
    old = take(engine, "corp")
    taken: list[int] = []
    taker = threading.Thread(target=lambda: taken.append(take(engine, "corp")))
    with write(engine) as connection:
        fence(connection, "corp", old)
        taker.start()
        # a transaction that did not lock the row would let the taker through in far less
        taker.join(timeout=0.3)
        assert taken == []
        connection.execute(t.groups.insert().values(name="g", name_key="g", created_at=START))
    taker.join(timeout=30)
    assert taken == [old + 1]
    assert len(rows(engine, t.groups)) == 1
    with pytest.raises(LeaseLostError), write(engine) as connection:
        fence(connection, "corp", old)


def test_a_holder_whose_session_was_ended_commits_nothing_once_somebody_else_has_the_lease(postgres_url: str) -> None:
    """What a restarted server does: the locks are gone, the processes are not."""
    engine = open_engine(StoreSettings(url=postgres_url))
    lease, company = SqlLease(engine), Company(SqlSyncStore(engine))
    company.add(person("a"))
    with lease.hold("corp") as old:
        end_lease_session(engine)
        wait_until(lambda: lease.free("corp"))
        # nobody else has come: the work may go on
        company.apply(company.plan(), epoch=old)
        company.add(person("b"))
        plan = company.plan()
        with lease.hold("corp") as new:
            assert new == old + 1
            before = contents(engine)
            with pytest.raises(LeaseLostError):
                company.apply(plan, epoch=old)
            assert contents(engine) == before
            company.apply(plan, epoch=new)
        assert set(company.store.identities("corp")) == {"a", "b"}
    engine.dispose()


def end_lease_session(engine: Engine) -> None:
    ended = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = "
    with write(engine, ordered=False) as connection:
        found = connection.execute(text(f"{ended} (SELECT oid FROM pg_database WHERE datname = current_database())"))
        assert found.scalars().all() == [True]


def test_a_taker_gives_up_on_a_transaction_that_does_not_end(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.store.lease.FENCE_SECONDS", 0.2)
    engine = open_engine(StoreSettings(url=postgres_url))
    epoch = take(engine, "corp")
    with write(engine) as connection:
        fence(connection, "corp", epoch)
        with pytest.raises(DatabaseUnavailableError), SqlLease(engine).hold("corp"):
            pass
    assert SqlLease(engine).free("corp")
    with SqlLease(engine).hold("corp") as taken:
        assert taken == epoch + 1
    engine.dispose()


def test_every_session_on_postgresql_ends_soon_after_its_machine(postgres_url: str) -> None:
    engine = open_engine(StoreSettings(url=postgres_url))
    # twice: what a connection was told must survive its way through the pool
    for _ in range(2):
        with engine.connect() as connection:
            assert {name: int(connection.exec_driver_sql(f"SHOW {name}").scalar() or 0) for name in KEEPALIVE} == KEEPALIVE
            connection.rollback()
    engine.dispose()
