"""What waits for approval and what does not, rule by rule, and the property that an approval rests on: the next run makes the
same held part again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.model.hold import Kind, Objection
from syncd.model.plan import Action, Link, NameRelease, PersonChange, Plan, StructureChange
from syncd.model.records import (
    DirectoryPresence,
    Issue,
    NameHolder,
    OrganizationRecord,
    PersonRecord,
    RoleIdentifierRecord,
    StoredIdentity,
    StoredPerson,
    UnitRecord,
)
from syncd.model.text import fold
from syncd.reconcile.names import Claimants, resolve
from syncd.reconcile.people import diff_person, disable_missing, missing_ids
from syncd.reconcile.relations import diff_links
from syncd.reconcile.split import split
from syncd.reconcile.structure import diff_structure
from syncd.reconcile.waiting import waiting_for

ANY = (Kind.USERS_DISABLED, None)
BLANKED_PHONE = (Kind.VALUES_BLANKED, "phone")
RENAMED = (Kind.USERNAMES_CHANGED, None)
REANCHORED = (Kind.IDS_REANCHORED, None)
CONFIGURATION = (Kind.CONFIGURATION, None)


def objections(*kinds: tuple[Kind, str | None]) -> list[Objection]:
    return [Objection(code="x", kind=kind, message="x", count=1, population=1, limit=0, of=of) for kind, of in kinds]


def record(entry_id: str, *, dn: str | None = None, member_key: str | None = None, **fields: Any) -> PersonRecord:
    name = dn or f"uid={entry_id}"
    return PersonRecord(entry_id, name, name, b"new", {"username": entry_id, "email": f"{entry_id}@x"} | fields, member_key)


def stored(new: PersonRecord, user_id: int = 1, *, present: bool = True) -> StoredPerson:
    presence = DirectoryPresence.ACTIVE if present else DirectoryPresence.MISSING
    return StoredPerson(user_id, new.entry_id, new.dn, new.dn_key, b"old", presence, new.fields, new.member_key)


def create(new: PersonRecord) -> PersonChange:
    return diff_person(new, None)


def update(old: PersonRecord, **fields: Any) -> PersonChange:
    dn = fields.pop("dn", old.dn)
    new = old._replace(dn=dn, dn_key=dn, member_key=fields.pop("member_key", old.member_key), fields={**old.fields, **fields})
    return diff_person(new, stored(old))


def comes_back(old: PersonRecord, **fields: Any) -> PersonChange:
    change = update(old, **fields)
    assert change.after is not None
    return diff_person(change.after, stored(old, present=False))


def gone(old: PersonRecord) -> PersonChange:
    return PersonChange(Action.DISABLE, old.entry_id, None, stored(old), {})


def held_of(*people: PersonChange, kinds: tuple[tuple[Kind, str | None], ...] = (ANY,), **plan: Any) -> list[str]:
    """Whose changes are held; the others' must be in the safe part, whole."""
    whole = Plan(directory="corp", people=people, **plan)
    safe, held = split(whole, objections(*kinds))
    names = [change.entry_id for change in held.people]
    assert safe.people == tuple(change for change in people if change.entry_id not in names)
    assert held.people == tuple(change for change in people if change.entry_id in names)
    return names


A, B, C, D = (record(name) for name in "abcd")


# ---------------------------------------------------------------- what is held
def test_without_an_objection_the_plan_is_left_alone() -> None:
    plan = Plan(directory="corp", people=(gone(A),), people_known=3, relations_digest=b"r", config_digest=b"c")
    safe, held = split(plan, [])
    assert safe is plan
    assert held == Plan(directory="corp")


def structure(record: Any) -> tuple[StructureChange[Any], ...]:
    return (
        StructureChange(Action.CREATE, "1", None, record),
        StructureChange(Action.REMOVE, "2", record, None),
        StructureChange(Action.UPDATE, "3", record, record),
    )


WHOLE = Plan(
    directory="corp",
    organizations=structure(OrganizationRecord(key="o", name="O")),
    units=structure(UnitRecord(key="u", name="U", organization="o", parent=None)),
    role_identifiers=structure(RoleIdentifierRecord(key="r", identifier="R", dn=None)),
    releases=(NameRelease(9, "z", "username", "zoe"),),
    people=(create(A), gone(B), update(C, title="x"), comes_back(D)),
    memberships_added=(Link("a", "r"), Link("c", "r")),
    memberships_removed=(Link("d", "r"),),
    grants_added=(Link("a", "role"), Link("d", "role")),
    grants_removed=(Link("c", "role"),),
    roles_created=("role",),
    issues_opened=(Issue(key="i", dn="i", code="c", message="m"),),
    issues_closed=("j",),
    relations_digest=b"r",
    people_seen=3,
    people_known=5,
    issues_total=2,
    populations={"users": 5},
    members_before={"r": ("R", 4)},
    reanchored=frozenset({"k"}),
    config_digest=b"c",
    config_changed=True,
    extra_counts={"members_unresolved": 1},
)


