"""Random edits of a real slapd, random faults, random runs.

After each run either the store equals what the bind account sees, or the run says that it failed or held and nothing was
removed. After the faults stop, one run (approved, where it is held) heals everything. The truth is asked of slapd by
python-ldap each time, so that there is no model that could share a mistake with syncd.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ldap
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from syncd.model.checks import CheckStatus
from syncd.model.run import Mode, Run, Trigger
from syncd.store.integrity import integrity
from tests.functional.sync.site import Site
from tests.servers.slapd import Slapd

NAMES = [f"p{number:02}" for number in range(14)]
GROUPS = ("crew", "staff", "all")
READ_ALL = "to * by users read by anonymous auth"
_numbers = itertools.count()


class Crash(BaseException):
    """The process dies here, as far as the store can tell."""


@dataclass(frozen=True)
class Truth:
    """What the directory shows, or the store holds, of people and their groups."""

    # entry id -> (DN, username, email, last name)
    people: dict[str, tuple[str, str, str, str]]
    # entry id -> role identifiers
    groups: dict[str, frozenset[str]]


class Life(RuleBasedStateMachine):
    """One directory and one store."""

    slapd: Slapd
    template: Path
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        number = next(_numbers)
        self.base = self.slapd.add_ou(f"life{number}")
        store = self.folder / f"life{number}.db"
        shutil.copy(self.template, store)
        self.site = Site(self.slapd, f"sqlite:///{store}", _settings(self.base))
        self.people_dn = self.slapd.add_ou("people", parent=self.base)
        self.units = [self.people_dn, *(self.slapd.add_ou(name, parent=self.people_dn) for name in ("east", "west"))]
        self.groups_dn = self.slapd.add_ou("groups", parent=self.base)
        # username -> DN, and mail addresses that nobody had yet
        self.dns: dict[str, str] = {}
        self.mails = itertools.count()

    @initialize(names=st.lists(st.sampled_from(NAMES), unique=True, min_size=4, max_size=12))
    def company(self, names: list[str]) -> None:
        for position, name in enumerate(names):
            self._add(name, self.units[position % 3])
        for group in GROUPS:
            members = [self.dns[name] for name in names[::2]] if group != "all" else [self._group(GROUPS[0])]
            self.slapd.add(self._group(group), {"objectClass": "groupOfNames", "cn": group, "member": members})
        self._check(self._run(), self._stored())

    def teardown(self) -> None:
        self._mend()
        run = self._run()
        if run.outcome == "held":
            run = self._run(approve=True)
        assert run.outcome == "succeeded", f"{run.outcome}: {run.message}"
        assert self._stored() == self._seen()
        before = self.site.snapshot()
        assert self._run().outcome == "succeeded"
        assert self.site.snapshot() == before, "a run with nothing to do writes nothing"
        with self.site.runtime() as runtime:
            assert [line for line in integrity(runtime.engine) if line.status is CheckStatus.FAIL] == []

    # ------------------------------------------------------------ edits
    @rule(name=st.sampled_from(NAMES), unit=st.integers(0, 2))
    def add(self, name: str, unit: int) -> None:
        if name not in self.dns:
            self._add(name, self.units[unit])

    @precondition(lambda self: self.dns)
    @rule(pick=st.integers(0, 99))
    def delete(self, pick: int) -> None:
        self.slapd.delete(self.dns.pop(self._pick(pick)))

    @precondition(lambda self: self.dns)
    @rule(pick=st.integers(0, 99), value=st.sampled_from(["Abe", "Øre", "a, b", "#x"]))
    def modify(self, pick: int, value: str) -> None:
        self.slapd.modify(self.dns[self._pick(pick)], {"sn": value})

    @precondition(lambda self: self.dns)
    @rule(pick=st.integers(0, 99), name=st.sampled_from(NAMES), unit=st.integers(0, 2))
    def rename(self, pick: int, name: str, unit: int) -> None:
        old = self._pick(pick)
        if name in self.dns and name != old:
            return
        self.slapd.rename(self.dns.pop(old), f"uid={name}", new_superior=self.units[unit])
        self.dns[name] = f"uid={name},{self.units[unit]}"

    @precondition(lambda self: len(self.dns) > 1)
    @rule(one=st.integers(0, 99), other=st.integers(0, 99))
    def swap_mail(self, one: int, other: int) -> None:
        first, second = self.dns[self._pick(one)], self.dns[self._pick(other)]
        mails = [self.slapd.search(base=dn, scope=ldap.SCOPE_BASE)[0][1]["mail"] for dn in (first, second)]
        self.slapd.modify(first, {"mail": mails[1]})
        self.slapd.modify(second, {"mail": mails[0]})

    @precondition(lambda self: self.dns)
    @rule(picks=st.lists(st.integers(0, 99), max_size=8), group=st.sampled_from(GROUPS[:2]))
    def regroup(self, picks: list[int], group: str) -> None:
        members = sorted({self.dns[self._pick(pick)] for pick in picks}) or ["cn=nobody"]
        self.slapd.modify(self._group(group), {"member": members})

    # ------------------------------------------------------------ runs, good and bad
    @rule()
    def run(self) -> None:
        self._watched(lambda: None)

    @rule(limit=st.integers(1, 12))
    def run_with_size_limit(self, limit: int) -> None:
        self._watched(lambda: self.slapd.set_limits(f"size.prtotal={limit}"))

    @rule(hidden=st.sampled_from(["east", "west", "people", "groups", "entryUUID", "mail", "member"]))
    def run_with_something_hidden(self, hidden: str) -> None:
        place = {"east": self.units[1], "west": self.units[2], "people": self.people_dn, "groups": self.groups_dn}.get(hidden)
        what = f'dn.subtree="{place}"' if place else f"attrs={hidden}"
        self._watched(lambda: self.slapd.set_acl(f"to {what} by * none", READ_ALL))

    @rule()
    def run_with_server_down(self) -> None:
        before = self._stored()
        self.slapd.kill()
        try:
            run = self._run()
        finally:
            self.slapd.start()
        assert run.outcome == "failed"
        self._check(run, before)

    @rule(step=st.integers(0, 12))
    def run_that_dies(self, step: int) -> None:
        """At a step of reading, planning or applying the process is gone; the next run must find its way."""
        left = [step]

        def die(_: object) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Crash

        before = self._stored()
        try:
            self._check(self._run(progress=die), before)
        except Crash:
            assert self.site.rows("SELECT outcome FROM runs ORDER BY id DESC LIMIT 1") == [{"outcome": "running"}]

    # ------------------------------------------------------------ inside
    def _watched(self, fault: Callable[[], None]) -> None:
        fault()
        before = self._stored()
        run = self._run()
        self._check(run, before)
        self._mend()

    def _check(self, run: Run, before: Truth) -> None:
        after = self._stored()
        if run.outcome == "succeeded":
            assert after == self._seen(), "a run that succeeded made the store equal to what the account sees"
            return
        assert run.outcome in ("failed", "held", "partial"), run
        assert run.code
        assert run.message
        assert run.advice
        gone = before.people.keys() - after.people.keys()
        if run.outcome == "partial":
            seen = self._seen()
            assert not gone & seen.people.keys(), "whoever is seen stays, usable or not"
            return
        assert not gone, f"{run.outcome} {run.code} disabled {gone}"
        assert all(after.groups[person] >= groups for person, groups in before.groups.items()), "and no role was taken"
        if run.outcome == "failed":
            assert after == before, "a failed run changes nothing"

    def _run(self, *, approve: bool = False, progress: Callable[[object], None] = lambda _: None) -> Run:
        with self.site.runtime() as runtime:
            if approve:
                runtime.plans.approve(self.site.held_plan().id, actor="test", reason="the faults are over")
            else:
                runtime.sync.request("corp", mode=Mode.FULL, trigger=Trigger.CLI)
            run = runtime.sync.work("corp", progress=progress)
        assert run is not None
        return run

    def _mend(self) -> None:
        self.slapd.set_limits("size=unlimited time=unlimited")
        self.slapd.set_acl(READ_ALL)

    def _add(self, name: str, parent: str) -> None:
        self.dns[name] = self.site.add_person(name, parent=parent, mail=f"m{next(self.mails)}@example.com")

    def _pick(self, number: int) -> str:
        return sorted(self.dns)[number % len(self.dns)]

    def _group(self, name: str) -> str:
        return f"cn={name},{self.groups_dn}"

    # ------------------------------------------------------------ what is so
    def _seen(self) -> Truth:
        """What the bind account sees, nesting resolved by hand: `all` has `crew` in it."""
        entries = _as_reader(self.slapd, self.base)
        people = {values["entryUUID"]: dn for dn, values in entries if "inetOrgPerson" in values["objectClass"]}
        ids = {dn.lower(): entry_id for entry_id, dn in people.items()}
        by_dn = dict(entries)
        groups: dict[str, set[str]] = {entry_id: set() for entry_id in people}
        for _, values in entries:
            if "groupOfNames" not in values["objectClass"]:
                continue
            cn = str(values["cn"])
            for member in _list(values.get("member")):
                inner = by_dn.get(member, {}).get("member") if member == self._group(GROUPS[0]) else member
                for name in _list(inner):
                    if (found := ids.get(name.lower())) is not None:
                        groups[found].add(cn)
        rows = {i: (dn, *(str(by_dn[dn].get(name, "")) for name in ("uid", "mail", "sn"))) for i, dn in people.items()}
        return Truth(rows, {entry_id: frozenset(found) for entry_id, found in groups.items()})  # type: ignore[arg-type]

    def _stored(self) -> Truth:
        rows = self.site.rows(
            "SELECT i.entry_id, i.dn, u.username, u.email, u.last_name FROM users u JOIN identities i ON i.user_id = u.id "
            "WHERE i.missing_since IS NULL"
        )
        people = {row["entry_id"]: (row["dn"], row["username"], row["email"], row["last_name"]) for row in rows}
        groups: dict[str, set[str]] = {entry_id: set() for entry_id in people}
        for row in self.site.rows(
            "SELECT i.entry_id, r.identifier FROM memberships m JOIN role_identifiers r ON r.id = m.role_identifier_id "
            "JOIN identities i ON i.user_id = m.user_id WHERE i.missing_since IS NULL"
        ):
            groups[row["entry_id"]].add(row["identifier"])
        return Truth(people, {entry_id: frozenset(found) for entry_id, found in groups.items()})


def _settings(base: str) -> dict[str, Any]:
    return {
        "base_dn": base,
        "page_size": 3,
        "connect_timeout": 2,
        "users": {"base_dn": f"ou=people,{base}"},
        "roles": {"base_dn": f"ou=groups,{base}", "map": {"crew": ["sailor"]}},
        "units": {"from": "none"},
        "safety": {"max_removed_users": "25%, at least 2", "max_lost_members": "50%, from 5"},
    }


def _as_reader(slapd: Slapd, base: str) -> list[tuple[str, dict[str, Any]]]:
    connection = ldap.initialize(slapd.url)
    connection.simple_bind_s(slapd.reader_dn, slapd.reader_password)
    attributes = ["objectClass", "uid", "cn", "mail", "sn", "member", "entryUUID"]
    found = connection.search_s(base, ldap.SCOPE_SUBTREE, "(objectClass=*)", attributes)
    connection.unbind_s()
    several = ("objectClass", "member")
    return [
        (dn, {name: [v.decode() for v in values] if name in several else values[0].decode() for name, values in entry.items()})
        for dn, entry in found
    ]


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("life"), stats=False) as server:
        yield server


@pytest.mark.timeout(300)
def test_a_life_of_edits_faults_and_runs(slapd: Slapd, sqlite_template: Path, tmp_path: Path) -> None:
    Life.slapd, Life.template, Life.folder = slapd, sqlite_template, tmp_path
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
