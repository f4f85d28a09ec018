"""`syncd explain` against a real server: what it finds, why, what a sync would change, and that it writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from syncd.bootstrap import open_explain
from syncd.errors import NotFoundError, UsageError
from syncd.model.explanation import DirectoryExplanation, EntryExplanation, Explanation, Outlook
from syncd.services.explain import ExplainService
from tests.functional.sync.conftest import SiteFactory
from tests.functional.sync.site import Site

FILTER = "(&(objectClass=inetOrgPerson)(!(employeeType=external)))"


@pytest.fixture
def store_url(sqlite_url: str) -> str:
    """SQLite alone: explain asks the store nothing that the store's own tests do not ask of both databases."""
    return sqlite_url


@pytest.fixture
def site(make_site: SiteFactory) -> Site:
    return make_site({"users": {"filter": FILTER}, "roles": {"map": {"/admin.*/": ["administrator"]}, "default": ["everyone"]}})


def everything(site: Site) -> dict[str, Any]:
    runs = {table: site.rows(f"SELECT * FROM {table}") for table in ("runs", "leases", "held_plans")}
    return {**site.snapshot(), **runs}


@contextmanager
def explaining(site: Site) -> Iterator[ExplainService]:
    """The service, in a block that must change nothing."""
    before = everything(site)
    with site.runtime() as runtime:
        yield open_explain(runtime)
    assert everything(site) == before


def explain(site: Site, who: str) -> Explanation:
    with explaining(site) as service:
        return service.explain(who)


def only(explanation: Explanation) -> tuple[DirectoryExplanation, EntryExplanation | None, Outlook]:
    (found,) = explanation.directories
    assert found.failure is None
    (sighting,) = found.sightings
    assert sighting.outlook is not None
    return found, sighting.entry, sighting.outlook


def entry_of(site: Site, who: str) -> tuple[EntryExplanation, Outlook]:
    _, entry, outlook = only(explain(site, who))
    assert entry is not None
    return entry, outlook


def changes(outlook: Outlook) -> list[tuple[object, ...]]:
    return [(row.kind, row.action, row.field, row.before, row.after) for row in outlook.changes]


# ---------------------------------------------------------------- found, and by what
def test_a_person_is_found_by_whatever_they_are_known_by(site: Site) -> None:
    dn = site.add_person("anna")
    site.synced()
    person = site.people()["anna"]
    for who in (
        "anna",
        "ANNA",
        "anna@example.com",
        str(person["id"]),
        f"id:{person['id']}",
        person["entry_id"],
        dn,
        dn.upper(),
    ):
        explanation = explain(site, who)
        assert explanation.store is not None
        assert explanation.store.person.username == "anna"
        _, entry, outlook = only(explanation)
        assert entry is not None
        assert (entry.dn, entry.taken, outlook.summary, outlook.changes) == (dn, True, "nothing", ())


@pytest.mark.parametrize("by", ["username", "email", "entry id", "dn"])
def test_somebody_the_store_does_not_know_is_found_in_the_directory(site: Site, by: str) -> None:
    site.add_person("anna")
    site.synced()
    dn = site.add_person("bert")
    ((_, attributes),) = site.slapd.search(base=dn, attributes=["entryUUID"])
    entry_id = attributes["entryUUID"][0].decode()
    who = {"username": "BERT", "email": "bert@example.com", "entry id": entry_id, "dn": dn}[by]
    explanation = explain(site, who)
    assert explanation.store is None
    entry, outlook = entry_of(site, who)
    assert (entry.dn, entry.taken, outlook.summary) == (dn, True, "would become a new person")
    assert ("person", "create", "username", None, "bert") in changes(outlook)
    assert ("grant", "add", None, None, "everyone") in changes(outlook)


def test_what_is_typed_is_no_filter(site: Site) -> None:
    site.add_person("anna")
    site.synced()
    for who in ("*", "a)(uid=*", "anna)(|(uid=*)", "a\\2a", "an*", "\x00", "uid=*,dc=example,dc=com"):
        with pytest.raises(NotFoundError, match="Looked in the store, then in corp"):
            explain(site, who)
    for who in ("", "  ", "dn:"):
        with pytest.raises(UsageError):
            explain(site, who)