@pytest.mark.parametrize("kind", sorted(set(Kind)))
def test_any_objection_holds_all_removals_and_no_addition(kind: Kind) -> None:
    safe, held = split(WHOLE, objections((kind, None)))
    assert held == replace(
        WHOLE,
        organizations=WHOLE.organizations[1:2],
        units=WHOLE.units[1:2],
        role_identifiers=WHOLE.role_identifiers[1:2],
        people=(WHOLE.people[1],),
        memberships_added=(),
        grants_added=(),
        roles_created=(),
        issues_opened=(),
        issues_closed=(),
        issues_total=0,
        relations_digest=None,
        config_digest=None,
        extra_counts={},
    )
    assert safe == replace(
        WHOLE,
        organizations=(WHOLE.organizations[0], WHOLE.organizations[2]),
        units=(WHOLE.units[0], WHOLE.units[2]),
        role_identifiers=(WHOLE.role_identifiers[0], WHOLE.role_identifiers[2]),
        releases=(),
        people=(WHOLE.people[0], *WHOLE.people[2:]),
        memberships_removed=(),
        grants_removed=(),
        relations_digest=None,
        config_digest=None,
    )


PHONE, TITLE = record("p", phone="1"), record("t", title="Boss")


def test_who_loses_the_field_that_too_many_lose_is_held_whole() -> None:
    changes = (update(PHONE, phone=None, title="x"), update(TITLE, title=None), comes_back(record("r", phone="1"), phone=None))
    assert held_of(*changes, kinds=(BLANKED_PHONE,)) == ["p", "r"]
    assert held_of(*changes, kinds=(BLANKED_PHONE, (Kind.VALUES_BLANKED, "title"))) == ["p", "t", "r"]
    assert held_of(*changes, kinds=(ANY,)) == []


def test_with_another_configuration_who_loses_any_field_is_held() -> None:
    changes = (update(PHONE, phone=None), update(TITLE, title=None), update(A, title="x"), create(record("n", phone=None)))
    assert held_of(*changes, kinds=(CONFIGURATION,)) == ["p", "t"]


def test_when_too_many_usernames_change_all_of_these_are_held() -> None:
    changes = (update(A, username="anna"), comes_back(B, username="bert"), update(C, email="new@x"), create(D))
    assert held_of(*changes, kinds=(RENAMED,)) == ["a", "b"]
    assert held_of(*changes, kinds=(ANY,)) == []


def test_when_too_many_ids_are_new_those_who_come_with_one_are_held() -> None:
    changes = (create(A), comes_back(B), update(C, title="x"), create(D))
    known = {"reanchored": frozenset({"uid=a", "uid=b", "uid=c"})}
    assert held_of(*changes, kinds=(REANCHORED,), **known) == ["a", "b"]
    assert held_of(*changes, kinds=(ANY,), **known) == []


def test_a_dn_whose_holder_moved_in_the_same_run_came_with_no_new_id() -> None:
    changes = (create(record("n", dn="uid=a")), update(A, dn="uid=moved"), create(record("m", dn="uid=b")), gone(B))
    assert held_of(*changes, kinds=(REANCHORED,), reanchored=frozenset({"uid=a", "uid=b"})) == ["m", "b"]


def test_the_dn_of_one_who_returns_elsewhere_may_have_come_with_a_new_id() -> None:
    changes = (create(record("n", dn="uid=a")), comes_back(A, dn="uid=elsewhere"))
    assert held_of(*changes, kinds=(REANCHORED,), reanchored=frozenset({"uid=a"})) == ["n"]


def test_a_role_identifier_is_no_field() -> None:
    assert held_of(update(PHONE, phone=None), kinds=((Kind.MEMBERS_LOST, "phone"),)) == []


# ---------------------------------------------------------------- who waits for a name
def test_who_takes_the_username_of_one_who_stays_waits() -> None:
    assert held_of(create(record("n", username="A")), gone(A), create(C)) == ["n", "a"]
    assert held_of(update(B, username="a"), gone(A)) == ["b", "a"]
    assert held_of(comes_back(B, username="a"), gone(A)) == ["b", "a"]


def test_who_takes_the_email_of_one_who_stays_waits() -> None:
    assert held_of(create(record("n", email="A@x")), gone(A)) == ["n", "a"]


