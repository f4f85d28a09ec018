"""The life of people over real servers: import, change, rename, move, swap, leave, return, and clashes."""

from __future__ import annotations

from syncd.store.logins import SqlLogins
from tests.functional.sync.conftest import SiteFactory
from tests.functional.sync.site import Site


def test_people_are_imported_with_their_fields_and_dns(site: Site) -> None:
    dn = site.add_person("anna", givenName="Änna", telephoneNumber="+49 30 1", mail=["anna@example.com", "a@example.org"])
    site.settings["users"]["attributes"] = {
        "username": "uid", "email": "mail", "first_name": "givenName", "last_name": "sn", "phone": "telephoneNumber",
        "display_name": "{givenName} {sn}",
    }  # fmt: skip
    run = site.synced()
    assert run.counts is not None
    assert run.counts["users_created"] == 1
    assert run.entries_read >= 1
    anna = site.people()["anna"]
    assert anna["dn"] == dn
    assert (anna["first_name"], anna["last_name"], anna["display_name"]) == ("Änna", "Anna", "Änna Anna")
    assert anna["enabled"]
    assert not anna["manual"]
    emails = {anna["email"]} | {row["email"] for row in site.rows("SELECT email FROM user_emails")}
    assert emails == {"anna@example.com", "a@example.org"}
    uuid = site.slapd.search("(uid=anna)", attributes=["entryUUID"])[0][1]["entryUUID"][0].decode()
    assert anna["entry_id"] == uuid


def test_ten_unchanged_runs_write_nothing(site: Site) -> None:
    people = [site.add_person(f"p{number}") for number in range(45)]
    site.add_group("team", *people)
    site.add_person("bad", mail="not an address")
    # two who want one username, and one of them under another address
    twin = site.slapd.add_ou("twin", parent=site.people_dn)
    site.add_person("P7", parent=twin, mail="twin@example.com")
    assert site.sync().outcome == "partial"
    before = site.snapshot()
    for _ in range(10):
        assert site.sync().outcome == "partial"
    assert site.snapshot() == before


def test_a_renamed_person_keeps_their_row(site: Site) -> None:
    dn = site.add_person("anna")
    site.synced()
    old = site.people()["anna"]
    site.slapd.rename(dn, "uid=anne")
    site.slapd.modify(f"uid=anne,{site.people_dn}", {"mail": "anne@example.com", "cn": "Anne", "sn": "Other"})
    run = site.synced()
    assert run.counts is not None
    assert (run.counts["users_created"], run.counts["users_disabled"], run.counts["users_moved"]) == (0, 0, 1)
    new = site.people()["anne"]
    assert (new["id"], new["entry_id"]) == (old["id"], old["entry_id"])
    assert (new["email"], new["last_name"]) == ("anne@example.com", "Other")
    (history,) = site.rows("SELECT * FROM dn_history")
    assert history["dn"] == dn
    assert history["valid_to"] is not None


def test_moving_a_whole_ou_moves_everyone_and_disables_nobody(site: Site) -> None:
    berlin = site.slapd.add_ou("Berlin", parent=site.people_dn)
    people = [site.add_person(f"p{number}", parent=berlin) for number in range(50)]
    site.add_group("team", *people)
    site.settings["roles"]["map"] = {"team": ["member"]}
    site.synced()
    ids = {name: person["id"] for name, person in site.people().items()}
    site.execute("UPDATE users SET auth_status = 'locked', enabled = :no WHERE username = 'p7'", no=False)

    site.slapd.rename(berlin, "ou=Potsdam")
    moved = [f"uid=p{number},ou=Potsdam,{site.people_dn}" for number in range(50)]
    site.slapd.modify(f"cn=team,{site.groups_dn}", {"member": moved})
    run = site.synced()
    assert run.counts is not None
    assert (run.counts["users_created"], run.counts["users_disabled"], run.counts["users_moved"]) == (0, 0, 50)
    assert run.counts["grants_removed"] == 0
    assert {name: person["id"] for name, person in site.people().items()} == ids
    assert (site.people()["p7"]["auth_status"], bool(site.people()["p7"]["enabled"])) == ("locked", False)
    assert {row["name"] for row in site.rows("SELECT name FROM units")} == {"Potsdam"}
    assert len(site.rows("SELECT * FROM dn_history")) == 50
    assert site.synced().counts is not None
    assert site.roles_of("p3") == {"member"}


