"""A person's entry in the store's words: id, fingerprint, record, and every reason why not."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import ConfigurationError
from syncd.mapping.identity import entry_id_reader
from syncd.mapping.mapper import MappingIssue, PersonMapper
from syncd.mapping.structure import Structure
from syncd.model.entry import Entry
from syncd.settings.directory import DirectorySettings

ID = b"0F8FAD5B-D9CB-469F-A165-70867728950E"
ATTRIBUTES: dict[str, Any] = {
    "username": "uid",
    "email": "mail",
    "first_name": "givenName",
    "last_name": "sn",
    "tags": "employeeType",
    "birthday": "birthDate",
    "badge": "employeeNumber",
}
CUSTOM = {"badge": "integer"}


def settings(**sections: Any) -> DirectorySettings:
    users = {"attributes": ATTRIBUTES} | sections.pop("users", {})
    return DirectorySettings.model_validate(
        {"urls": ["ldap://localhost"], "base_dn": "dc=x", "organization": "Corp", "units": {"from": "none"}, "users": users}
        | sections
    )


def mapper_for(custom: dict[str, str] | None = None, /, *, id_attribute: str = "entryUUID", **sections: Any) -> PersonMapper:
    return PersonMapper(
        settings(**sections), custom_fields=CUSTOM if custom is None else custom, entry_id_attribute=id_attribute
    )


def structure_for(**sections: Any) -> Structure:
    return Structure(settings(**sections), entry_id_attribute="entryUUID")


def person(dn: str = "uid=jd,ou=People,dc=x", **changes: list[bytes] | None) -> Entry:
    attributes: dict[str, list[bytes]] = {
        "entryuuid": [ID],
        "uid": [b"jd"],
        "mail": [b"jd@x.de", b"doe@x.de"],
        "givenname": [b"Jane"],
        "sn": [b"Doe"],
        "employeetype": [b"b", b"a"],
        "employeenumber": [b"7"],
    }
    for name, values in changes.items():
        if values is None:
            attributes.pop(name, None)
        else:
            attributes[name] = values
    return Entry(dn, attributes)


MAPPER, STRUCTURE = mapper_for(), structure_for()


def mapped(entry: Entry, mapper: PersonMapper = MAPPER, structure: Structure = STRUCTURE, email: str | None = None) -> Any:
    return mapper.map(entry, entry_id="id", fingerprint=b"f", structure=structure, current_email=email)


def failure(entry: Entry, mapper: PersonMapper = MAPPER, structure: Structure = STRUCTURE) -> MappingIssue:
    with pytest.raises(MappingIssue) as caught:
        mapped(entry, mapper, structure)
    return caught.value


# ---------------------------------------------------------------- the record
def test_a_record_has_every_managed_field() -> None:
    record = mapped(person("UID=jd, OU=People, DC=x"))
    assert record.fields == {
        "username": "jd",
        "first_name": "Jane",
        "last_name": "Doe",
        "tags": ("a", "b"),
        "birthday": None,
        "custom.badge": 7,
        "email": "doe@x.de",
        "emails": ("jd@x.de",),
        "organization": "corp",
        "unit": "corp/main",
    }
    assert (record.entry_id, record.dn, record.dn_key) == ("id", "UID=jd, OU=People, DC=x", "uid=jd,ou=people,dc=x")
    assert (record.fingerprint, record.member_key) == (b"f", None)


def test_the_stored_primary_address_stays() -> None:
    assert mapped(person(), email="JD@x.de").fields["email"] == "jd@x.de"
    assert mapped(person(), email="gone@x.de").fields["email"] == "doe@x.de"


def test_emails_may_have_a_rule_of_their_own() -> None:
    own = mapper_for(users={"attributes": ATTRIBUTES | {"emails": "mailAlternate"}})
    fields = mapped(person(mailalternate=[b"z@x.de", b"doe@x.de"]), own).fields
    assert (fields["email"], fields["emails"]) == ("doe@x.de", ("z@x.de",))


def test_further_emails_alone() -> None:
    alone = mapper_for({}, users={"attributes": {"username": "uid", "emails": "mail"}, "required": ["username"]})
    fields = mapped(person(), alone).fields
    assert fields["emails"] == ("doe@x.de", "jd@x.de")
    assert "email" not in fields


def test_fields_that_are_not_mapped_are_not_in_the_record() -> None:
    small = mapper_for({}, users={"attributes": {"username": "uid"}, "required": ["username"]})
    assert set(mapped(person(), small).fields) == {"username", "organization", "unit"}


def test_the_login_name_that_member_uid_names() -> None:
    by_name = mapper_for(roles={"member_attribute": "memberUid"})
    assert mapped(person(uid=[b"JD", b"alias"]), by_name).member_key == "jd"
    assert mapped(person(uid=None, cn=[b"x"]), mapper_for(users={"required": ["username"], "attributes": {"username": "cn"}},
                  roles={"member_attribute": "memberUid"})).member_key is None  # fmt: skip
    off = mapper_for(roles={"member_attribute": "memberUid", "enabled": False})
    assert mapped(person(), off).member_key is None


# ---------------------------------------------------------------- what is wrong
def test_missing_fields_are_told_by_field_and_attribute() -> None:
    issue = failure(person(mail=None, sn=[b" "]))
    assert issue.code == "missing_field"
    assert issue.message == "email is required and has no value (mail); last_name is required and has no value (sn)"


def test_all_problems_of_an_entry_are_in_one_message() -> None:
    issue = failure(person("nonsense", employeenumber=[b"x"], birthdate=[b"soon"], mail=[b"bad"], sn=None))
    assert issue.code == "invalid_dn"
    for words in ("the DN cannot be read", "custom.badge: employeeNumber 'x'", "birthday: birthDate 'soon'",
                  "email: mail 'bad'", "last_name is required"):  # fmt: skip
        assert words in issue.message
    # a bad address is not a missing one as well
    assert "email is required" not in issue.message


def test_a_bad_value_beats_a_missing_one_as_the_code() -> None:
    assert failure(person(sn=[b"\xff"], givenname=None)).code == "bad_value"
    assert failure(person(uid=[b"a\0b"])).message.startswith("username: uid 'a\\x00b' has a NUL")


def test_a_unit_that_cannot_be_read_is_told() -> None:
    sections: dict[str, Any] = {"units": {"from": "attribute:department"}}
    issue = failure(person(department=[b"\xff"]), mapper_for(**sections), structure_for(**sections))
    assert issue.code == "bad_value"
    assert issue.message.startswith("department ")


def test_values_in_parts_are_no_values() -> None:
    entry = person(**{"mail": None, "mail;range=0-1": [b"jd@x.de", b"doe@x.de"]})
    found = failure(entry)
    assert found.code == "ranged_values"
    # of memberOf no field is made
    assert mapped(person(**{"memberof;range=0-1": [b"cn=a", b"cn=b"]})).fields["email"] == "doe@x.de"


def test_an_unknown_place_leaves_organization_and_unit_alone() -> None:
    sections: dict[str, Any] = {"units": {"from": "ou"}}
    lost = Structure(settings(**sections), [Entry("ou=People,dc=x", {"ou": [b"People"]})], entry_id_attribute="entryUUID")
    assert len(lost.issues) == 1
    record = mapped(person(), mapper_for(**sections), lost)
    assert record.fields.keys().isdisjoint({"organization", "unit"})
    assert record.fields["username"] == "jd"


def test_a_mapping_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        mapper_for(users={"attributes": ATTRIBUTES | {"usrname": "uid", "title": "{"}})
    assert len(caught.value.problems) == 2


# ---------------------------------------------------------------- the id
@pytest.mark.parametrize(
    ("attribute", "raw", "text"),
    [
        ("entryUUID", ID, ID.decode().lower()),
        ("ENTRYUUID", ID, ID.decode().lower()),
        ("nsUniqueId", b"66446001-1DD211B2-66225011-2EE211DB", "66446001-1dd211b2-66225011-2ee211db"),
        ("objectGUID", bytes.fromhex("33221100554477668899aabbccddeeff"), "00112233-4455-6677-8899-aabbccddeeff"),
        ("GUID", bytes.fromhex("00112233445566778899aabbccddeeff"), "00112233-4455-6677-8899-aabbccddeeff"),
        ("objectSid", bytes.fromhex("0100000000000005"), "S-1-5"),
        ("employeeNumber", b" E-007 ", "E-007"),
    ],
)
def test_entry_ids(attribute: str, raw: bytes, text: str) -> None:
    assert entry_id_reader(attribute)(Entry("uid=a", {attribute.lower(): [raw]})) == text


@pytest.mark.parametrize(
    ("attribute", "values"),
    [
        ("entryUUID", None),
        ("entryUUID", []),
        ("entryUUID", [b" "]),
        ("entryUUID", [b"\xff"]),
        ("objectGUID", [b"short"]),
        ("employeeNumber", [b"1", b"2"]),
        ("employeeNumber", [b"x" * 256]),
    ],
)
def test_entries_without_a_usable_id(attribute: str, values: list[bytes] | None) -> None:
    with pytest.raises(MappingIssue, match=f"^{attribute} ") as caught:
        entry_id_reader(attribute)(Entry("uid=a", {} if values is None else {attribute.lower(): values}))
    assert caught.value.code == "no_entry_id"


# ---------------------------------------------------------------- the fingerprint
def print_of(entry: Entry, mapper: PersonMapper = MAPPER, structure: Structure = STRUCTURE) -> bytes:
    return mapper.fingerprint(entry, structure)


def test_a_fingerprint_is_sixteen_bytes_and_the_same_again() -> None:
    assert len(print_of(person())) == 16
    assert print_of(person()) == print_of(person(), mapper_for(), structure_for())


def test_order_and_unmapped_attributes_do_not_matter() -> None:
    entry = person()
    shuffled = list(entry.attributes.items())
    random.Random(3).shuffle(shuffled)
    other = Entry(entry.dn, {name: values[::-1] for name, values in shuffled} | {"modifytimestamp": [b"now"]})
    assert print_of(other) == print_of(entry)


CHANGES: list[dict[str, Any]] = [
    {"dn": "uid=jd2,ou=People,dc=x"},
    {"dn": "UID=jd,ou=People,dc=x"},
    {"sn": [b"Roe"]},
    {"sn": None},
    {"sn": []},
    {"sn": [b""]},
    {"sn": [b"Doe", b"Roe"]},
    {"givenname": [b"Doe"], "sn": [b"Jane"]},
    {"givenname": [b"JaneDoe"], "sn": [b""]},
    {"employeetype": [b"ab"]},
    {"employeetype": [b"a", b"b", b"b"]},
    {"mail": [b"jd@x.dedoe@x.de"]},
]


def test_whatever_is_mapped_changes_it() -> None:
    prints = [print_of(person(**change)) for change in ({}, *CHANGES)]
    assert len(set(prints)) == len(prints)


@given(
    st.lists(st.dictionaries(st.sampled_from(["uid", "sn", "mail"]), st.lists(st.binary(max_size=2), min_size=1, max_size=3)),
             min_size=2, max_size=2)
)  # fmt: skip
def test_fingerprints_are_equal_exactly_when_the_values_are(pair: list[dict[str, list[bytes]]]) -> None:
    one, other = ({name: sorted(values) for name, values in attributes.items()} for attributes in pair)
    prints = [print_of(Entry("uid=a", attributes)) for attributes in pair]
    assert (prints[0] == prints[1]) is (one == other)


def test_a_changed_mapping_changes_every_fingerprint() -> None:
    changed = [
        mapper_for(users={"attributes": ATTRIBUTES | {"title": "title"}}),
        mapper_for(users={"attributes": ATTRIBUTES | {"last_name": {"attribute": "sn", "convert": ["upper"]}}}),
        mapper_for(users={"required": ["username"]}),
        mapper_for({"badge": "text"}),
        mapper_for(id_attribute="nsUniqueId"),
        mapper_for(roles={"member_attribute": "memberUid"}),
    ]
    prints = {print_of(person(), mapper) for mapper in (MAPPER, *changed)}
    assert len(prints) == len(changed) + 1
    assert len({mapper.digest for mapper in (MAPPER, *changed)}) == len(changed) + 1


def test_what_does_not_map_does_not_change_it() -> None:
    same = [
        mapper_for(users={"filter": "(uid=*)"}),
        mapper_for(page_size=5),
        mapper_for(CUSTOM | {"other": "text"}),
        mapper_for(roles={"map": {"a": ["b"]}}),
        mapper_for(roles={"member_attribute": "member"}),
        mapper_for(roles={"enabled": False}),
    ]
    assert {mapper.digest for mapper in same} == {MAPPER.digest}


def test_another_place_changes_it() -> None:
    sections: dict[str, Any] = {"units": {"from": "ou"}}
    mapper = mapper_for(**sections)
    unit = Entry("ou=People,dc=x", {"entryuuid": [b"u1"], "ou": [b"People"]})
    other = Entry("ou=People,dc=x", {"entryuuid": [b"u2"], "ou": [b"People"]})
    structures = [Structure(settings(**sections), found, entry_id_attribute="entryUUID") for found in ([], [unit], [other])]
    assert len({print_of(person(), mapper, structure) for structure in structures}) == 3


def test_an_unreadable_place_still_has_a_fingerprint() -> None:
    sections: dict[str, Any] = {"units": {"from": "attribute:department"}}
    mapper, structure = mapper_for(**sections), structure_for(**sections)
    prints = {print_of(person(department=[value]), mapper, structure) for value in (b"\xff", b"\xfe", b"a")}
    assert len(prints) == 3


# ---------------------------------------------------------------- what to ask for
def test_attributes_to_ask_for() -> None:
    assert MAPPER.attributes == ("entryUUID", "uid", "mail", "givenName", "sn", "employeeType", "birthDate", "employeeNumber")
    more = mapper_for(
        {},
        users={"attributes": {"username": "uid", "last_name": "surname", "first_name": "SN"}, "required": ["username"]},
        roles={"member_attribute": "memberOf"},
        organization={"from": "attribute:o"},
        units={"from": "attribute:departmentNumber"},
    )
    assert more.attributes == ("entryUUID", "uid", "surname", "departmentNumber", "o", "memberOf")
    named = mapper_for(roles={"member_attribute": "memberUid", "member_name_attribute": "cn"})
    assert "cn" in named.attributes
    assert not {"*", "+"} & set(more.attributes)


def test_references() -> None:
    mapper = mapper_for(roles={"member_attribute": "memberOf"})
    entry = person(memberof=[b"CN=Admins,dc=x", b"cn=\xff,dc=x"])
    assert mapper.uses_references
    assert mapper.references(entry) == ("CN=Admins,dc=x", "cn=\\xff,dc=x")
    assert mapper.references(person(memberof=[b"CN=Admins,dc=x"]))[0] is mapper.references(entry)[0]
    assert mapper.references(person()) == ()
    assert not MAPPER.uses_references
    assert not mapper_for(roles={"member_attribute": "memberOf", "enabled": False}).uses_references
    # a run that skips by fingerprint must still see who came to a group
    assert print_of(entry, mapper) != print_of(person(memberof=[b"CN=Admins,dc=x"]), mapper)


def test_dates_reach_the_record() -> None:
    assert mapped(person(birthdate=[b"19800229000000Z"])).fields["birthday"] == date(1980, 2, 29)