def test_a_dn_with_escapes(site: Site) -> None:
    dn = f"cn=Smith\\, J\\2B (x)*+uid=js,{site.people_dn}"
    site.slapd.add(
        dn, {"objectClass": "inetOrgPerson", "uid": "js", "cn": "Smith, J+ (x)*", "sn": "Smith", "mail": "js@example.com"}
    )
    entry, outlook = entry_of(site, f"UID=js+CN=smith\\2c j\\+ (x)*,{site.people_dn}")
    assert (entry.taken, outlook.summary) == (True, "would become a new person")
    site.synced()
    assert entry_of(site, entry.dn)[1].summary == "nothing"


def test_an_address_that_reads_like_a_dn(site: Site) -> None:
    dn = site.add_person("anna", mail="anna=x@example.com")
    assert entry_of(site, "anna=x@example.com")[0].dn == dn


def test_a_dn_that_belongs_to_another_server(site: Site) -> None:
    site.slapd.configure("cn=config", {"olcReferral": "ldap://elsewhere.example"})
    with pytest.raises(NotFoundError, match=r"the entry cn=anna,dc=elsewhere"):
        explain(site, "cn=anna,dc=elsewhere")


# ---------------------------------------------------------------- taken or not
def test_an_entry_outside_the_base(site: Site) -> None:
    dn = site.add_person("svc", parent=site.groups_dn)
    entry, outlook = entry_of(site, "svc")
    assert (entry.dn, entry.taken, entry.base.holds, entry.filter.holds) == (dn, False, False, True)
    assert entry.base.text == f"is at or below {site.people_dn}"
    assert outlook.summary == "nothing: no sync takes this entry for a person"


def test_an_entry_refused_by_a_part_of_the_filter(site: Site) -> None:
    dn = site.add_person("anna")
    site.synced()
    site.slapd.modify(dn, {"employeeType": "external"})
    entry, outlook = entry_of(site, "anna")
    assert (entry.taken, entry.base.holds, entry.filter.holds) == (False, True, False)
    parts = [(part.text, part.holds) for part in entry.filter_parts]
    assert parts == [("(objectClass=inetOrgPerson)", True), ("(!(employeeType=external))", False)]
    assert outlook.summary == "would be disabled: not found by the search and not by its id"


def test_somebody_who_is_missing(site: Site) -> None:
    dn = site.add_person("anna")
    site.add_person("bert")
    site.synced()
    site.slapd.delete(dn)
    _, entry, outlook = only(explain(site, "anna"))
    assert entry is None
    assert outlook.summary == "would be disabled: not found by the search and not by its id"
    assert [row.action for row in outlook.changes] == ["disable"]
    site.synced()
    explanation = explain(site, "anna")
    _, entry, outlook = only(explanation)
    assert (entry, outlook.changes) == (None, ())
    assert outlook.summary.startswith("nothing: ")
    assert explanation.store is not None
    assert explanation.store.presence["corp"].startswith("missing since 2")
    assert explanation.store.reasons == ("directory_missing:corp: directory corp no longer has them",)


def test_a_name_that_somebody_else_has_now(site: Site) -> None:
    dn = site.add_person("anna")
    site.add_person("bert")
    site.synced()
    site.slapd.delete(dn)
    site.add_person("anna")
    (found,) = explain(site, "anna").directories
    gone, new = found.sightings
    assert gone.entry is None
    assert gone.outlook is not None
    assert gone.outlook.summary.startswith("would be disabled")
    assert new.entry is not None
    assert new.outlook is not None
    assert (new.entry.dn, new.outlook.summary) == (dn, "would become a new person")
    assert ("name", "remove", "username", "anna", None) in changes(new.outlook)


def test_what_a_newcomer_gets_is_not_taken_for_granted_because_the_name_had_it(site: Site) -> None:
    dn = site.add_person("anna")
    site.add_person("bert")
    site.synced()
    assert site.roles_of("anna") == {"everyone"}
    site.slapd.delete(dn)
    site.add_person("anna")
    (found,) = explain(site, "anna").directories
    new = found.sightings[1].outlook
    assert new is not None
    assert ("grant", "add", None, None, "everyone") in changes(new)


