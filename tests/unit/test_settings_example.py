"""The example file is the settings' own documentation, and it works."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from syncd.settings.directory import DirectorySettings, Section
from syncd.settings.example import example_toml, toml_value
from syncd.settings.explain import rows, schema
from syncd.settings.load import load
from syncd.settings.root import RootSettings
from syncd.settings.tree import dotted, known_paths

COMMITTED = Path(__file__).parents[2] / "config" / "syncd.example.toml"
COMMENTED_SETTING = re.compile(r"^#(?=[\w\"])", re.MULTILINE)


def test_the_committed_example_is_the_generated_one() -> None:
    assert COMMITTED.read_text() == example_toml(), "run: syncd config example > config/syncd.example.toml"


def test_the_example_loads_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "syncd.toml"
    file.write_text(example_toml())
    loaded = load(file, {})
    assert loaded.settings.directories["corp"].organization == "Example Corp"
    assert loaded.warnings == ()


def test_the_example_loads_with_every_setting_switched_on(tmp_path: Path) -> None:
    for name in ("ca.pem", "client.pem", "client.key"):
        (tmp_path / name).touch(mode=0o600)
    text, count = COMMENTED_SETTING.subn("", example_toml())
    assert count > 40
    file = tmp_path / "syncd.toml"
    file.touch(mode=0o600)
    file.write_text(text.replace("/etc/syncd/", f"{tmp_path}/"))
    assert load(file, {}).settings.directories["corp"].bind == "simple"


def test_a_commented_default_is_the_default() -> None:
    on = tomllib.loads(COMMENTED_SETTING.sub("", example_toml()))
    corp = on["directories"]["corp"]
    required = {key: corp[key] for key in ("urls", "base_dn")}
    defaults = DirectorySettings(**required).model_dump(mode="json", by_alias=True)
    for section in ("tls", "users", "roles", "units", "schedule", "safety"):
        for key, value in corp[section].items():
            if defaults[section][key] not in (None, [], {}):
                assert value == defaults[section][key], f"{section}.{key}"


def test_every_setting_is_in_the_example() -> None:
    on = tomllib.loads(COMMENTED_SETTING.sub("", example_toml()))
    for path in known_paths(RootSettings, on):
        if path[:3] == ("directories", "corp", "organization") and len(path) > 3:
            assert f"{path[-1]} = " in example_toml()
            continue
        here = on
        for key in path:
            assert key in here, dotted(path)
            here = here[key]


@pytest.mark.parametrize("model", sorted(Section.__subclasses__(), key=lambda model: model.__name__))
def test_every_setting_has_its_docstring(model: type[Section]) -> None:
    assert model.__doc__
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name}"
        assert field.description.strip().endswith((".", "}", '"]')), f"{model.__name__}.{name} ends in the middle of a sentence"


def test_values_are_written_as_toml_reads_them() -> None:
    for value in ('a"b\\c\n\x7fü😀', True, 3, 2.5, ["a", "b"], {"a b": ["x"], "c": {"d": 1}}):
        assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value


def test_the_schema_describes_the_file() -> None:
    document = schema()
    assert document["$schema"].endswith("2020-12/schema")
    assert json.loads(json.dumps(document)) == document
    assert document["$defs"]["StoreSettings"]["properties"]["url"]["description"].startswith("sqlite:")
    units = document["$defs"]["UnitsSettings"]
    assert "from" in units["properties"]
    assert units["additionalProperties"] is False


def test_explaining_shows_every_value_with_its_origin_and_no_secret(tmp_path: Path) -> None:
    secret = "correct-horse-battery"
    file = tmp_path / "syncd.toml"
    file.touch(mode=0o600)
    file.write_text(
        f'[store]\nurl = "postgresql://u:{secret}@h/d"\n[directories.corp]\nurls = ["ldaps://h"]\nbase_dn = "dc=x"\n'
        f'bind_dn = "cn=x"\nbind_password = "{secret}"\n[directories.corp.roles.map]\n"CRM admins" = ["administrator"]\n'
    )
    loaded = load(file, {"SYNCD_LOG__LEVEL": "debug"})
    shown = {row.key: row for row in rows(loaded)}
    assert secret not in str(shown)
    assert shown["store.url"].value == "postgresql://u:••••••@h/d"
    assert shown["directories.corp.bind_password"] == ("directories.corp.bind_password", "••••••", f"file {file}")
    assert shown["log.level"] == ("log.level", "debug", "environment SYNCD_LOG__LEVEL")
    assert shown["directories.corp.page_size"] == ("directories.corp.page_size", 1000, "default")
    assert shown["directories.corp.urls"].origin == f"file {file}"
    assert shown['directories.corp.roles.map."CRM admins"'].value == ["administrator"]
    assert shown["directories.corp.units.from"].value == "ou"
    assert shown["directories.corp.users.scope"].value == "sub"
    assert len(shown) == len(rows(loaded))
