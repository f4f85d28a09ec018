"""Two directories at work at the same time: what one run did not know, a later one puts right."""

from __future__ import annotations

import pytest

from syncd.bootstrap import Runtime
from syncd.errors import StoreError
from syncd.model.plan import Plan
from syncd.model.run import Mode, Trigger
from tests.functional.sync.pair import Pair, both_have_anna, leave, neighbours


def planned(runtime: Runtime, name: str) -> tuple[int, Plan]:
    """A run of the directory that has read and planned, and has not written yet."""
    runtime.sync.request(name, mode=Mode.FULL, trigger=Trigger.CLI)
    with runtime.lease.hold(name) as epoch:
        return epoch, runtime.sync.plan(name).plan


def apply(runtime: Runtime, epoch: int, plan: Plan) -> None:
    at = runtime.clock.now()
    runtime.store.apply(plan, run_id=1, epoch=epoch, at=at, progress=lambda done: None, stopping=lambda: False)


def settled(pair: Pair) -> None:
    """Both run until there is nothing left to do; anna is one user, whom hr decides."""
    for name in ("mail", "hr", "mail", "hr"):
        pair.sync(name)
    assert [pair.changes(name) for name in ("mail", "hr")] == [{}, {}]


def test_two_first_imports_at_once_make_one_user(pair: Pair) -> None:
    both_have_anna(pair)
    with pair.hr.runtime() as runtime:
        epoch, late = planned(runtime, "mail")
        pair.sync("hr")
        with pytest.raises(StoreError, match="while this run was working"):
            apply(runtime, epoch, late)
    settled(pair)
    assert (len(pair.users()), pair.user()["username"]) == (1, "anna")


def test_who_is_linked_while_the_better_one_writes_is_as_it_says(pair: Pair) -> None:
    both_have_anna(pair)
    pair.sync("mail")
    pair.mail.slapd.modify(f"uid=anna.berg,{pair.mail.people_dn}", {"title": "Chief"})
    with pair.hr.runtime() as runtime:
        epoch, late = planned(runtime, "mail")
        pair.sync("hr")
        assert pair.user()["title"] == "Director"
        apply(runtime, epoch, late)
        assert pair.user()["title"] == "Chief"
    settled(pair)
    assert (pair.user()["title"], pair.user()["username"]) == ("Director", "anna")


def test_who_is_dropped_while_the_other_writes_is_as_the_other_says(pair: Pair) -> None:
    both_have_anna(pair)
    neighbours(pair)
    pair.sync("hr")
    pair.sync("mail")
    pair.mail.slapd.modify(f"uid=anna.berg,{pair.mail.people_dn}", {"title": "Chief"})
    with pair.hr.runtime() as runtime:
        epoch, late = planned(runtime, "mail")
        leave(pair.hr, "anna")
        pair.sync("hr")
        apply(runtime, epoch, late)
    settled(pair)
    assert (pair.user()["title"], pair.user()["username"]) == ("Chief", "anna.berg")


def test_who_is_linked_while_the_better_one_drops_them_is_as_the_other_says(pair: Pair) -> None:
    both_have_anna(pair)
    neighbours(pair)
    pair.sync("hr")
    leave(pair.hr, "anna")
    with pair.hr.runtime() as runtime:
        epoch, late = planned(runtime, "hr")
        pair.sync("mail")
        assert pair.user()["title"] == "Director"
        apply(runtime, epoch, late)
    settled(pair)
    assert (pair.user()["title"], pair.user()["username"]) == ("Boss", "anna.berg")