@pytest.mark.parametrize("by", ["dn", "username"])
def test_who_has_a_name_now_is_explained_beside_who_had_it(site: Site, by: str) -> None:
    dn = site.add_person("anna")
    site.add_person("bert")
    site.synced()
    site.slapd.rename(dn, "uid=annika")
    site.add_person("anna", mail="new@example.com")
    (found,) = explain(site, dn if by == "dn" else "anna").directories
    outlooks = {one.entry.dn: one.outlook for one in found.sightings if one.entry is not None}
    assert outlooks.keys() == {dn, f"uid=annika,{site.people_dn}"}
    new, old = outlooks[dn], outlooks[f"uid=annika,{site.people_dn}"]
    assert new is not None
    assert old is not None
    assert (new.summary, old.summary) == ("would become a new person", "would be updated")
    assert ("person", "update", "username", "anna", "annika") in changes(old)


def test_two_newcomers_of_one_name_are_settled_as_a_sync_does(site: Site) -> None:
    site.add_person("bert")
    site.synced()
    for unit in ("a", "b"):
        site.slapd.add_ou(unit, parent=site.people_dn)
        site.add_person("twin", parent=f"ou={unit},{site.people_dn}", mail=f"{unit}@example.com")
    (found,) = explain(site, "twin").directories
    both = {one.entry.dn: one.outlook for one in found.sightings if one.entry is not None and one.outlook is not None}
    refused = {dn: outlook.notes for dn, outlook in both.items() if outlook.summary != "would become a new person"}
    assert (len(both), len(refused)) == (2, 1)
    ((dn, (note,)),) = refused.items()
    # by itself as well: the other is looked for
    assert entry_of(site, dn)[1].notes == (note,)
    assert site.sync().outcome == "partial"
    issues = {dn: f"{issue['message']} ({issue['code']})" for dn, issue in site.issues().items()}
    assert issues == {dn: note}


@pytest.mark.parametrize("refused", ["username", "email"])
def test_somebody_refused_for_one_name_keeps_the_other_from_a_newcomer(site: Site, refused: str) -> None:
    dn = site.add_person("anna")
    site.add_person("boss", mail="boss@example.com")
    site.synced()
    site.execute("UPDATE users SET manual = 1 WHERE username = 'boss'")
    site.execute("DELETE FROM identities WHERE user_id = (SELECT id FROM users WHERE username = 'boss')")
    site.slapd.delete(f"uid=boss,{site.people_dn}")
    if refused == "email":
        site.slapd.modify(dn, {"mail": "boss@example.com"})
        site.slapd.add_ou("a", parent=site.people_dn)
        new = site.add_person("anna", parent=f"ou=a,{site.people_dn}", mail="new@example.com")
        value, kept = "boss@example.com", "username 'anna'"
    else:
        site.slapd.modify(dn, {"uid": ["anna", "boss"]})
        site.settings["users"]["attributes"] = {"username": {"attribute": "uid", "prefer": "boss"}, "email": "mail"}
        site.settings["users"]["required"] = ["username", "email"]
        new = site.add_person("new", mail="anna@example.com")
        value, kept = "boss", "email 'anna@example.com'"
    found = [one for by in (dn, new) for one in explain(site, by).directories[0].sightings]
    notes = {one.entry.dn: one.outlook.notes for one in found if one.entry is not None and one.outlook is not None}
    assert f"{refused} '{value}' belongs to the manual user 'boss' (user 2) ({refused}_taken)" in notes[dn]
    assert f"{kept} is also that of {dn} ({kept.split()[0]}_taken)" in notes[new]
    site.sync()
    issues = {dn: f"{issue['message']} ({issue['code']})" for dn, issue in site.issues().items()}
    assert issues.keys() == notes.keys()
    assert all(text in notes[dn] for dn, text in issues.items())


def test_more_entries_than_are_shown_are_counted(site: Site) -> None:
    for number in range(7):
        site.add_person(f"u{number}", mail="all@example.com")
    (found,) = explain(site, "all@example.com").directories
    assert (len(found.sightings), found.more) == (5, 2)


# ---------------------------------------------------------------- mapping
def test_a_bad_mail_and_what_each_rule_reads(site: Site) -> None:
    dn = site.add_person("anna", givenName="Anna")
    site.synced()
    site.slapd.modify(dn, {"mail": "broken"})
    entry, outlook = entry_of(site, "anna")
    fields = {field.field: field for field in entry.fields}
    first = fields["first_name"]
    assert (first.rule, first.read, first.value, first.problem) == ("givenName", {"givenName": ("Anna",)}, "Anna", "")
    assert (fields["email"].read, fields["email"].value) == ({"mail": ("broken",)}, None)
    assert "is not an email address" in fields["email"].problem
    assert entry.problem.startswith("bad_value: ")
    assert outlook.summary == "nothing of the entry would be taken over: it would be an issue"
    assert site.sync().outcome == "partial"
    (found,) = explain(site, "anna").directories
    assert [issue.code for issue in found.issues] == ["bad_value"]