def test_who_takes_the_dn_or_login_name_of_one_who_stays_waits() -> None:
    assert held_of(create(record("n", dn="uid=a")), gone(A)) == ["n", "a"]
    login = record("a", member_key="anna")
    assert held_of(create(record("n", member_key="anna")), gone(login)) == ["n", "a"]
    assert held_of(create(record("n", member_key="a")), gone(login)) == ["a"]


def test_a_username_that_looks_like_an_email_is_one() -> None:
    """Both name spaces, both ways round."""
    mail = record("m", username="m@x", email="other@x")
    assert held_of(create(record("n", email="M@X")), gone(mail)) == ["n", "m"]
    assert held_of(create(record("n", username="M@X")), gone(mail)) == ["n", "m"]
    assert held_of(create(record("n", username="A@x")), gone(A)) == ["n", "a"]


def test_a_username_is_not_an_email_because_it_is_spelled_alike() -> None:
    plain = record("p", username="same", email="p@x")
    assert held_of(create(record("n", email="same")), gone(plain)) == ["p"]
    odd = record("p", username="p", email="same")
    assert held_of(create(record("n", username="same")), gone(odd)) == ["p"]


def test_waiting_passes_on_from_one_to_the_next() -> None:
    chain = (update(B, username="a"), update(C, username="b"), create(record("n", username="c")), gone(A), update(D, title="x"))
    assert held_of(*chain) == ["b", "c", "n", "a"]
    assert held_of(*chain[::-1]) == ["a", "n", "c", "b"]


def test_a_swap_waits_together() -> None:
    swap = (update(PHONE, username="a", phone=None), update(A, username="p"), update(B, username="free"))
    assert held_of(*swap, kinds=(BLANKED_PHONE,)) == ["p", "a"]


def test_whoever_is_stopped_does_not_wait_as_well() -> None:
    swap = (update(A, username="b"), update(B, username="a"))
    assert waiting_for(swap, {"a"}) == {"b"}
    assert waiting_for(swap, {"a", "b"}) == waiting_for(swap, set()) == set()


def test_those_who_wait_for_each_other_wait_once() -> None:
    ring = (update(B, username="c", email="a@x"), update(C, username="b"), gone(A))
    assert held_of(*ring) == ["b", "c", "a"]


def test_the_old_name_of_a_held_update_is_not_free() -> None:
    renamed = update(PHONE, username="new", email="new@x", dn="uid=new", phone=None)
    for fields in ({"username": "p"}, {"email": "p@x"}, {"dn": "uid=p"}):
        assert held_of(create(record("n", **fields)), renamed, kinds=(BLANKED_PHONE,)) == ["n", "p"]
    assert held_of(create(record("n", username="new2")), renamed, kinds=(BLANKED_PHONE,)) == ["p"]


def test_the_name_that_a_held_change_keeps_makes_nobody_wait() -> None:
    """Somebody who has it already, in a store where two have it."""
    twin = update(record("t", dn="uid=p"), title="x")
    assert held_of(twin, update(PHONE, phone=None), kinds=(BLANKED_PHONE,)) == ["p"]
    assert held_of(twin, gone(record("p", dn="uid=p"))) == ["p"]


def test_a_name_that_the_directory_does_not_manage_stays_with_its_holder() -> None:
    unmanaged = PHONE._replace(fields={"phone": None})
    change = diff_person(unmanaged, stored(PHONE))
    assert held_of(create(record("n", username="p")), change, kinds=(BLANKED_PHONE,)) == ["p"]


def test_of_what_is_not_managed_nothing_is_free_and_the_rest_is() -> None:
    moved = diff_person(PHONE._replace(dn="uid=q", dn_key="uid=q", fields={"phone": None}), stored(PHONE))
    assert held_of(create(record("n", email="p@x")), moved, kinds=(BLANKED_PHONE,)) == ["p"]
    assert held_of(create(record("n", dn="uid=p")), moved, kinds=(BLANKED_PHONE,)) == ["n", "p"]


def test_no_name_is_nobodys() -> None:
    assert held_of(create(record("n", username="", email="")), gone(record("a", username="", email=""))) == ["a"]


def test_who_returns_may_have_lost_the_name_they_had() -> None:
    assert held_of(comes_back(record("r", username="a")), gone(A)) == ["r", "a"]


def test_the_name_of_a_held_return_is_not_free() -> None:
    back = comes_back(PHONE, username="new", phone=None)
    assert held_of(create(record("n", username="p")), back, kinds=(BLANKED_PHONE,)) == ["n", "p"]


