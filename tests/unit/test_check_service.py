"""What a check says about a directory, over a directory that is played."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from syncd.errors import ConnectionRefusedByServerError
from syncd.model.checks import CheckLine, CheckStatus
from syncd.model.entry import Entry
from syncd.model.reading import Search, ServerInfo, Verdict
from syncd.services.check import Checked, CheckService
from syncd.settings.directory import DirectorySettings

PEOPLE = "ou=people,dc=x"
PASSED = CheckLine(name="connect", status=CheckStatus.PASS, text="connected")


def person(name: str, *, mail: bool = True, groups: Sequence[str] = ()) -> Entry:
    attributes = {"entryuuid": [name.encode()], "uid": [name.encode()], "sn": [b"Doe"], "givenname": [name.title().encode()]}
    if mail:
        attributes["mail"] = [f"{name}@example.com".encode()]
    if groups:
        attributes["memberof"] = [group.encode() for group in groups]
    return Entry(f"uid={name},ou=Lab,{PEOPLE}", attributes)


def group(name: str, *members: str) -> Entry:
    return Entry(
        f"cn={name},ou=groups,dc=x",
        {"entryuuid": [name.encode()], "cn": [name.encode()], "member": [member.encode() for member in members]},
    )


LAB = Entry(f"ou=Lab,{PEOPLE}", {"entryuuid": [b"lab"], "ou": [b"Lab"]})


@dataclass
class FakeReading:
    entries: Sequence[Entry]
    verdict: Verdict

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        yield self.entries


@dataclass
class FakeDirectory:
    """Implements the ports Directory and DirectorySession."""

    entries: dict[str, list[Entry]]
    incomplete: str = ""
    refuses: bool = False
    # DNs that may not be read
    hidden: frozenset[str] = frozenset()
    server: ServerInfo = field(
        default_factory=lambda: ServerInfo(url="ldap://a", vendor="openldap", entry_id_attribute="entryUUID")
    )
    name: str = "corp"
    closed: int = 0

    def connect(self, *, skip: Collection[str] = ()) -> FakeDirectory:
        if self.refuses:
            raise ConnectionRefusedByServerError("ldap://a refused")
        return self

    def read(self, search: Search) -> FakeReading:
        entries = self.entries.get(search.purpose, [])
        verdict = Verdict(complete=True, entries=len(entries), pages=1)
        if search.purpose == self.incomplete:
            verdict = Verdict(
                complete=False, entries=0, pages=1, code="size_limit_exceeded", reason="Cut short.", advice="Raise it."
            )
        return FakeReading(entries, verdict)

    def fetch(self, search: Search) -> list[Entry]:
        return [] if search.base_dn in self.hidden else [Entry(search.base_dn, {"title": [b"Bird"]})]

    def close(self) -> None:
        self.closed += 1


def settings(**more: object) -> DirectorySettings:
    base = {"urls": ["ldap://a", "ldap://b"], "base_dn": "dc=x", "organization": "Example Corp", "users": {"base_dn": PEOPLE}}
    base |= {"tls": {"starttls": True}}
    return DirectorySettings.model_validate(base | more)


def checked(directory: FakeDirectory, lines: dict[str, list[CheckLine]] | None = None, **more: object) -> list[Checked]:
    def probe(
        name: str, settings: DirectorySettings, url: str, *, searches: Callable[[ServerInfo], Sequence[Search]]
    ) -> Iterator[CheckLine]:
        assert {search.purpose for search in searches(directory.server)} <= {"users", "roles", "units"}
        yield from (lines or {}).get(url, [PASSED])

    service = CheckService(settings={"corp": settings(**more)}, custom_fields={}, directories={"corp": directory}, probe=probe)
    return list(service.check("corp"))


def samples(found: list[Checked], name: str = "sample") -> list[tuple[str, str]]:
    return [(each.line.status.value, each.line.text) for each in found if each.line.name == name]


def failed(name: str) -> CheckLine:
    return CheckLine(name=name, status=CheckStatus.FAIL, text="no")


def test_three_people_are_shown_with_unit_and_nested_roles() -> None:
    directory = FakeDirectory(
        {
            "units": [LAB],
            "users": [person(name) for name in ("anna", "berta", "clara", "dora")],
            "roles": [group("inner", f"UID=Anna, ou=lab,{PEOPLE}"), group("outer", "cn=inner,ou=groups,dc=x")],
        }
    )
    found = checked(directory, roles={"map": {"outer": ["auditor"]}, "default": ["employee"]})
    assert [each.server for each in found] == ["ldap://a", "ldap://b", "", "", "", ""]
    texts = [text for _, text in samples(found)]
    assert len(texts) == 3
    assert texts[0] == (
        f"uid=anna,ou=Lab,{PEOPLE}: username=anna, first_name=Anna, last_name=Doe, email=anna@example.com, "
        "organization=Example Corp, unit=Lab; role identifiers: inner, outer; roles: auditor, employee"
    )
    assert texts[1].endswith("; role identifiers: none; roles: employee")
    assert directory.closed == 1


def test_roles_by_memberof() -> None:
    directory = FakeDirectory({"users": [person("anna", groups=["cn=staff,ou=groups,dc=x"])]})
    ((status, text),) = samples(checked(directory, roles={"member_attribute": "memberOf"}))
    assert status == "pass"
    assert "role identifiers: staff" in text


def test_people_that_cannot_be_used_are_told_and_passed_over() -> None:
    directory = FakeDirectory({"users": [person("anna", mail=False), person("berta")]})
    lines = samples(checked(directory))
    assert [status for status, _ in lines] == ["pass", "warn"]
    assert lines[1][1].startswith(f"uid=anna,ou=Lab,{PEOPLE} could not be used: email is required")


def test_finding_nobody_or_nobody_usable_fails() -> None:
    assert samples(checked(FakeDirectory({}))) == [("fail", "the search for people finds nobody")]
    lines = samples(checked(FakeDirectory({"users": [person("anna", mail=False)]})))
    assert ("fail", "none of the first 1 entries could be used") in lines


def test_a_read_that_is_cut_short_fails() -> None:
    for purpose in ("users", "roles", "units"):
        directory = FakeDirectory({"users": [person("anna")]} if purpose != "users" else {}, incomplete=purpose)
        ((status, text),) = [line for line in samples(checked(directory)) if line[0] == "fail"]
        assert status == "fail"
        assert text.startswith("Cut short.")
        assert directory.closed == 1


def test_a_server_that_fails_between_the_probe_and_the_sample_is_told() -> None:
    assert samples(checked(FakeDirectory({}, refuses=True))) == [("fail", "ldap://a refused")]


def test_no_sample_when_no_server_is_usable_but_one_is_enough() -> None:
    directory = FakeDirectory({"users": [person("anna")]})
    down = {"ldap://a": [failed("connect")], "ldap://b": [failed("connect")]}
    assert samples(checked(directory, down)) == []
    assert len(samples(checked(directory, {"ldap://a": [failed("connect")]}))) == 1


def test_credentials_that_are_refused_are_tried_on_one_server_only() -> None:
    found = checked(FakeDirectory({"users": [person("anna")]}), {"ldap://a": [PASSED, failed("bind")]})
    assert [(each.server, each.line.status.value, each.line.name) for each in found] == [
        ("ldap://a", "pass", "connect"),
        ("ldap://a", "fail", "bind"),
        ("ldap://b", "warn", "bind"),
    ]


def test_canaries_and_bases_are_looked_at() -> None:
    canary = {"dn": "uid=canary,dc=x", "attribute": "title"}
    seen = samples(checked(FakeDirectory({}), safety={"canaries": [canary]}), "canary")
    assert seen == [("pass", "title of uid=canary,dc=x is seen")]
    hidden = FakeDirectory({}, hidden=frozenset({"uid=canary,dc=x"}))
    ((status, text),) = samples(checked(hidden, safety={"canaries": [canary]}))
    assert (status, "the canary 'uid=canary,dc=x' was not seen" in text) == ("fail", True)
    ((status, text),) = samples(checked(FakeDirectory({}, hidden=frozenset({PEOPLE}))))
    assert (status, "may not be read" in text) == ("fail", True)


def test_what_is_usual_on_the_server_is_filled_in() -> None:
    attributes = {"objectguid": [bytes(16)], "samaccountname": [b"anna"], "mail": [b"a@example.com"]}
    entry = Entry(f"CN=anna,OU=Lab,{PEOPLE}", attributes)
    server = ServerInfo(url="ldap://a", vendor="active_directory", entry_id_attribute="objectguid")
    ((status, text),) = samples(checked(FakeDirectory({"users": [entry]}, server=server)))
    assert (status, "username=anna, email=a@example.com" in text) == ("pass", True)
    # what the site wrote stays
    own = {"base_dn": PEOPLE, "attributes": {"username": "uid"}}
    lines = samples(checked(FakeDirectory({"users": [entry]}, server=server), users=own))
    ((_, text),) = [line for line in lines if line[0] == "warn"]
    assert "username is required" in text


def test_the_feed_is_told_once_for_the_directory() -> None:
    found = checked(FakeDirectory({"users": [person("anna")]}))
    ((server, line),) = [(each.server, each.line) for each in found if each.line.name == "feed"]
    assert (server, line.status, "syncprov" in line.advice) == ("", CheckStatus.WARN, True)
    assert line.text.startswith("timestamp: ")
    ((status, text),) = samples(checked(FakeDirectory({"users": [person("anna")]}), feed="timestamp"), "feed")
    assert (status, text) == ("pass", "timestamp: chosen by `feed`")


@pytest.mark.parametrize(
    ("urls", "tls", "said"),
    [
        (
            ["ldap://a", "ldap://b"],
            {},
            "people of this directory cannot log in: no password is sent without TLS, which ldap://a,",
        ),
        (
            ["ldaps://a", "ldap://b"],
            {},
            "logins cannot use every server: no password is sent without TLS, which ldap://b would",
        ),
        (["LDAP://a"], {}, "people of this directory cannot log in"),
        (["ldaps://a"], {}, None),
        (["ldap://a"], {"starttls": True}, None),
        (["ldap://a"], {"plain_logins": True}, None),
    ],
)
def test_a_directory_whose_people_cannot_log_in_is_told(urls: list[str], tls: dict[str, bool], said: str | None) -> None:
    directory = FakeDirectory({"users": [person("anna")]})
    lines = [each.line for each in checked(directory, urls=urls, tls=tls) if each.line.name == "login"]
    assert [(line.status, line.text.startswith(said or "-")) for line in lines] == ([(CheckStatus.WARN, True)] if said else [])
    assert all("tls.starttls = true" in line.advice for line in lines)
