"""What surrounds a plan that is applied: the fence in each of its transactions, and the digest of the configuration."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from syncd.errors import LeaseLostError, StoppedError
from syncd.store.engine import WRITING
from syncd.store.snapshot import SqlSyncStore
from tests.contract.company import Company, contents, person, take
from tests.contract.test_store_apply import StopAfter, fill, turn_over


# ---------------------------------------------------------------- the fence
class TakenAfter:
    """Somebody else takes the directory before the edge of a transaction with this number."""

    def __init__(self, engine: Engine, edges: int) -> None:
        self.engine, self.left = engine, edges
        # what the store had when it was taken
        self.left_behind: dict[str, list[tuple[Any, ...]]] = {}

    def __call__(self) -> bool:
        if self.left == 0:
            take(self.engine, "corp")
            self.left_behind = contents(self.engine)
        self.left -= 1
        return False


def test_a_replaced_epoch_commits_nothing_more_in_any_transaction_of_a_plan(
    company: Company, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.store.apply_context.batches.__defaults__", (3,))
    fill(company)
    company.sync()
    turn_over(company)
    whole = replace(company.plan(), config_digest=b"another configuration")
    stages = {
        name for name in whole.__dataclass_fields__ if isinstance(getattr(whole, name), tuple) and getattr(whole, name)
    }  # fmt: skip
    assert stages == {
        "organizations", "units", "role_identifiers", "releases", "people", "memberships_added", "memberships_removed",
        "grants_added", "grants_removed", "roles_created", "issues_opened", "issues_closed",
    }  # fmt: skip
    for edges in range(100):
        company.runs += 1
        plan = replace(company.plan(), config_digest=b"another configuration")
        taken = TakenAfter(engine, edges)
        try:
            company.apply(plan, epoch=company.epoch(), stopping=taken)
        except LeaseLostError:
            assert contents(engine) == taken.left_behind
        else:
            break
    assert edges > 4
    assert company.store.structure("corp").config_digest == b"another configuration"
    assert company.plan().is_empty


def test_every_transaction_of_a_plan_goes_through_the_fence(
    company: Company, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan from its first to its last transaction, in each of which the fence is asked before anything else."""
    monkeypatch.setattr("syncd.store.apply_context.batches.__defaults__", (3,))
    fill(company)
    company.sync()
    turn_over(company)
    plan, told = company.plan(), list[str]()

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        told.append(statement)

    event.listen(engine, "begin", lambda connection: told.append("writing" if WRITING in options(connection) else "reading"))
    event.listen(engine, "before_cursor_execute", note)
    company.apply(plan)
    told = [line for line in told if not line.startswith(("BEGIN", "SELECT pg_catalog", "SELECT set_config"))]
    first = [after for before, after in pairwise(told) if before == "writing"]
    assert len(first) > 8
    assert all(statement.startswith("SELECT leases.epoch") for statement in first)
    writes = [line for line in told if line.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert writes


def options(connection: Connection) -> Any:
    return connection.get_execution_options()


def test_an_empty_plan_with_another_configuration_is_fenced_too(company: Company, engine: Engine) -> None:
    fill(company)
    company.sync()
    old = company.epoch()
    take(engine, "corp")
    before = contents(engine)
    with pytest.raises(LeaseLostError):
        company.apply(replace(company.plan(), config_digest=b"new"), epoch=old)
    assert contents(engine) == before


def test_a_purge_that_knows_its_epoch_is_fenced(company: Company, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.store.purge.BATCH", 2)
    company.add(*(person(f"p{i}") for i in range(5)))
    company.sync()
    company.people.clear()
    company.sync()
    assert isinstance(company.store, SqlSyncStore)
    old, before, after = company.epoch(), contents(engine), company.at() + timedelta(hours=1)
    new = take(engine, "corp")
    with pytest.raises(LeaseLostError):
        company.store.purge("corp", missing_before=after, run_id=None, at=after, epoch=old)
    assert {**contents(engine), "leases": before["leases"]} == before
    assert company.store.purge("corp", missing_before=after, run_id=None, at=after, epoch=new) == 5


# ---------------------------------------------------------------- the configuration's digest
def test_the_digest_of_the_configuration_is_kept_with_the_last_transaction(company: Company) -> None:
    fill(company)
    assert company.store.structure("corp").config_digest is None
    company.sync(replace(company.plan(), config_digest=b"one"))
    assert company.store.structure("corp").config_digest == b"one"
    company.add(person("p1", title="changed"))
    company.sync()
    assert company.store.structure("corp").config_digest == b"one", "a plan that knows no configuration leaves it alone"


def test_another_configuration_that_changes_nothing_writes_only_its_digest(company: Company, engine: Engine) -> None:
    fill(company)
    company.sync(replace(company.plan(), config_digest=b"one"))
    before = contents(engine)
    company.sync(replace(company.plan(), config_digest=b"one"))
    assert contents(engine) == before
    company.sync(replace(company.plan(), config_digest=b"two"))
    after = contents(engine)
    assert {name for name in after if after[name] != before[name]} == {"directories"}
    structure = company.store.structure("corp")
    assert (structure.config_digest, structure.relations_digest) == (b"two", company.digest())


def test_a_plan_that_was_cut_off_leaves_the_old_digest_of_the_configuration(company: Company) -> None:
    fill(company)
    company.sync(replace(company.plan(), config_digest=b"one"))
    company.add(person("p1", title="changed"))
    with pytest.raises(StoppedError):
        company.apply(replace(company.plan(), config_digest=b"two"), stopping=StopAfter(2))
    assert company.store.structure("corp").config_digest == b"one"