@pytest.mark.parametrize(
    ("release", "waits"),
    [
        (NameRelease(9, "z", "username", "n"), True),
        (NameRelease(9, "z", "email", "n@x"), True),
        (NameRelease(9, "z", "username", "n@x"), True),
        (NameRelease(9, "z", "email", "n"), False),
        (NameRelease(9, "z", "username", "other"), False),
        (NameRelease(9, "z", "username"), False),
    ],
)
def test_who_takes_a_name_that_an_absent_person_would_release_waits(release: NameRelease, waits: bool) -> None:
    new = create(record("n", username="n", email="n@x"))
    assert held_of(new, releases=(release,)) == (["n"] if waits else [])


def test_nothing_is_given_to_people_who_do_not_come() -> None:
    people = (create(record("n", username="a")), comes_back(B, username="c"), update(D, username="e"), gone(A), gone(C),
              gone(record("e")))  # fmt: skip
    links = tuple(Link(name, "r") for name in "bdnx")
    plan = Plan(directory="corp", people=people, memberships_added=links, grants_added=links)
    safe, held = split(plan, objections(ANY))
    assert [change.entry_id for change in held.people] == ["n", "b", "d", "a", "c", "e"]
    assert held.memberships_added == held.grants_added == (Link("b", "r"), Link("n", "r"))
    assert safe.memberships_added == safe.grants_added == (Link("d", "r"), Link("x", "r"))


# ---------------------------------------------------------------- the digest
def test_the_digest_tells_apart_who_goes_and_which_names_are_released() -> None:
    plan = Plan(directory="corp", people=(gone(A),), releases=(NameRelease(1, "a", "email", "a@x"),))
    others = [
        replace(plan, people=(gone(B),)),
        replace(plan, people=(gone(record("a", dn="uid=elsewhere")),)),
        replace(plan, people=(update(A),)),
        replace(plan, releases=(NameRelease(1, "a", "email", "b@x"),)),
        replace(plan, releases=(NameRelease(1, "a", "username", "a@x"),)),
        replace(plan, releases=()),
    ]
    assert len({plan.digest, *(other.digest for other in others)}) == len(others) + 1


def test_the_digest_does_not_see_what_only_describes_the_run() -> None:
    bare = replace(
        WHOLE,
        relations_digest=None,
        config_digest=None,
        people_seen=0,
        people_known=0,
        issues_total=0,
        populations={},
        members_before={},
        config_changed=False,
        reanchored=frozenset(),
        extra_counts={},
    )
    assert bare.digest == WHOLE.digest