def test_usernames_and_mails_are_swapped_in_one_run(site: Site) -> None:
    anna, bert = site.add_person("anna"), site.add_person("bert")
    site.synced()
    before = site.people()
    site.slapd.rename(anna, "uid=swap")
    site.slapd.rename(bert, "uid=anna")
    site.slapd.rename(f"uid=swap,{site.people_dn}", "uid=bert")
    site.slapd.modify(f"uid=anna,{site.people_dn}", {"mail": "anna@example.com"})
    site.slapd.modify(f"uid=bert,{site.people_dn}", {"mail": "bert@example.com"})
    site.synced()
    after = site.people()
    assert after["anna"]["id"] == before["bert"]["id"]
    assert after["bert"]["id"] == before["anna"]["id"]
    assert after["anna"]["email"] == "anna@example.com"


def test_a_recycled_name_is_another_person(site: Site) -> None:
    dn = site.add_person("bob")
    site.add_group("admins", dn)
    site.settings["roles"]["map"] = {"admins": ["clerk"]}
    site.synced()
    old = site.people()["bob"]
    site.slapd.delete(dn)
    site.slapd.modify(f"cn=admins,{site.groups_dn}", {"member": "cn=nobody"})
    site.add_person("bob")
    site.synced()
    rows = site.rows("SELECT u.*, i.missing_since FROM users u JOIN identities i ON i.user_id = u.id ORDER BY u.id")
    assert [row["id"] == old["id"] for row in rows] == [True, False]
    gone, new = rows
    assert gone["missing_since"] is not None
    assert gone["username"] == "bob"
    assert gone["username_key"] is None
    assert (new["username_key"], new["missing_since"]) == ("bob", None)
    granted = {row["user_id"] for row in site.rows("SELECT user_id FROM grants")}
    assert granted == {gone["id"]}


def test_one_who_leaves_is_disabled_and_gets_everything_back_on_return(site: Site) -> None:
    dn = site.add_person("anna", title="Boss")
    site.add_person("bert")
    site.add_group("admins", dn)
    site.settings["roles"]["map"] = {"admins": ["clerk"]}
    site.settings["users"]["filter"] = "(&(objectClass=inetOrgPerson)(!(employeeType=left)))"
    site.synced()
    before = site.people()["anna"]

    site.slapd.modify(dn, {"employeeType": "left"})
    run = site.synced()
    assert run.counts is not None
    assert run.counts["users_disabled"] == 1
    away = site.people()["anna"]
    assert away["missing_since"] is not None
    assert "corp" in away["missing_reason"]
    assert away["enabled"] == before["enabled"]
    assert site.roles_of("anna") == {"clerk"}
    assert site.present() == {"bert"}

    site.slapd.modify(dn, {"employeeType": None})
    assert site.synced().counts["users_returned"] == 1  # type: ignore[index]
    back = site.people()["anna"]
    assert (back["id"], back["missing_since"], back["title"]) == (before["id"], None, before["title"])
    assert site.roles_of("anna") == {"clerk"}


def test_people_gone_longer_than_the_retention_time_are_purged_without_the_directory(site: Site) -> None:
    dn = site.add_person("anna")
    site.add_person("bert")
    site.synced()
    site.slapd.delete(dn)
    site.synced()
    site.slapd.stop()
    with site.runtime() as runtime:
        assert runtime.sync.purge("corp") == 0
    site.settings["safety"] = {"purge_after": "0s"}
    with site.runtime() as runtime:
        assert runtime.sync.purge("corp") == 1
    assert set(site.people()) == {"bert"}


def test_a_clash_with_a_manual_user_is_an_issue_and_never_a_take_over(site: Site) -> None:
    site.synced()
    site.execute(
        "INSERT INTO users (username, username_key, email, email_key, manual, created_at, updated_at) "
        "VALUES ('Alice', 'alice', 'alice@manual.example', 'alice@manual.example', :yes, :now, :now)",
        yes=True,
        now="2026-01-01 00:00:00",
    )
    manual = site.rows("SELECT * FROM users")
    dn = site.add_person("alice")
    run = site.sync()
    assert run.outcome == "partial"
    assert site.rows("SELECT * FROM users") == manual
    issue = site.issues()[dn]
    assert issue["code"] == "username_taken"
    assert "manual" in issue["message"]
    assert str(manual[0]["id"]) in issue["message"]
    site.slapd.delete(dn)
    site.synced()
    assert not site.issues()


def test_two_who_want_one_username_the_first_keeps_it(site: Site) -> None:
    site.add_person("smith", mail="one@example.com")
    site.synced()
    other = site.slapd.add_ou("other", parent=site.people_dn)
    second = site.add_person("Smith", parent=other, mail="two@example.com")
    assert site.sync().outcome == "partial"
    assert site.people()["smith"]["email"] == "one@example.com"
    assert site.issues()[second]["code"] == "username_taken"


