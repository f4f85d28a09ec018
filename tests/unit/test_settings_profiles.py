"""What a profile fills in, and what it never touches."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from syncd.errors import ConfigurationError
from syncd.mapping.account import SCHEMES, account_scheme
from syncd.mapping.configuration import configuration_digest
from syncd.mapping.validate import validate_mapping
from syncd.services.configuration import load_checked
from syncd.settings.directory import DirectorySettings
from syncd.settings.explain import rows
from syncd.settings.load import load
from syncd.settings.profiles import VENDORS, as_configured, fill, filled_keys, possible, profile_of

ROOT = Path(__file__).parents[2]
LEAST = {"urls": ["ldaps://dc1.example.com"], "base_dn": "dc=example,dc=com"}


def written(**more: Any) -> DirectorySettings:
    return DirectorySettings.model_validate(LEAST | more)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_profile_alone_is_a_mapping_that_works(vendor: str) -> None:
    settings = fill(written(), profile_of(vendor))
    assert validate_mapping(settings, {}) == []
    # what `fill` builds without validation is what validation would have built
    assert DirectorySettings.model_validate(settings.model_dump(by_alias=True)) == settings


@pytest.mark.parametrize("vendor", VENDORS)
def test_account_state_is_kept_as_the_mapping_reads_it(vendor: str) -> None:
    assert profile_of(vendor).account.state == account_scheme(written(), vendor)
    assert profile_of(vendor).account.state in SCHEMES


@pytest.mark.parametrize("vendor", ["openldap", "ds389", "generic"])
def test_the_settings_own_defaults_are_those_of_the_standard(vendor: str) -> None:
    filled = fill(written(), profile_of(vendor))
    assert filled == written()
    one, other = (configuration_digest(settings, {}, entry_id_attribute="entryUUID") for settings in (filled, written()))
    assert one == other, "sites that were there before profiles look like another company"


def test_active_directory() -> None:
    settings = fill(written(), profile_of("active_directory"))
    assert settings.users.filter == "(&(sAMAccountType=805306368)(!(isCriticalSystemObject=TRUE)))"
    assert settings.users.attributes["username"] == "sAMAccountName"
    assert settings.users.required == ["username"]
    assert (settings.roles.member_attributes, settings.roles.primary_group) == (("member",), True)


def test_what_the_site_wrote_stays_key_by_key() -> None:
    site = written(
        page_size=250,
        users={"filter": "(objectClass=person)", "attributes": {"username": "uid"}},
        roles={"id_attribute": "cn", "primary_group": False, "map": {"admins": ["administrator"]}},
        units={"from": "none"},
    )
    filled = fill(site, profile_of("active_directory"))
    assert filled.page_size == 250
    assert filled.users.filter == "(objectClass=person)"
    assert filled.users.attributes == {"username": "uid"}, "the table is replaced as a whole"
    assert filled.users.required == ["username"]
    assert (filled.roles.id_attribute, filled.roles.primary_group) == ("cn", False)
    assert filled.roles.filter == profile_of("active_directory").defaults.roles.filter
    assert filled.roles.map == {"admins": ["administrator"]}
    assert filled.units.from_ == "none"


def test_a_default_that_the_site_wrote_out_stays_too() -> None:
    site = written(roles={"id_attribute": "cn"})
    assert site == written()
    assert fill(site, profile_of("active_directory")).roles.id_attribute == "cn"


def test_filling_again_changes_nothing_and_another_vendor_starts_anew() -> None:
    site = written(users={"filter": "(objectClass=person)"})
    filled = fill(site, profile_of("active_directory"))
    assert fill(filled, profile_of("active_directory")) == filled
    assert fill(filled, profile_of("openldap")) == fill(site, profile_of("openldap"))
    assert site == written(users={"filter": "(objectClass=person)"}), "the settings given are left as they are"


def test_which_keys_are_filled() -> None:
    site = written(
        page_size=250, users={"attributes": {"username": "uid"}}, roles={"filter": "(a=b)"}, units={"filter": "(a=b)"}
    )
    assert {".".join(path) for path in filled_keys(site, profile_of("active_directory"))} == {
        *("users.filter", "users.required"),
        *("roles.id_attribute", "roles.member_attribute", "roles.primary_group"),
    }
    attributes = {path[-1] for path in filled_keys(written(), profile_of("openldap")) if path[:2] == ("users", "attributes")}
    assert attributes == {"username", "email", "first_name", "last_name"}


def test_a_vendor_that_is_named_is_filled_before_any_server_answers() -> None:
    assert as_configured(written()) == written()
    assert as_configured(written(vendor="active_directory")).roles.primary_group
    assert len(possible(written())) == len(VENDORS)
    assert possible(written(vendor="ds389")) == (fill(written(vendor="ds389"), profile_of("ds389")),)


def test_a_vendor_nobody_knows() -> None:
    with pytest.raises(KeyError):
        profile_of("../openldap")


@pytest.mark.parametrize("vendor", ["openldap", "ds389", "active_directory"])
def test_the_example_of_a_usual_site(vendor: str) -> None:
    password = {"SYNCD_DIRECTORIES__CORP__BIND_PASSWORD": "secret"}
    loaded = load(ROOT / "config" / f"{vendor}.toml", password, further=validate_mapping)
    assert loaded.warnings == ()
    corp = loaded.settings.directories["corp"]
    assert corp.vendor == vendor
    assert corp.model_fields_set <= {"urls", "vendor", "base_dn", "bind_dn", "bind_password", "organization", "roles"}
    assert corp.roles.model_fields_set == {"map"}
    shown = {row.key: row for row in rows(loaded)}
    assert shown["directories.corp.users.filter"].value == profile_of(vendor).defaults.users.filter
    assert shown["directories.corp.users.filter"].origin == f"profile {vendor}"
    assert shown["directories.corp.users.attributes.username"].origin == f"profile {vendor}"
    assert shown["directories.corp.users.scope"].origin == "default"
    assert shown["directories.corp.vendor"].origin.startswith("file ")


def test_the_page_of_profiles_is_true() -> None:
    spec = importlib.util.spec_from_file_location("profile_table", ROOT / "script" / "profile_table.py")
    assert spec
    assert spec.loader
    script: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (ROOT / "docs" / "directories.md").read_text(encoding="utf-8")
    assert page == script.renewed(page), "renew it: python script/profile_table.py docs/directories.md"
    assert all(f"| {title} |" in page for title in ("entry id", "account state"))


def test_mistakes_are_found_before_any_server_answers(tmp_path: Path) -> None:
    """With "auto" whatever the servers may turn out to be; each mistake once."""
    file = tmp_path / "syncd.toml"
    text = '[directories.corp]\nurls = ["ldaps://a"]\nbase_dn = "dc=x"\nusers.attributes = {{ username = "uid" }}\n{}\n'
    file.write_text(text.format(""))
    with pytest.raises(ConfigurationError) as caught:
        load_checked(file, {})
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["directories.corp.users.required"] * 2
    # there an account needs no more than a name
    file.write_text(text.format('vendor = "active_directory"'))
    assert load_checked(file, {}).settings.directories["corp"].users.attributes == {"username": "uid"}
