"""`syncd config`, `syncd check`, and what every call of the program has in common."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.functional.cli import COMMAND, ROOT, environment, on_a_terminal, process, syncd

CORP = '[directories.corp]\nurls = ["ldaps://ldap.example.com"]\nbase_dn = "dc=example,dc=com"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "syncd.toml"
    file.touch(mode=0o600)
    file.write_text(CORP + 'bind_dn = "cn=x"\nbind_password = "correct horse"\n')
    return file


# ---------------------------------------------------------------- config
def test_the_example_is_the_committed_one() -> None:
    result = process("config", "example")
    assert (result.code, result.err) == (0, "")
    assert result.out == (ROOT / "config" / "syncd.example.toml").read_text()
    assert tomllib.loads(result.out)["directories"]["corp"]


def test_show_says_where_each_value_comes_from_and_no_secret(config: Path) -> None:
    result = syncd("-c", config, "config", "show", env={"SYNCD_LOG__LEVEL": "error"})
    assert result.code == 0
    lines = {line.split()[0]: line for line in result.out.splitlines()}
    assert lines["log.level"].split()[1:] == ["error", "environment", "SYNCD_LOG__LEVEL"]
    assert lines["directories.corp.base_dn"].endswith(f"file {config}")
    assert lines["directories.corp.page_size"].split()[1:] == ["1000", "default"]
    assert "••••••" in lines["directories.corp.bind_password"]
    assert "correct horse" not in result.out + result.err


def test_show_as_json_and_csv(config: Path) -> None:
    items = syncd("--output", "json", "config", "show", "-c", config).json()["items"]
    values = {item["key"]: item["value"] for item in items}
    assert values["directories.corp.page_size"] == 1000
    assert values["directories.corp.urls"] == ["ldaps://ldap.example.com"]
    assert values["directories.corp.bind_password"] == "••••••"
    text = syncd("config", "show", "--output=csv", f"--config={config}").out
    assert text.splitlines()[0] == "key,value,origin"
    assert f'directories.corp.base_dn,"dc=example,dc=com",file {config}' in text


def test_the_schema_is_json() -> None:
    assert syncd("config", "schema").json()["title"] == "syncd configuration"


def test_warnings_go_to_standard_error(config: Path) -> None:
    config.chmod(0o644)
    result = syncd("config", "show", "-c", config)
    assert result.code == 0
    assert result.err == f"warning: everyone on this machine may read {config}, which holds a secret: chmod o= {config}\n"


# ---------------------------------------------------------------- mistakes
def test_all_mistakes_are_told_and_the_exit_code_is_78(tmp_path: Path) -> None:
    file = tmp_path / "syncd.toml"
    file.write_text(CORP + 'user = "x"\npage_size = "many"\n[directories.corp.users.attributes]\nusrname = "uid"\n')
    result = syncd("status", "-c", file, env={"SYNCD_STORE_URL": "x"})
    assert (result.code, result.out) == (78, "")
    assert result.err.startswith("error: the configuration has 7 mistakes:\n")
    for part in (
        "unknown environment variable SYNCD_STORE_URL: did you mean SYNCD_STORE__URL?",
        "unknown key directories.corp.user: did you mean directories.corp.users?",
        'directories.corp.page_size: must be a whole number, not "many"',
        'directories.corp.users.attributes.usrname: there is no field "usrname"; did you mean "username"?',
        "directories.corp.users.attributes: username is not mapped",
        "directories.corp.users.required: ",
    ):
        assert f"  - {part}" in result.err
    assert "Traceback" not in result.err


def test_a_missing_file_is_told() -> None:
    result = syncd("-c", "/nowhere/syncd.toml", "config", "show")
    assert (result.code, result.err) == (78, "error: the configuration file /nowhere/syncd.toml does not exist\n")


@pytest.mark.parametrize("verb", [["sync"], ["run"], ["check", "--connect"]])
def test_who_syncs_needs_a_directory(tmp_path: Path, verb: list[str]) -> None:
    file = tmp_path / "syncd.toml"
    file.touch()
    result = syncd("-c", file, *verb)
    assert result.code == 78
    assert f"no directory is configured in the file {file}" in result.out + result.err


# ---------------------------------------------------------------- check
def test_check_without_connecting(config: Path) -> None:
    result = syncd("check", "-c", config)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"  pass  configuration: file {config} is usable; directories: corp\n"


def test_check_names_the_directories_that_there_are_when_asked_about_another(config: Path) -> None:
    for further in ((), ("--connect",)):
        result = syncd("check", "nosuch", *further, "-c", config)
        assert (result.code, result.out) == (1, "")
        assert "no directory is called 'nosuch'; configured: corp" in result.err


def test_check_warns_where_people_could_not_log_in(config: Path) -> None:
    config.write_text(config.read_text().replace("ldaps://", "ldap://"))
    result = syncd("check", "-c", config)
    assert result.code == 0
    assert "corp:\n  warn  login: people of this directory cannot log in" in result.out
    assert "tls.starttls = true" in result.out
    config.write_text(config.read_text() + "tls.starttls = true\n")
    assert "login" not in syncd("check", "-c", config).out


def test_check_tells_all_mistakes(config: Path) -> None:
    config.write_text(config.read_text() + "page_size = 0\nfilter = 1\n")
    result = syncd("check", "-c", config)
    assert result.code == 78
    assert len(re.findall("^  fail  configuration: ", result.out, re.MULTILINE)) == 2
    items = syncd("check", "--output", "json", "-c", config).json()["items"]
    assert [item["status"] for item in items] == ["fail", "fail"]
    assert items[0]["text"].startswith("directories.corp.page_size: must be greater than or equal to 1")


# ---------------------------------------------------------------- every call
def test_help_and_config_import_neither_adapters_nor_the_server() -> None:
    code = (
        "import sys\nsys.argv = ['syncd', 'config', 'example']\nfrom syncd.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([name for name in ('sqlalchemy', 'alembic', 'ldap3', 'aiohttp', 'rich', 'structlog') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_goes_away_is_no_error() -> None:
    shell = f"{' '.join(COMMAND)} config example | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell], capture_output=True, text=True, env=environment(), check=False
    )
    assert done.stdout == "# Configuration of syncd.\n"
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_debug_shows_the_traceback() -> None:
    result = process("-c", "/nowhere", "config", "show", "--debug")
    assert result.code != 0
    assert "Traceback" in result.err


def test_tables_are_framed_on_a_terminal_only(config: Path) -> None:
    code, shown = on_a_terminal(["-c", config, "config", "show"])
    assert code == 0
    assert "─" in shown
    assert "\x1b[" in shown
    assert "─" not in syncd("-c", config, "config", "show").out