def test_changed_fields_and_a_move_are_what_a_sync_then_does(site: Site) -> None:
    dn = site.add_person("anna", givenName="Anna")
    site.add_person("bert")
    site.synced()
    site.slapd.add_ou("Madrid", parent=site.people_dn)
    site.slapd.modify(dn, {"givenName": "Anne", "sn": "Smith"})
    site.slapd.rename(dn, "uid=anna", new_superior=f"ou=Madrid,{site.people_dn}")
    entry, outlook = entry_of(site, "anna")
    assert (outlook.summary, entry.unit) == ("would be updated", "Madrid")
    assert changes(outlook) == [
        ("person", "update", "dn", dn, f"uid=anna,ou=Madrid,{site.people_dn}"),
        ("person", "update", "first_name", "Anna", "Anne"),
        ("person", "update", "last_name", "Anna", "Smith"),
        ("person", "update", "unit", "Main", "Madrid"),
    ]
    run = site.synced()
    assert run.counts is not None
    assert (run.counts["users_updated"], run.counts["users_moved"]) == (1, 1)
    assert changes(entry_of(site, "anna")[1]) == []


def test_a_contested_username(site: Site) -> None:
    site.add_person("anna")
    site.add_person("bert")
    site.synced()
    site.execute("UPDATE users SET manual = 1 WHERE username = 'anna'")
    site.execute("DELETE FROM identities WHERE user_id = (SELECT id FROM users WHERE username = 'anna')")
    site.slapd.delete(f"uid=anna,{site.people_dn}")
    other = site.add_person("anna")
    explanation = explain(site, "anna")
    assert explanation.store is not None
    assert explanation.store.person.manual
    entry, outlook = entry_of(site, "anna")
    assert (entry.dn, outlook.changes) == (other, ())
    assert outlook.notes == ("username 'anna' belongs to the manual user 'anna' (user 1) (username_taken)",)


def test_a_manual_user_is_looked_for_and_not_found(site: Site) -> None:
    site.execute(
        "INSERT INTO users (username, username_key, email, email_key, manual, enabled, auth_status, created_at, updated_at)"
        " VALUES ('root', 'root', 'root@example.com', 'root@example.com', 1, 1, 'active', '2026-01-01', '2026-01-01')"
    )
    explanation = explain(site, "root")
    assert explanation.store is not None
    assert explanation.store.person.manual
    (found,) = explanation.directories
    assert (found.sightings, found.failure) == ((), None)
    assert found.looked == ("uid root", "mail root@example.com")


# ---------------------------------------------------------------- roles
def test_the_way_to_each_role_identifier_through_a_cycle(site: Site) -> None:
    anna = site.add_person("anna")
    names = {name: f"cn={name},{site.groups_dn}" for name in ("leaf", "middle", "admins")}
    site.add_group("leaf", anna, names["admins"])
    site.add_group("middle", names["leaf"])
    site.add_group("admins", names["middle"])
    entry, outlook = entry_of(site, "anna")
    assert {role.identifier: role.path for role in entry.roles} == {
        "leaf": (names["leaf"],),
        "middle": (names["leaf"], names["middle"]),
        "admins": (names["leaf"], names["middle"], names["admins"]),
    }
    lines = {role.identifier: role.lines for role in entry.roles}
    assert lines == {"leaf": (), "middle": (), "admins": ('roles.map: "/admin.*/" = ["administrator"]',)}
    assert ("grant", "add", None, None, "administrator") in changes(outlook)
    site.synced()
    site.execute("INSERT INTO grants (user_id, role_id) SELECT u.id, r.id FROM users u, roles r WHERE r.name = 'everyone'")
    explanation = explain(site, "anna")
    assert explanation.store is not None
    assert {role.role: role.reasons for role in explanation.store.roles} == {
        "administrator": ('corp: roles.map: "/admin.*/" = ["administrator"], for role identifier admins',),
        "everyone": ('corp: roles.default = ["everyone"]', "manual: an administrator gave it"),
    }
    site.slapd.modify(names["middle"], {"member": "cn=nobody"})
    _, outlook = entry_of(site, "anna")
    lost = [("membership", "remove", None, "admins", None), ("membership", "remove", None, "middle", None)]
    # nobody else can administer
    assert changes(outlook) == lost
    assert "(last_administrator)" in outlook.notes[0]