# ---------------------------------------------------------------- applying the safe part and planning again
@dataclass
class Company:
    """A store and its rules, small: names are unique, and a plan that breaks that cannot be applied."""

    people: dict[str, StoredPerson] = field(default_factory=dict)
    released: set[tuple[str, str]] = field(default_factory=set)
    memberships: set[Link] = field(default_factory=set)
    groups: dict[str, RoleIdentifierRecord] = field(default_factory=dict)

    def present(self) -> set[str]:
        return {e for e, person in self.people.items() if person.presence is DirectoryPresence.ACTIVE}

    def names(self) -> dict[tuple[str, str], str]:
        """(field, key) -> entry id"""
        found: dict[tuple[str, str], str] = {}
        for entry_id, person in self.people.items():
            for name in ("username", "email"):
                if (entry_id, name) not in self.released:
                    assert found.setdefault((name, fold(str(person.fields[name]))), entry_id) == entry_id, "names are unique"
        return found

    def plan(self, directory: dict[str, PersonRecord], groups: dict[str, frozenset[str]]) -> Plan:
        """As syncd.services.planning does. `groups`: name -> DNs of members."""
        known = {
            e: StoredIdentity(p.user_id, p.fingerprint, p.presence is DirectoryPresence.ACTIVE, p.dn)
            for e, p in self.people.items()
        }
        changes = [
            diff_person(new, self.people.get(e))
            for e, new in directory.items()
            if e not in known or known[e].fingerprint != new.fingerprint or not known[e].present
        ]
        leaving = missing_ids(known, directory)
        missing = set(leaving) | {e for e in known if e not in self.present() and e not in directory}
        holders = {
            name: NameHolder(known[e].user_id, e, "corp", str(self.people[e].fields["username"]), known[e].present)
            for name, e in self.names().items()
        }
        settled = resolve(
            changes, Claimants(changes), holders, directory="corp", leaving=missing.__contains__, dn_of=lambda e: known[e].dn
        )
        people = (*settled.accepted, *disable_missing(leaving, {e: self.people[e] for e in leaving}))
        there = {e for e in directory if e in self.present()}
        there |= {change.entry_id for change in people if change.action in (Action.CREATE, Action.RETURN)}
        keys = self.person_keys(people, directory)
        wanted = {e: frozenset(g for g, dns in groups.items() if any(keys.get(dn) == e for dn in dns)) for e in there}
        links = diff_links(
            there, wanted.__getitem__, sorted(link for link in self.memberships if link.entry_id in self.present())
        )
        dns = {person.dn_key: e for e, person in self.people.items() if e in self.present()}
        records = {name: RoleIdentifierRecord(key=name, identifier=name, dn=None) for name in groups}
        return Plan(
            directory="corp",
            people=people,
            releases=settled.releases,
            role_identifiers=diff_structure(records, self.groups, removing=True),
            memberships_added=links.added,
            memberships_removed=links.removed,
            reanchored=frozenset(
                dn for dn, e in dns.items() for new in directory.values() if new.dn_key == dn and new.entry_id != e
            ),
        )

    def person_keys(self, changes: tuple[PersonChange, ...], directory: dict[str, PersonRecord]) -> dict[str, str]:
        """DN key -> entry id: the DN that the directory has now, also of those whose change was refused."""
        leaving = {change.entry_id for change in changes if change.action is Action.DISABLE}
        stale = {person.dn_key: e for e, person in self.people.items() if e in self.present() - leaving - directory.keys()}
        coming = self.present() | {change.entry_id for change in changes}
        return stale | {new.dn_key: e for e, new in directory.items() if e in coming}

    def apply(self, plan: Plan) -> None:
        for change in plan.people:
            if change.after is None:
                self.people[change.entry_id] = self.people[change.entry_id]._replace(presence=DirectoryPresence.MISSING)
                continue
            new, number = change.after, change.before.user_id if change.before else len(self.people) + 1
            self.people[change.entry_id] = stored(new, number)._replace(fingerprint=new.fingerprint)
            self.released -= {(change.entry_id, "username"), (change.entry_id, "email")}
            if change.action is Action.RETURN:
                self.memberships = {link for link in self.memberships if link.entry_id != change.entry_id}
        self.released |= {(release.entry_id, release.field) for release in plan.releases}
        self.names()
        for group in plan.role_identifiers:
            if group.after is None:
                del self.groups[group.key]
            else:
                self.groups[group.key] = group.after
        assert {link.entry_id for link in plan.memberships_added} <= self.people.keys()
        assert {link.target for link in plan.memberships_added} <= self.groups.keys()
        self.memberships = (self.memberships - set(plan.memberships_removed)) | set(plan.memberships_added)


NAMES = ("a", "b", "c@x", "d@x")
DNS = [f"uid={n}" for n in range(5)]


@st.composite
def directories(draw: st.DrawFn) -> tuple[dict[str, PersonRecord], dict[str, frozenset[str]]]:
    """People whose names clash and swap, each under a DN of their own, and groups of DNs."""
    entry_ids = draw(st.lists(st.sampled_from("123456"), unique=True, max_size=5))
    dns = draw(st.permutations(DNS))
    people = {}
    for entry_id, dn in zip(entry_ids, dns, strict=False):
        fields = {
            "username": draw(st.sampled_from(NAMES)),
            "email": draw(st.sampled_from(["c@x", "d@x", "e@x", "f@x"])),
            "phone": draw(st.sampled_from([None, "1"])),
            "title": draw(st.sampled_from([None, "Boss"])),
        }
        new = record(entry_id, dn=dn, **fields)
        people[entry_id] = new._replace(fingerprint=repr(new).encode())
    groups = draw(st.dictionaries(st.sampled_from("GH"), st.frozensets(st.sampled_from(DNS))))
    return people, groups


KINDS = [ANY, BLANKED_PHONE, (Kind.VALUES_BLANKED, "title"), RENAMED, REANCHORED, CONFIGURATION]


@given(st.lists(directories(), min_size=1, max_size=3), directories(), st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_the_next_run_holds_the_same(
    past: list[tuple[dict[str, PersonRecord], dict[str, frozenset[str]]]],
    now: tuple[dict[str, PersonRecord], dict[str, frozenset[str]]],
    kinds: list[tuple[Kind, str | None]],
) -> None:
    company = Company()
    for people, groups in past:
        company.apply(company.plan(people, groups))
    safe, held = split(company.plan(*now), objections(*kinds))
    company.apply(safe)
    again, held_again = split(company.plan(*now), objections(*kinds))
    assert again.is_empty
    assert held_again.digest == held.digest
    company.apply(held_again)
    assert company.plan(*now).is_empty