def test_s5_a_username_that_is_anothers_address_is_withheld_until_the_clash_is_over(site: Site) -> None:
    """Whoever has the name keeps it, as username or as address, so no entry can take a login from somebody who is there."""
    site.add_person("anna", mail="anna@example.com")
    site.add_person("bob@example.com", mail="other@example.com")
    site.synced()
    before = site.people()
    thief = site.add_person("Anna@Example.com", mail="thief@example.com")
    late = site.add_person("bob", mail="BOB@example.com")
    renamed = site.add_person("carl", mail="carl@example.com")
    assert site.sync().outcome == "partial"
    site.slapd.modify(renamed, {"mail": "bob@example.com", "title": "New"})
    assert site.sync().outcome == "partial"
    assert {dn: row["code"] for dn, row in site.issues().items()} == {
        thief: "username_taken", late: "email_taken", renamed: "email_taken",
    }  # fmt: skip
    people = site.people()
    assert people.keys() == {"anna", "bob@example.com", "carl"}
    assert {name: people[name] for name in before} == before
    assert people["carl"]["email_key"] == "carl@example.com"
    with site.runtime() as runtime:
        logins = SqlLogins(runtime.engine)
        found = {name: subject.user_id for name in ("anna@example.com", "bob@example.com") if (subject := logins.find(name))}
    assert found == {"anna@example.com": before["anna"]["id"], "bob@example.com": before["bob@example.com"]["id"]}
    settled = site.snapshot()
    site.sync()
    assert site.snapshot() == settled
    site.slapd.modify(f"uid=anna,{site.people_dn}", {"mail": "anna2@example.com"})
    site.slapd.modify(late, {"mail": "bob2@example.com"})
    site.slapd.modify(renamed, {"mail": "carl@example.com"})
    site.synced()
    assert not site.issues()
    assert site.people()["Anna@Example.com"]["username_key"] == "anna@example.com"
    assert site.people()["anna"]["id"] == before["anna"]["id"]


def test_one_bad_entry_is_an_issue_and_the_others_come_in(site: Site) -> None:
    for number in range(30):
        site.add_person(f"p{number}")
    known = site.add_person("was-good")
    site.synced()
    site.slapd.modify(known, {"mail": "no address at all", "title": "New"})
    without = f"uid=no-mail,{site.people_dn}"
    site.slapd.add(without, {"objectClass": "inetOrgPerson", "uid": "no-mail", "cn": "N", "sn": "N"})
    run = site.sync()
    assert (run.outcome, run.counts and run.counts["issues"]) == ("partial", 2)
    issues = site.issues()
    assert set(issues) == {known, without}
    assert issues[without]["code"] == "missing_field"
    assert "mail" in issues[without]["message"]
    # what was good stays as it was, and stays
    assert site.people()["was-good"]["email"] == "was-good@example.com"
    assert "was-good" in site.present()


def test_an_attribute_gone_from_the_directory_is_gone_from_the_store_and_an_unmapped_one_is_never_touched(site: Site) -> None:
    dn = site.add_person("anna", givenName="Anna")
    site.synced()
    site.execute("UPDATE users SET phone = '+1' WHERE username = 'anna'")
    site.slapd.modify(dn, {"givenName": None})
    site.synced()
    anna = site.people()["anna"]
    assert (anna["first_name"], anna["phone"]) == (None, "+1")


def test_a_changed_mapping_maps_everyone_again(site: Site) -> None:
    site.add_person("anna", title="Boss")
    site.synced()
    assert site.people()["anna"]["title"] is None
    site.settings["users"]["attributes"] = {"username": "uid", "email": "mail", "last_name": "sn", "title": "title"}
    assert site.synced().counts["users_updated"] == 1  # type: ignore[index]
    assert site.people()["anna"]["title"] == "Boss"


def test_custom_fields_with_types_and_tags(make_site: SiteFactory) -> None:
    site = make_site(root={"custom_fields": {"cost_centre": "integer", "hired": "date", "rooms": "list"}})
    site.settings["users"]["attributes"] = {
        "username": "uid", "email": "mail", "last_name": "sn", "tags": "businessCategory",
        "cost_centre": "departmentNumber", "rooms": "roomNumber",
    }  # fmt: skip
    site.add_person("anna", departmentNumber="4711", roomNumber=["b2", "a1"], businessCategory=["x", "y"])
    site.add_person("bert", departmentNumber="none of your business")
    assert site.sync().outcome == "partial"
    values = {row["name"]: row["value"] for row in site.rows("SELECT name, value FROM user_custom_fields")}
    assert values == {"cost_centre": "4711", "rooms": '["a1","b2"]'}
    assert {row["tag"] for row in site.rows("SELECT tag FROM user_tags")} == {"x", "y"}
    assert site.present() == {"anna"}