@pytest.mark.parametrize("style", ["uniqueMember", "memberUid", "memberOf"])
def test_other_kinds_of_membership(make_site: SiteFactory, style: str) -> None:
    site = make_site({"roles": {"member_attribute": style}}, overlays=("memberof",))
    anna = site.add_person("anna")
    dn = f"cn=staff,{site.groups_dn}"
    if style == "memberOf":
        outer = site.add_group("outer", site.add_group("staff", anna))
        wanted = {"staff": (dn,), "outer": (dn, outer)}
    elif style == "uniqueMember":
        site.slapd.add(dn, {"objectClass": "groupOfUniqueNames", "cn": "staff", "uniqueMember": [f"{anna}#'0101'B"]})
        wanted = {"staff": (dn,)}
    else:
        site.settings["roles"]["filter"] = "(objectClass=posixGroup)"
        site.slapd.add(dn, {"objectClass": "posixGroup", "cn": "staff", "gidNumber": "1", "memberUid": "anna"})
        wanted = {"staff": (dn,)}
    entry, _ = entry_of(site, "anna")
    assert {role.identifier: role.path for role in entry.roles} == wanted
    site.synced()
    assert site.identifiers_of("anna") == wanted.keys()
    assert entry_of(site, "anna")[1].summary == "nothing"


# ---------------------------------------------------------------- protected, unreachable
def test_a_break_glass_account_is_not_touched(site: Site) -> None:
    dn = site.add_person("anna")
    site.synced()
    site.execute("UPDATE users SET break_glass = 1")
    site.slapd.modify(dn, {"sn": "Other"})
    explanation = explain(site, "anna")
    assert explanation.store is not None
    assert explanation.store.break_glass == ("corp",)
    _, _, outlook = only(explanation)
    assert (outlook.summary, outlook.changes) == ("nothing about the person: a protected account", ())
    assert "(protected)" in outlook.notes[0]


def test_an_unreachable_directory_does_not_hide_what_the_store_says(site: Site) -> None:
    site.add_person("anna")
    site.synced()
    site.slapd.stop()
    explanation = explain(site, "anna")
    assert explanation.store is not None
    assert explanation.store.person.username == "anna"
    (failure,) = explanation.failures
    assert (failure.code, failure.exit_code) == ("connection_refused", 69)
    assert failure.advice
    unknown = explain(site, "nobody-at-all")
    assert unknown.store is None
    assert [one.code for one in unknown.failures] == ["connection_refused"]


def test_an_open_issue_is_shown_by_its_dn_when_the_directory_is_down(site: Site) -> None:
    site.add_person("bert")
    dn = site.add_person("anna")
    site.slapd.modify(dn, {"mail": None})
    assert site.sync().outcome == "partial"
    site.slapd.stop()
    (found,) = explain(site, dn.upper()).directories
    assert [(issue.dn, issue.code) for issue in found.issues] == [(dn, "missing_field")]
    assert found.failure is not None


def test_a_base_that_is_gone_leaves_the_entry_explained(site: Site) -> None:
    site.add_person("anna")
    site.synced()
    site.slapd.delete(site.groups_dn)
    (found,) = explain(site, "anna").directories
    assert found.failure is not None
    assert found.failure.code == "no_such_base"
    (sighting,) = found.sightings
    assert sighting.entry is not None
    assert (sighting.entry.taken, sighting.outlook) == (True, None)


def test_an_unknown_directory_is_refused(site: Site) -> None:
    with explaining(site) as service, pytest.raises(NotFoundError, match="configured: corp"):
        service.explain("anna", directory="nix")


def test_secrets_are_not_read(site: Site) -> None:
    site.add_person("anna", userPassword="marked-secret")
    assert "marked-secret" not in repr(explain(site, "anna"))
    with site.database() as connection:
        assert connection.execute(text("SELECT count(*) FROM users")).scalar() == 0
