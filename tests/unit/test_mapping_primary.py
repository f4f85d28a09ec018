"""Primary groups: which SID a person's entry names, and who counts as listed by a group."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from syncd.mapping.mapper import PersonMapper
from syncd.mapping.primary import PrimaryGroupReader, group_sid
from syncd.mapping.references import GroupSet
from syncd.mapping.searches import roles_search
from syncd.model.entry import Entry
from syncd.settings.directory import DirectorySettings, RolesSettings

DOMAIN = (21, 1004336348, 1177238915, 682003330)


def sid(*parts: int, authority: int = 5) -> bytes:
    return bytes((1, len(parts))) + authority.to_bytes(6, "big") + struct.pack(f"<{len(parts)}I", *parts)


def person(group: bytes | None = b"513", own: bytes | None = sid(*DOMAIN, 1105)) -> Entry:
    attributes = {"primarygroupid": group, "objectsid": own}
    return Entry("cn=anna,dc=x", {name: [value] for name, value in attributes.items() if value is not None})


def group(name: str, *members: str, rid: int | None = None) -> Entry:
    attributes = {"entryuuid": [f"id-{name}".encode()], "cn": [name.encode()], "member": [m.encode() for m in members]}
    return Entry(f"cn={name},dc=x", attributes | ({"objectsid": [sid(*DOMAIN, rid)]} if rid is not None else {}))


def group_set(*entries: Entry, **settings: Any) -> GroupSet:
    roles = RolesSettings.model_validate({"primary_group": True, **settings})
    found = GroupSet(roles, entry_id_attribute="entryUUID")
    for entry in entries:
        found.add(entry)
    return found


def sid_text(rid: int) -> str:
    return "-".join(map(str, ("S-1-5", *DOMAIN, rid)))


def mapper(**roles: Any) -> PersonMapper:
    settings = DirectorySettings.model_validate(
        {"urls": ["ldap://x"], "base_dn": "dc=x", "organization": "Corp", "units": {"from": "none"}, "roles": roles}
    )
    return PersonMapper(settings, custom_fields={}, entry_id_attribute="objectGUID")


# ---------------------------------------------------------------- the person
def test_the_domain_is_the_persons_own_and_the_last_part_the_groups() -> None:
    read = PrimaryGroupReader().read
    assert read(person()) == sid_text(513)
    assert read(person(own=sid(*DOMAIN, 9))) is read(person())
    assert read(person(b"1110")) == sid_text(1110)
    assert read(person(own=sid(21, 1, 2, 3, 1105))) == "S-1-5-21-1-2-3-513"
    # a RID may have all of its 32 bits
    assert read(person(b"4294967295")) == sid_text(4294967295)


@pytest.mark.parametrize(
    "entry",
    [
        person(None),
        person(own=None),
        person(b""),
        person(b"-1"),
        person(b"4294967296"),
        person(b"x"),
        person("٣".encode()),
        person(own=b""),
        person(own=b"S-1-5-21-1"),
        person(own=sid(*DOMAIN, 1)[:-1]),
        person(own=sid()),
    ],
)
def test_what_is_no_id_is_no_group(entry: Entry) -> None:
    read = PrimaryGroupReader().read
    assert read(entry) is None
    assert read(entry) is None


def test_the_mapper_reads_it_where_it_counts() -> None:
    counting = mapper(primary_group=True)
    assert {"primaryGroupID", "objectSid"} <= set(counting.attributes)
    assert counting.primary_group(person()) == sid_text(513)
    for other in (mapper(), mapper(primary_group=True, enabled=False)):
        assert not {"primaryGroupID", "objectSid"} & set(other.attributes)
        assert other.primary_group(person()) is None


def test_groups_are_asked_for_their_sid_where_it_counts() -> None:
    def asked(**roles: Any) -> tuple[str, ...]:
        base = {"urls": ["ldap://x"], "base_dn": "dc=x", "organization": "Corp", "roles": roles}
        search = roles_search(DirectorySettings.model_validate(base), "objectGUID")
        assert search is not None
        return search.attributes

    assert "objectSid" in asked(primary_group=True)
    assert "objectSid" not in asked()


# ---------------------------------------------------------------- the groups
def test_who_has_a_group_as_primary_is_in_it_and_in_what_contains_it() -> None:
    found = group_set(group("users", rid=513), group("all", "cn=users,dc=x", rid=600), group("other", rid=601))
    resolved = found.resolve({}, {"p1": sid_text(513), "p2": sid_text(601), "p3": sid_text(999)})
    assert resolved.memberships == {"p1": {"id-users", "id-all"}, "p2": {"id-other"}}
    assert resolved.dangling == 0
    flat = group_set(group("users", rid=513), group("all", "cn=users,dc=x"), nested=False)
    assert flat.resolve({}, {"p1": sid_text(513)}).memberships == {"p1": {"id-users"}}


def test_listed_and_primary_at_once_is_in_it_once() -> None:
    found = group_set(group("users", "cn=anna,dc=x", rid=513))
    assert found.resolve({"cn=anna,dc=x": "p1"}, {"p1": sid_text(513)}).memberships == {"p1": {"id-users"}}


def test_beside_member_of() -> None:
    inner = group("users", rid=513)
    inner.attributes["memberof"] = [b"cn=all,dc=x"]
    found = group_set(inner, group("all", rid=600), group("team", rid=601), member_attribute="memberOf")
    resolved = found.resolve_references({"p1": ("cn=team,dc=x",), "p2": ()}, {"p1": sid_text(513), "p2": sid_text(600)})
    assert resolved.memberships == {"p1": {"id-users", "id-all", "id-team"}, "p2": {"id-all"}}


def test_the_way_to_it() -> None:
    found = group_set(group("users", rid=513), group("all", "cn=users,dc=x", rid=600))
    assert found.paths(people={}, primary=sid_text(513)) == {
        "id-users": ("cn=users,dc=x",),
        "id-all": ("cn=users,dc=x", "cn=all,dc=x"),
    }


def test_without_the_setting_no_sid_counts_and_the_digest_is_another() -> None:
    off, on = group_set(group("users", rid=513), primary_group=False), group_set(group("users", rid=513))
    assert off.resolve({}, {"p1": sid_text(513)}).memberships == {}
    assert off.digest() != on.digest()
    assert on.digest() != group_set(group("users", rid=514)).digest()


def test_a_group_whose_sid_cannot_be_read_is_nobodys_primary_group() -> None:
    assert group_sid(group("users")) is None
    assert group_sid(Entry("cn=x", {"objectsid": [b"\x01"]})) is None
    assert group_set(group("users")).resolve({}, {"p1": sid_text(513)}).memberships == {}
