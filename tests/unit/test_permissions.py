"""What roles allow, and that no sequence of allowed calls raises anybody above those who made them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from syncd.accounts.permissions import (
    ALL,
    OUR_SUBJECTS,
    PERMISSION_PATTERN,
    HeldRole,
    Powers,
    policy,
    wrong_permission,
)
from syncd.errors import AboveCallerError
from syncd.model.permission import AUDITOR, OPERATOR, OURS
from syncd.services.ceiling import require
from syncd.services.permission_texts import SENTENCES

POLICY = policy(administrator_roles=["Administrator"], operator_roles=["operator"], auditor_roles=["auditor"])
NAMES = ["administrator", "OPERATOR", "auditor", "clerk", "manager", "guest"]
PERMISSIONS = ["users:read", "users:write", "roles:write", "users:password", "crm.orders:read", "crm.orders:write", "erp"]


@st.composite
def roles(draw: st.DrawFn) -> HeldRole:
    organization = draw(st.sampled_from([None, None, 1, 2]))
    names = draw(st.frozensets(st.sampled_from(PERMISSIONS), max_size=3))
    if organization is not None:
        names -= OURS
    return HeldRole(name=draw(st.sampled_from(NAMES)), organization_id=organization, permissions=names)


# ---------------------------------------------------------------- what a role means
def test_s23_only_system_wide_roles_have_built_in_meaning_and_our_own_names() -> None:
    assert POLICY.of_role(HeldRole(name="ADMINISTRATOR")) == ALL
    assert POLICY.of_role(HeldRole(name="Operator")).permissions == {str(name) for name in OPERATOR}
    assert POLICY.of_role(HeldRole(name="auditor")).permissions == {str(name) for name in AUDITOR}
    assert POLICY.of_role(HeldRole(name="Administrator", organization_id=7)) == Powers()
    # whatever is stored: a role that became an organization's, say
    local = HeldRole(name="clerk", organization_id=7, permissions=frozenset({"users:write", "crm:read"}))
    assert POLICY.of_role(local) == Powers(local=frozenset({(7, "crm:read")}))


def test_what_is_local_is_covered_by_the_same_system_wide_and_not_by_another_organization() -> None:
    here, there = Powers(local=frozenset({(1, "crm")})), Powers(local=frozenset({(2, "crm")}))
    everywhere = Powers(permissions=frozenset({"crm"}))
    assert everywhere.covers(here)
    assert not here.covers(there)
    assert not here.covers(everywhere)
    assert (here | there).within(1) == here
    assert ALL.covers(everywhere | here)
    assert not (everywhere | here).covers(ALL)


@given(st.lists(roles(), max_size=5), roles())
def test_s24_permissions_add_up_and_a_further_role_takes_none_away(held: list[HeldRole], more: HeldRole) -> None:
    before, after = POLICY.of_roles(held), POLICY.of_roles([*held, more])
    assert after.covers(before)
    assert after.covers(POLICY.of_role(more))
    assert before.permissions <= after.permissions
    assert before.local <= after.local
    assert after.everything or not before.everything
    # and nothing comes from nowhere, in whatever order
    assert after == POLICY.of_roles([more, *reversed(held)]) == before | POLICY.of_role(more)


@given(st.lists(roles(), max_size=3), st.lists(roles(), max_size=3), st.lists(roles(), max_size=3))
def test_covering_is_an_order(a: list[HeldRole], b: list[HeldRole], c: list[HeldRole]) -> None:
    first, second, third = map(POLICY.of_roles, (a, b, c))
    assert first.covers(first)
    if first.covers(second) and second.covers(third):
        assert first.covers(third)
    assert (first | second).covers(first)


# ---------------------------------------------------------------- names
@pytest.mark.parametrize("name", ["crm", "crm.orders:read", "a1-b_c.d:2:x", "x" * 100])
def test_free_names(name: str) -> None:
    assert wrong_permission(name, organization_id=None) is None
    assert wrong_permission(name, organization_id=3) is None


@pytest.mark.parametrize(
    "name",
    ["", "CRM", "crm:", ":read", "crm..x", "1crm", "crm orders", "crm\n", "crm:*", "*", "x" * 101, "users:reed", "users",
     "public", "self", "é:x"],
)  # fmt: skip
def test_names_that_no_role_can_hold(name: str) -> None:
    assert wrong_permission(name, organization_id=None) is not None


def test_each_of_ours_is_a_name_with_a_sentence_and_only_for_system_wide_roles() -> None:
    assert SENTENCES.keys() == OURS
    for name in OURS:
        assert re.search(PERMISSION_PATTERN, name)
        assert name.partition(":")[0] in OUR_SUBJECTS
        assert wrong_permission(name, organization_id=None) is None
        assert wrong_permission(name, organization_id=1) is not None


# ---------------------------------------------------------------- nobody raises themselves
USERS = range(5)
ROLES = range(4)
ATTACKER = 0


@dataclass
class Site:
    """Who has which role, and what the roles are: the rules of RoleService, and of whoever gives roles, in short."""

    roles: dict[int, HeldRole] = field(default_factory=dict)
    held: dict[int, set[int]] = field(default_factory=dict)

    def powers(self, user: int) -> Powers:
        return POLICY.of_roles(self.roles[number] for number in self.held[user])

    def edit(self, caller: int, number: int, after: HeldRole | None) -> None:
        """Create, change or delete a role."""
        before = self.roles.get(number)
        if after is None and any(number in held for held in self.held.values()):
            return
        versions = [role for role in (before, after) if role is not None]
        require(self.powers(caller), POLICY.of_roles(versions), to="edit")
        if after is None:
            self.roles.pop(number, None)
        else:
            self.roles[number] = after

    def give(self, caller: int, user: int, number: int, *, give: bool) -> None:
        if number not in self.roles or caller == user:
            return
        require(self.powers(caller), self.powers(user), to="act")
        require(self.powers(caller), POLICY.of_role(self.roles[number]), to="give")
        if give:
            self.held[user].add(number)
        else:
            self.held[user].discard(number)


class Raising(RuleBasedStateMachine):
    """Somebody who wants more uses every call that is allowed, with every account they can take over."""

    @initialize(
        made=st.lists(roles(), min_size=len(ROLES), max_size=len(ROLES)),
        held=st.lists(st.sets(st.sampled_from(ROLES), max_size=2), min_size=len(USERS), max_size=len(USERS)),
    )
    def begin(self, made: list[HeldRole], held: list[set[int]]) -> None:
        self.site = Site(dict(enumerate(made)), dict(enumerate(held)))
        self.limit = self.site.powers(ATTACKER)
        self.theirs = {user: self.site.powers(user) for user in USERS}
        self.accounts = {ATTACKER}

    @rule(data=st.data(), number=st.sampled_from(range(6)), after=st.none() | roles())
    def edit(self, data: st.DataObject, number: int, after: HeldRole | None) -> None:
        self._try(data, lambda caller: self.site.edit(caller, number, after))

    @rule(data=st.data(), user=st.sampled_from(USERS), number=st.sampled_from(range(6)), give=st.booleans())
    def give(self, data: st.DataObject, user: int, number: int, give: bool) -> None:
        self._try(data, lambda caller: self.site.give(caller, user, number, give=give))

    @rule(data=st.data(), user=st.sampled_from(USERS))
    def take_over(self, data: st.DataObject, user: int) -> None:
        """Reset somebody's password, and log in as them."""

        def act(caller: int) -> None:
            require(self.site.powers(caller), self.site.powers(user), to="act")
            self.accounts.add(user)

        self._try(data, act)

    def _try(self, data: st.DataObject, act: object) -> None:
        caller = data.draw(st.sampled_from(sorted(self.accounts)))
        try:
            act(caller)  # type: ignore[operator]
        except AboveCallerError:
            return

    @invariant()
    def nobody_has_more_than_the_attacker_began_with(self) -> None:
        if not hasattr(self, "site"):
            return
        for user in self.accounts:
            assert self.limit.covers(self.site.powers(user))
        for user in USERS:
            # others have what they had, or what the attacker could give
            assert (self.theirs[user] | self.limit).covers(self.site.powers(user))


TestNobodyRaisesThemselves = Raising.TestCase
TestNobodyRaisesThemselves.settings = settings(max_examples=150, stateful_step_count=20, deadline=None)
