"""People in the store: created, changed, moved, gone, back; each test on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine

from syncd.model.plan import Action, PersonChange, Plan
from syncd.model.records import DirectoryPresence, FieldValue
from syncd.store import schema as t
from tests.contract.company import Company, contents, person, rows, unit

EVERYTHING: dict[str, FieldValue] = {
    "emails": ("second@example.com", "first@example.com"),
    "prefix": "Dr.",
    "first_name": "Zoë",
    "middle_name": "Q.",
    "suffix": "III",
    "display_name": "Zoë \\ \t\n Ängström",
    "title": "Engineer",
    "phone": "+49 30 1",
    "birthday": date(1990, 2, 28),
    "avatar": b"\xff\xd8\xff\x00\\picture",
    "tags": ("b", "a"),
    "organization": "acme",
    "unit": "eng",
    "custom.level": 3,
    "custom.remote": False,
    "custom.note": "a \"quoted\" 'text'",
    "custom.since": date(2020, 1, 1),
    "custom.seen": datetime(2020, 1, 1, 8, 30, tzinfo=UTC),
    "custom.skills": ("x", "y"),
}


@pytest.fixture
def everything(company: Company) -> Company:
    company.units = [unit("eng"), unit("ops")]
    company.add(person("zoe", **EVERYTHING), person("ben"))
    company.sync()
    return company


def test_a_new_person_is_stored_with_every_field(everything: Company) -> None:
    stored = everything.store.people("corp", ["zoe"])["zoe"]
    record = everything.people["zoe"]
    assert {name: stored.fields[name] for name in record.fields} == record.fields
    assert (stored.dn, stored.dn_key, stored.member_key) == (record.dn, record.dn_key, "zoe")
    assert stored.fingerprint == record.fingerprint
    assert stored.presence is DirectoryPresence.ACTIVE
    assert everything.plan().is_empty


def test_a_new_person_is_an_enabled_directory_user(everything: Company, engine: Engine) -> None:
    (ben,) = rows(engine, t.users, username="ben")
    assert (ben.manual, ben.enabled, ben.auth_status, ben.version, ben.failed_logins) == (False, True, "active", 1, 0)
    assert (ben.username_key, ben.email_key) == ("ben", "ben@example.com")
    assert ben.created_at == ben.updated_at == everything.at()


def test_the_picture_has_its_type_and_digest(everything: Company, engine: Engine) -> None:
    (picture,) = rows(engine, t.user_avatars)
    assert picture.media_type == "image/jpeg"
    assert len(picture.digest) == 64


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Boss"},
        {"title": None, "phone": None},
        {"birthday": date(1991, 1, 1)},
        {"emails": ()},
        {"emails": ("first@example.com", "third@example.com", "fourth@example.com")},
        {"tags": ("c",), "avatar": None},
        {"avatar": b"\x89PNG\r\n\x1a\n other"},
        {"custom.level": 4, "custom.note": None, "custom.remote": True},
        {"custom.skills": ("z",), "custom.new": "first"},
        {"unit": "ops"},
        {"unit": None},
        {"organization": None, "unit": None},
        {"username": "Zoe.A", "email": "ZOE@example.org", "last_name": "A"},
    ],
)
def test_an_update_writes_what_it_names_and_nothing_else(
    everything: Company, engine: Engine, changes: dict[str, FieldValue]
) -> None:
    before = everything.store.people("corp", ["zoe", "ben"])
    everything.add(person("zoe", **{**EVERYTHING, "username": "zoe", **changes}, dn=before["zoe"].dn))
    if "email" not in changes:
        assert "email" not in everything.plan().people[0].fields
    everything.sync()
    after = everything.store.people("corp", ["zoe", "ben"])
    assert after["ben"] == before["ben"]
    assert {name: after["zoe"].fields.get(name) or None for name in changes} == {n: v or None for n, v in changes.items()}
    assert {n: v for n, v in after["zoe"].fields.items() if n not in changes} == {
        n: v for n, v in before["zoe"].fields.items() if n not in changes
    }
    (row,) = rows(engine, t.users, id=after["zoe"].user_id)
    assert (row.version, row.updated_at) == (2, everything.at())
    assert everything.plan().is_empty


def test_a_field_that_the_directory_does_not_manage_stays(everything: Company, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(t.users.update().where(t.users.c.username == "ben").values(phone="by hand", title="by hand"))
    everything.add(person("ben", title="Chief"))
    everything.sync()
    (ben,) = rows(engine, t.users, username="ben")
    assert (ben.phone, ben.title) == ("by hand", "Chief")


def test_a_move_keeps_the_person_and_remembers_the_dn(everything: Company, engine: Engine) -> None:
    old, first = everything.people["ben"].dn, everything.at()
    user_id = everything.store.identities("corp")["ben"].user_id
    everything.add(person("ben", dn="uid=ben,ou=berlin,dc=example,dc=com"))
    assert everything.sync().counts["users_moved"] == 1
    second = everything.at()
    everything.add(person("ben", dn="uid=ben,ou=paris,dc=example,dc=com"))
    everything.sync()
    history = rows(engine, t.dn_history, user_id=user_id)
    assert [(row.dn, row.valid_from, row.valid_to) for row in history] == [
        (old, first, second),
        ("uid=ben,ou=berlin,dc=example,dc=com", second, everything.at()),
    ]
    (identity,) = rows(engine, t.identities, user_id=user_id)
    assert (identity.dn, identity.dn_since) == ("uid=ben,ou=paris,dc=example,dc=com", everything.at())
    assert identity.first_seen_at == first
    assert everything.store.identities("corp")["ben"].user_id == user_id
    assert everything.plan().is_empty


def test_an_entry_that_changed_in_no_managed_field_only_gets_its_fingerprint(everything: Company, engine: Engine) -> None:
    before = contents(engine)
    everything.people["ben"] = everything.people["ben"]._replace(fingerprint=b"another", member_key="b")
    plan = everything.sync()
    assert plan.people[0].fields == {}
    after = contents(engine)
    assert {name for name in after if after[name] != before[name]} == {"identities"}
    assert everything.store.identities("corp")["ben"].fingerprint == b"another"
    assert everything.store.person_keys("corp", by="member_key") == {"b": "ben", "zoe": "zoe"}


def test_who_is_gone_is_disabled_with_time_and_reason_and_keeps_everything(everything: Company, engine: Engine) -> None:
    before = contents(engine)
    zoe = everything.people.pop("zoe")
    plan = everything.sync()
    assert plan.counts["users_disabled"] == 1
    (identity,) = rows(engine, t.identities, entry_id="zoe")
    assert identity.missing_since == everything.at()
    assert identity.missing_reason == f"not found in corp by run {everything.runs}"
    after = contents(engine)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"identities", "users", "audit_events"}
    (row,) = rows(engine, t.users, id=identity.user_id)
    assert (row.enabled, row.auth_status, row.username_key) == (True, "active", "zoe")
    known = everything.store.identities("corp")
    assert (known["zoe"].present, known["ben"].present) == (False, True)
    assert everything.store.person_keys("corp", by="dn_key") == {everything.people["ben"].dn_key: "ben"}
    assert everything.store.people("corp", ["zoe"])["zoe"].presence is DirectoryPresence.MISSING
    assert zoe.entry_id not in {link.entry_id for link in everything.store.memberships("corp")}
    assert everything.plan().is_empty


def test_who_returns_is_the_same_person_with_what_changed_meanwhile(everything: Company, engine: Engine) -> None:
    user_id = everything.store.identities("corp")["zoe"].user_id
    zoe = everything.people.pop("zoe")
    everything.sync()
    everything.add(zoe._replace(fields={**zoe.fields, "title": "Boss"}, fingerprint=b"new"))
    plan = everything.sync()
    assert [change.action for change in plan.people] == [Action.RETURN]
    stored = everything.store.people("corp", ["zoe"])["zoe"]
    assert (stored.user_id, stored.presence, stored.fields["title"]) == (user_id, DirectoryPresence.ACTIVE, "Boss")
    (identity,) = rows(engine, t.identities, entry_id="zoe")
    assert (identity.missing_since, identity.missing_reason) == (None, None)
    assert everything.plan().is_empty


def test_locks_and_switches_survive_every_change_of_a_run(everything: Company, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(t.users.update().values(enabled=False, auth_status="locked", failed_logins=11))
    zoe = everything.people.pop("zoe")
    everything.add(person("ben", title="new"))
    everything.sync()
    everything.add(zoe)
    everything.sync()
    assert {(r.enabled, r.auth_status, r.failed_logins) for r in rows(engine, t.users)} == {(False, "locked", 11)}


def test_a_recycled_name_with_a_new_entry_id_is_another_person(everything: Company) -> None:
    old = everything.store.identities("corp")["ben"].user_id
    del everything.people["ben"]
    everything.add(person("ben2", username="ben"))
    plan = everything.sync()
    assert {(release.user_id, release.field) for release in plan.releases} == {(old, "username"), (old, "email")}
    known = everything.store.identities("corp")
    assert known["ben2"].user_id != old
    assert (known["ben"].present, known["ben2"].present) == (False, True)
    stored = everything.store.people("corp", ["ben", "ben2"])
    assert stored["ben"].fields["username"] == stored["ben2"].fields["username"] == "ben"
    assert everything.plan().is_empty


def test_empty_text_is_no_value(company: Company, engine: Engine) -> None:
    company.add(person("ann", title="", tags=(), phone=""))
    company.sync()
    (row,) = rows(engine, t.users)
    assert (row.title, row.phone) == (None, None)
    assert company.plan().is_empty


def test_an_unknown_directory_is_empty(company: Company) -> None:
    assert company.store.identities("nowhere") == {}
    assert company.store.people("nowhere", ["a"]) == {}
    assert company.store.person_keys("nowhere", by="dn_key") == {}
    assert list(company.store.memberships("nowhere")) == []
    assert company.store.structure("nowhere").relations_digest is None


def test_people_of_two_directories_with_the_same_entry_ids_are_kept_apart(company: Company, engine: Engine) -> None:
    company.add(person("a", username="first"))
    company.sync()
    other = Company(company.store, name="branch")
    other.add(person("a", username="second"))
    other.sync()
    assert company.store.people("corp", ["a"])["a"].fields["username"] == "first"
    assert company.store.people("branch", ["a"])["a"].fields["username"] == "second"
    del company.people["a"]
    company.sync()
    assert other.store.identities("branch")["a"].present
    assert company.plan().is_empty
    assert other.plan().is_empty
    assert len(rows(engine, t.users)) == 2


def test_many_people_span_batches(company: Company) -> None:
    company.add(*(person(f"p{number:05}", title=f"t{number}") for number in range(4500)))
    company.grants = {(f"p{number:05}", "Member") for number in range(4500)}
    company.sync()
    assert len(company.store.identities("corp")) == 4500
    assert company.plan().is_empty
    company.add(*(person(f"p{number:05}", title="same") for number in range(4400)))
    for number in range(4400, 4500):
        del company.people[f"p{number:05}"]
    counts = company.sync().counts
    assert (counts["users_updated"], counts["users_disabled"]) == (4400, 100)
    titles = {stored.fields["title"] for stored in company.store.people("corp", [f"p{n:05}" for n in range(4400)]).values()}
    assert titles == {"same"}
    company.grants = {link for link in company.grants if link[0] < "p04400"}
    assert company.plan().is_empty


def test_a_plan_with_a_field_nobody_knows_is_refused(company: Company) -> None:
    record = person("a", shoe_size="44")
    change = PersonChange(Action.CREATE, "a", record, None, {"shoe_size": (None, "44")})
    with pytest.raises(Exception, match="shoe_size"):
        company.sync(Plan(directory="corp", people=(change,)))
