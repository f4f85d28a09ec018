"""What a directory says of accounts, and by which keys its people are known elsewhere: in the store and back; on both
databases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine

from syncd.model.records import ACCOUNT_FIELDS, FOREVER, FieldValue, PersonRecord, StoredPerson
from syncd.store import schema as t
from tests.contract.company import Company, person, rows

MOMENT = datetime(2026, 5, 4, 3, 2, 1, 987654, tzinfo=UTC)
ALL: dict[str, FieldValue] = {
    "account.disabled": True,
    "account.locked_until": FOREVER,
    "account.valid_from": MOMENT,
    "account.expires_at": MOMENT.replace(microsecond=0),
    "account.password_must_change": False,
    "account.password_expires_at": MOMENT + timedelta(days=400),
}
NOTHING: dict[str, FieldValue] = dict.fromkeys(ACCOUNT_FIELDS)


def account(entry_id: str, **fields: FieldValue) -> PersonRecord:
    """A person whose account fields are managed: NAME stands for account.NAME, and those left out say nothing."""
    said = NOTHING | {f"account.{name}": value for name, value in fields.items()}
    return saying(entry_id, said)


def saying(entry_id: str, said: Mapping[str, FieldValue], **fields: str) -> PersonRecord:
    return person(entry_id, None, None, **said, **fields)


def everything(entry_id: str) -> PersonRecord:
    return saying(entry_id, ALL)


def stored(company: Company, entry_id: str) -> StoredPerson:
    return company.store.people("corp", [entry_id])[entry_id]


def told(company: Company, entry_id: str) -> dict[str, FieldValue]:
    """The account fields that the store has a value for."""
    fields = stored(company, entry_id).fields
    return {name: fields[name] for name in ACCOUNT_FIELDS if fields.get(name) is not None}


def differences(engine: Engine, user_id: int) -> list[tuple[str, dict[str, object], dict[str, object]]]:
    """Action, before and after of what the audit trail has on a user, account fields only."""
    return [
        (row.action, *({k: v for k, v in (side or {}).items() if k.startswith("account.")} for side in (row.before, row.after)))
        for row in rows(engine, t.audit_events, subject_type="user", subject_id=user_id)
    ]


# ---------------------------------------------------------------- new people
def test_all_that_is_said_of_a_new_account_comes_back_as_it_was(company: Company) -> None:
    company.add(everything("p"))
    company.sync()
    assert told(company, "p") == ALL
    for value in told(company, "p").values():
        assert not isinstance(value, datetime) or value.utcoffset() == timedelta(0)
    assert company.plan().is_empty


@pytest.mark.parametrize("name", ACCOUNT_FIELDS)
def test_each_field_alone_makes_a_round(company: Company, name: str) -> None:
    company.add(saying("p", NOTHING | {name: ALL[name]}), saying("q", NOTHING), person("r"))
    company.sync()
    assert told(company, "p") == {name: ALL[name]}
    assert told(company, "q") == told(company, "r") == {}
    assert company.plan().is_empty


def test_a_time_is_stored_as_the_moment_it_is(company: Company) -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    company.add(account("p", expires_at=there))
    company.sync()
    assert told(company, "p") == {"account.expires_at": MOMENT}
    assert company.plan().is_empty


def test_what_is_said_of_a_new_account_is_in_its_audit_event(company: Company, engine: Engine) -> None:
    company.add(account("p", disabled=True, locked_until=FOREVER))
    company.sync()
    ((action, before, after),) = differences(engine, stored(company, "p").user_id)
    assert (action, before) == ("user.created", {})
    assert after == {"account.disabled": True, "account.locked_until": FOREVER.isoformat()}


# ---------------------------------------------------------------- known people
def test_changes_are_written_and_audited_like_other_fields(company: Company, engine: Engine) -> None:
    company.add(account("p", disabled=False, expires_at=MOMENT), account("q", disabled=False))
    company.sync()
    version = rows(engine, t.users, id=stored(company, "p").user_id)[0].version
    company.add(account("p", disabled=True, locked_until=FOREVER), account("q", disabled=False))
    plan = company.sync()
    assert [change.entry_id for change in plan.people] == ["p"]
    assert told(company, "p") == {"account.disabled": True, "account.locked_until": FOREVER}
    assert told(company, "q") == {"account.disabled": False}
    assert rows(engine, t.users, id=stored(company, "p").user_id)[0].version == version + 1
    action, before, after = differences(engine, stored(company, "p").user_id)[-1]
    assert action == "user.updated"
    assert before.keys() == after.keys() == {"account.disabled", "account.locked_until", "account.expires_at"}
    assert (before["account.disabled"], after["account.disabled"]) == (False, True)
    assert (before["account.expires_at"], after["account.expires_at"]) == (MOMENT.isoformat(), None)
    assert company.plan().is_empty


def test_people_whose_accounts_change_differently_change_in_one_batch(company: Company) -> None:
    company.add(*(account(f"p{i}", disabled=False) for i in range(4)))
    company.sync()
    company.add(account("p0", disabled=True), account("p1", disabled=False, valid_from=MOMENT), everything("p2"))
    company.add(person("p3", None, "uid=moved,dc=example,dc=com", title="t", **(NOTHING | {"account.disabled": False})))
    company.sync()
    assert told(company, "p0") == {"account.disabled": True}
    assert told(company, "p1") == {"account.disabled": False, "account.valid_from": MOMENT}
    assert told(company, "p2") == ALL
    assert told(company, "p3") == {"account.disabled": False}
    assert stored(company, "p3").dn == "uid=moved,dc=example,dc=com"
    assert company.plan().is_empty


def test_fields_that_are_not_read_stay_as_they_are(company: Company) -> None:
    company.add(everything("p"))
    company.sync()
    company.add(person("p", title="t"))
    company.sync()
    assert told(company, "p") == ALL
    assert company.plan().is_empty


def test_who_returns_has_the_account_of_now(company: Company) -> None:
    company.add(everything("p"))
    company.sync()
    del company.people["p"]
    company.sync()
    assert told(company, "p") == ALL
    company.add(account("p", disabled=False))
    company.sync()
    assert told(company, "p") == {"account.disabled": False}
    assert company.plan().is_empty


def test_accounts_are_those_of_the_own_directory(company: Company) -> None:
    other = Company(company.store, name="other")
    other.add(person("p", "another", None, **(NOTHING | {"account.disabled": False})))
    other.sync()
    company.add(account("p", disabled=True))
    company.sync()
    assert told(company, "p") == {"account.disabled": True}
    assert other.store.people("other", ["p"])["p"].fields["account.disabled"] is False


# ---------------------------------------------------------------- keys
def test_primary_group_and_link_key_are_kept_and_follow(company: Company) -> None:
    company.add(person("p")._replace(primary_group="S-1-5-21-513", link_key="e17", version="1"), person("q"))
    company.sync()
    assert stored(company, "p")[-2:] == ("S-1-5-21-513", "e17")
    assert stored(company, "q")[-2:] == (None, None)
    # another primary group or link shows in the fingerprint, and in no field
    company.add(person("p")._replace(primary_group=None, link_key="e18", fingerprint=b"another"))
    company.add(person("q")._replace(primary_group="S-1-5-21-514", fingerprint=b"another too"))
    company.sync()
    assert stored(company, "p")[-2:] == (None, "e18")
    assert stored(company, "q")[-2:] == ("S-1-5-21-514", None)
    assert company.store.person_keys("corp", by="primary_group") == {"q": "S-1-5-21-514"}
    assert company.plan().is_empty


def test_one_key_alone_and_many_together_are_written_in_one_import(company: Company) -> None:
    company.add(person("p")._replace(link_key="e1"), everything("q")._replace(primary_group="S-1"), person("r"))
    company.sync(replace(company.plan(), groups_version=b"groups"))
    assert [stored(company, name)[-2:] for name in "pqr"] == [(None, "e1"), ("S-1", None), (None, None)]
    assert told(company, "q") == ALL
    assert company.plan().is_empty
