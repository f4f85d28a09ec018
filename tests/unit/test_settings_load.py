"""Where settings come from, and what is said when they are wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from syncd.errors import ConfigurationError
from syncd.settings.load import Loaded, load

CORP = """\
[directories.corp]
urls = ["ldaps://ldap.example.com"]
base_dn = "dc=example,dc=com"
"""
SECRET = "correct horse battery"


class Site:
    """A folder with a configuration file, and an environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "syncd.toml"
        self.environ: dict[str, str] = {}

    def write(self, text: str, name: str = "syncd.toml", mode: int = 0o600) -> Path:
        file = self.folder / name
        file.write_text(text)
        file.chmod(mode)
        return file

    def load(self, text: str | None = None, **environ: str) -> Loaded:
        if text is not None:
            self.write(text)
        return load(self.file if self.file.exists() else None, {**self.environ, **environ})

    def problems(self, text: str | None = None, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            self.load(text, **(environ or {}))
        assert caught.value.exit_code == 78
        return list(caught.value.problems)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr("syncd.settings.load.DEFAULT_CONFIG", tmp_path / "etc" / "syncd.toml")
    return Site(tmp_path)


# ---------------------------------------------------------------- sources and their order
def test_without_a_file_there_are_the_defaults(site: Site) -> None:
    loaded = site.load()
    assert loaded.settings.store.url == "sqlite:////var/lib/syncd/syncd.db"
    assert loaded.origins == {}
    assert loaded.origin("store.url") == "default"
    assert loaded.file is None


def test_the_environment_alone_is_enough(site: Site) -> None:
    loaded = site.load(
        SYNCD_STORE__URL="postgresql://h/d",
        SYNCD_DIRECTORIES__CORP__URLS="ldaps://a, ldaps://b",
        SYNCD_DIRECTORIES__CORP__BASE_DN="dc=x",
        SYNCD_DIRECTORIES__CORP__SCHEDULE__ON_START="false",
        SYNCD_DIRECTORIES__CORP__PAGE_SIZE="200",
    )
    corp = loaded.settings.directories["corp"]
    assert corp.urls == ["ldaps://a", "ldaps://b"]
    assert corp.page_size == 200
    assert corp.schedule.on_start is False
    assert loaded.origin("directories.corp.urls") == "environment SYNCD_DIRECTORIES__CORP__URLS"
    assert loaded.origin("directories.corp.vendor") == "default"


def test_the_last_source_wins_and_is_named(site: Site) -> None:
    text = CORP + f'bind_dn = "cn=x"\nbind_password = "{SECRET} in the file"\n'
    variable = "SYNCD_DIRECTORIES__CORP__BIND_PASSWORD"

    def password_and_origin(**environ: str) -> tuple[str, str]:
        loaded = site.load(text, **environ)
        password = loaded.settings.directories["corp"].bind_password
        assert password is not None
        return password.get_secret_value(), loaded.origin("directories.corp.bind_password")

    assert password_and_origin() == (f"{SECRET} in the file", f"file {site.file}")
    environ = {variable: "direct"}
    assert password_and_origin(**environ) == ("direct", f"environment {variable}")
    secret = site.write("from a file\n", "secret")
    environ[f"{variable}_FILE"] = str(secret)
    assert password_and_origin(**environ) == ("from a file", f"file {secret} named by {variable}_FILE")
    (site.folder / "credentials").mkdir()
    site.write("credential", "credentials/syncd.directories__corp__bind_password")
    environ["CREDENTIALS_DIRECTORY"] = str(site.folder / "credentials")
    assert password_and_origin(**environ) == ("credential", "systemd credential syncd.directories__corp__bind_password")


@pytest.mark.parametrize("name", ["syncd.STORE__PASSWORD", "STORE__PASSWORD", "store__password", "SYNCD_STORE__PASSWORD"])
def test_a_credential_may_be_spelled_in_several_ways(site: Site, name: str) -> None:
    (site.folder / "credentials").mkdir()
    site.write(SECRET, f"credentials/{name}")
    site.write("of someone else", "credentials/tls.pem")
    loaded = site.load(CREDENTIALS_DIRECTORY=str(site.folder / "credentials"))
    assert loaded.settings.store.password is not None
    assert loaded.settings.store.password.get_secret_value() == SECRET
    assert loaded.origin("store.password") == f"systemd credential {name}"


def test_one_line_end_is_taken_off_a_file_and_no_more(site: Site) -> None:
    for content, expected in (("a b \n", "a b "), ("x\r\n", "x"), ("x\n\n", "x\n"), ("x", "x")):
        file = site.write(content, "secret")
        loaded = site.load(SYNCD_STORE__PASSWORD_FILE=str(file))
        assert loaded.settings.store.password is not None
        assert loaded.settings.store.password.get_secret_value() == expected


def test_a_key_that_ends_in_file_is_not_a_file_with_the_value(site: Site) -> None:
    pem = site.write("-", "ca.pem")
    loaded = site.load(CORP, SYNCD_DIRECTORIES__CORP__TLS__CA_FILE=str(pem))
    assert loaded.settings.directories["corp"].tls.ca_file == pem


def test_tables_in_variables_are_json_and_single_keys_refine_them(site: Site) -> None:
    loaded = site.load(
        CORP + '[directories.corp.roles.map]\nadmins = ["administrator"]\n',
        SYNCD_DIRECTORIES__CORP__ROLES__MAP='{"CRM Users": ["user", "reader"]}',
        SYNCD_DIRECTORIES__CORP__ROLES__MAP__ADMINS="owner, auditor",
        SYNCD_DIRECTORIES__CORP__USERS__ATTRIBUTES='{"username": "uid", "email": ["mail", "x"]}',
        SYNCD_DIRECTORIES__CORP__USERS__ATTRIBUTES__DISPLAY_NAME="{givenName} {sn}",
        SYNCD_DIRECTORIES__CORP__ORGANIZATION__FROM="attribute:o",
        SYNCD_CUSTOM_FIELDS__COST_CENTER="text",
    )
    corp = loaded.settings.directories["corp"]
    assert corp.roles.map == {"admins": ["owner", "auditor"], "CRM Users": ["user", "reader"]}
    assert corp.users.attributes == {"username": "uid", "email": ["mail", "x"], "display_name": "{givenName} {sn}"}
    assert not isinstance(corp.organization, str)
    assert corp.organization.from_ == "attribute:o"
    assert loaded.settings.custom_fields == {"cost_center": "text"}
    assert loaded.origin('directories.corp.roles.map."CRM Users"') == "environment SYNCD_DIRECTORIES__CORP__ROLES__MAP"
    assert loaded.origin("directories.corp.roles.map.admins") == "environment SYNCD_DIRECTORIES__CORP__ROLES__MAP__ADMINS"


def test_a_variable_finds_a_directory_with_a_hyphen(site: Site) -> None:
    loaded = site.load(CORP.replace("corp", "corp-eu"), SYNCD_DIRECTORIES__CORP_EU__PAGE_SIZE="7")
    assert loaded.settings.directories["corp-eu"].page_size == 7
    assert list(loaded.settings.directories) == ["corp-eu"]


def test_a_value_may_take_the_place_of_a_table(site: Site) -> None:
    loaded = site.load(
        CORP + '[directories.corp.organization]\nfrom = "ou"\n', SYNCD_DIRECTORIES__CORP__ORGANIZATION="Example Corp"
    )
    assert loaded.settings.directories["corp"].organization == "Example Corp"
    assert [key for key in loaded.origins if "organization" in key] == ["directories.corp.organization"]


def test_never_switches_a_schedule_off(site: Site) -> None:
    corp = site.load(CORP + '[directories.corp.schedule]\nchanges = "never"\n').settings.directories["corp"]
    assert corp.schedule.changes is None
    assert corp.schedule.full == "0 3 * * *"


# ---------------------------------------------------------------- which file
def test_the_file_that_is_asked_for_must_be_there(site: Site) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere.toml does not exist"):
        load(site.folder / "nowhere.toml", {})
    with pytest.raises(ConfigurationError, match=r"nowhere.toml does not exist"):
        load(None, {"SYNCD_CONFIG": str(site.folder / "nowhere.toml")})
    with pytest.raises(ConfigurationError, match="is not a file"):
        load(site.folder, {})


def test_the_argument_wins_over_the_variable_and_that_over_the_default(site: Site) -> None:
    (site.folder / "etc").mkdir()
    default = site.write('[log]\nlevel = "debug"\n', "etc/syncd.toml")
    named = site.write('[log]\nlevel = "error"\n', "named.toml")
    asked = site.write('[log]\nlevel = "warning"\n', "asked.toml")
    environ = {"SYNCD_CONFIG": str(named)}
    assert (load(None, {}).file, load(None, {}).settings.log.level) == (default, "debug")
    assert (load(None, environ).file, load(None, environ).settings.log.level) == (named, "error")
    assert (load(asked, environ).file, load(asked, environ).settings.log.level) == (asked, "warning")


def test_loading_again_sees_what_changed(site: Site) -> None:
    assert site.load('[log]\nlevel = "debug"\n').settings.log.level == "debug"
    assert site.load('[log]\nlevel = "error"\n').settings.log.level == "error"


# ---------------------------------------------------------------- mistakes
def test_all_mistakes_are_told_at_once(site: Site) -> None:
    problems = site.problems(
        """\
        [store]
        url = "mysql://h/d"
        pool_size = "many"
        [directories.corp]
        url = "ldaps://h"
        urls = ["ldaps://ok", "http://h"]
        base_dn = "nonsense"
        page_size = 0
        [directories.corp.users]
        filter = "(uid=*"
        [directories.corp.schedule]
        full = "60 * * * *"
        [directories.corp.safety]
        purge_after = "30"
        [directories.other]
        urls = ["ldaps://h"]
        base_dn = "dc=x"
        bind_dn = "cn=x"
        [directories.other.tls]
        starttls = true
        ca_file = "/nowhere/ca.pem"
        """,
        {
            "SYNCD_HTTP__LISTEN": "8080",
            "SYNCD_STOER__URL": "x",
            "SYNCD_DIRECTORIES__CORP__BIND_PASSWORD_FILE": "/nowhere/secret",
        },
    )
    expected = [
        "store.url: must be sqlite",
        'store.pool_size: must be a whole number, not "many" (file ',
        "unknown key directories.corp.url: did you mean directories.corp.urls?",
        "directories.corp.urls[1]: 'http://h' does not begin with ldap:// or ldaps:// (file ",
        "directories.corp.base_dn: 'nonsense' is not a distinguished name",
        "directories.corp.page_size: must be greater than or equal to 1, not 0 (file ",
        "directories.corp.users.filter: filter '(uid=*', at its end: ')' is missing",
        "directories.corp.schedule.full: '60 * * * *' is not a cron expression",
        "directories.corp.safety.purge_after: '30' is not a length of time",
        "directories.other.bind_password: is missing, and bind_dn is set",
        "directories.other.tls.starttls: does not go with ldaps://h",
        "directories.other.tls.ca_file: /nowhere/ca.pem does not exist (file ",
        "http.listen: '8080' is not an address and a port: write 127.0.0.1:8080 or [::1]:8080 (environment SYNCD_HTTP__LISTEN)",
        "unknown environment variable SYNCD_STOER__URL: did you mean SYNCD_STORE__URL?",
        "directories.corp.bind_password: file /nowhere/secret cannot be read: No such file or directory",
    ]
    for start in expected:
        assert sum(problem.startswith(start) for problem in problems) == 1, start
    assert len(problems) == len(expected)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('user = "x"', "unknown key directories.corp.user: did you mean directories.corp.users?"),
        ("starttls = true", "unknown key directories.corp.starttls: did you mean directories.corp.tls.starttls?"),
        ('password = "x"', "unknown key directories.corp.password: did you mean directories.corp.bind_password?"),
        ('user_filter = "x"', "unknown key directories.corp.user_filter: did you mean directories.corp.users.filter?"),
        (
            'filter = "x"',
            "unknown key directories.corp.filter: did you mean directories.corp.users.filter, directories.corp.roles.filter "
            "or directories.corp.units.filter?",
        ),
        ('xyzzy = "x"', "unknown key directories.corp.xyzzy: there are urls, vendor, base_dn"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_right_one(site: Site, line: str, message: str) -> None:
    (problem,) = site.problems(CORP + line)
    assert problem.startswith(message)
    assert problem.endswith(f"(file {site.file})")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("SYNCD_STORE_URL", "did you mean SYNCD_STORE__URL?"),
        ("SYNCD_STORE__PASWORD", "did you mean SYNCD_STORE__PASSWORD?"),
        ("SYNCD_STORE__PASWORD_FILE", "did you mean SYNCD_STORE__PASSWORD_FILE?"),
        ("SYNCD_DIRECTORIES__CORP__BIND_PASWORD", "did you mean SYNCD_DIRECTORIES__CORP__BIND_PASSWORD?"),
        ("SYNCD_DIRECTORIES__CORP__STARTTLS", "did you mean SYNCD_DIRECTORIES__CORP__TLS__STARTTLS?"),
        ("SYNCD_DIRECTORIES__CROP__PAGE_SIZE", "did you mean corp?"),
        ("SYNCD_XYZZYPLUGH", "it names no setting"),
        ("SYNCD_", "it names no setting"),
    ],
)
def test_an_unknown_variable_is_told_with_the_nearest_right_one(site: Site, name: str, message: str) -> None:
    (problem,) = site.problems(CORP, {name: SECRET})
    assert name in problem
    assert message in problem
    assert SECRET not in problem


def test_an_unknown_credential_with_our_prefix_is_told(site: Site) -> None:
    (site.folder / "credentials").mkdir()
    site.write("x", "credentials/syncd.store__pasword")
    (problem,) = site.problems("", {"CREDENTIALS_DIRECTORY": str(site.folder / "credentials")})
    assert problem == "unknown systemd credential syncd.store__pasword: did you mean syncd.store__password?"


def test_what_kubernetes_sets_for_a_service_called_syncd_is_no_mistake(site: Site) -> None:
    environ = {
        "SYNCD_SERVICE_HOST": "10.0.0.1",
        "SYNCD_SERVICE_PORT": "8080",
        "SYNCD_SERVICE_PORT_HTTP": "8080",
        "SYNCD_PORT": "tcp://10.0.0.1:8080",
        "SYNCD_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "SYNCD_PORT_8080_TCP_ADDR": "10.0.0.1",
        "SYNCD_DB_SERVICE_HOST": "10.0.0.1",
    }
    assert site.load(CORP, **environ).settings.directories


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[store]\nurl "x"\n', "is not TOML: Expected '=' after a key in a key/value pair (at line 2, column 5)"),
        (b"[store]\n[store]\n", "is not TOML: Cannot declare"),
        (b"\xff", "is not UTF-8 text: byte 1 is wrong"),
        (b"\xef\xbb\xbf[store]\n", "begins with a byte order mark"),
    ],
)
def test_a_file_that_is_not_toml_is_told_with_the_place(site: Site, content: bytes, message: str) -> None:
    site.file.write_bytes(content)
    problems = site.problems(None, {"SYNCD_FOO_BAR_BAZ": "x"})
    assert problems[0].startswith(f"file {site.file} {message}")
    assert len(problems) == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("organization = 3", "directories.corp.organization: must be text or a table, not 3"),
        ('organization = { fro = "ou" }', "directories.corp.organization.from: is missing"),
        ("users.attributes.title = 3", "directories.corp.users.attributes.title: must be text, a list or a table, not 3"),
        ('users.attributes.title = ["a", 3]', "directories.corp.users.attributes.title[1]: must be text, in quotes, not 3"),
        (
            'users.attributes.title = { atribute = "x" }',
            "unknown key directories.corp.users.attributes.title.atribute: did you mean "
            "directories.corp.users.attributes.title.attribute?",
        ),
        ('roles.map."a b" = "admin"', 'directories.corp.roles.map."a b": must be a list, as in ["a", "b"], not "admin"'),
        ("roles.nested = 3", "directories.corp.roles.nested: must be true or false, not 3"),
        ('vendor = "novell"', "directories.corp.vendor: must be 'auto', 'openldap', 'ds389', 'active_directory' or 'generic'"),
        ("users = 3", "directories.corp.users: must be a table, not 3"),
        ("tls.ca_file = 3", "directories.corp.tls.ca_file: must be the path of a file, in quotes, not 3"),
        ("connect_timeout = 0", "directories.corp.connect_timeout: must be greater than 0, not 0"),
        ('units.from = "dept"', "directories.corp.units.from: must"),
    ],
)
def test_a_wrong_type_is_told_in_plain_words(site: Site, line: str, message: str) -> None:
    problems = site.problems(CORP + line)
    assert problems[0].startswith(message), problems
    assert len(problems) == 1 or "fro" in line


def test_names_are_checked(site: Site) -> None:
    problems = site.problems('[custom_fields]\nCost = "text"\nusername = "text"\n' + CORP.replace("corp", "Corp"))
    assert any(problem.startswith("custom_fields.Cost: the name of a custom field") for problem in problems)
    assert any(problem.startswith("directories.Corp: the name of a directory") for problem in problems)
    (problem,) = site.problems('[custom_fields]\nusername = "text"\n')
    assert "'username' is a field that every person has" in problem


def test_bad_json_in_a_variable_is_told_without_its_text(site: Site) -> None:
    (problem,) = site.problems(CORP, {"SYNCD_DIRECTORIES__CORP__ROLES__MAP": f'{{"{SECRET}'})
    assert problem.startswith("directories.corp.roles.map: is not valid JSON: ")
    assert problem.endswith("(environment SYNCD_DIRECTORIES__CORP__ROLES__MAP)")
    assert SECRET not in problem


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            'bind_dn = "cn=x"',
            "bind_password: is missing, and bind_dn is set: name a file with the password in SYNCD_DIRECTORIES__CORP",
        ),
        ('bind_dn = "cn=x"\nbind_password = ""', "bind_password: is missing, and bind_dn is set"),
        ('bind_password = "x"', "bind_dn: is missing, and bind_password is set"),
        ('bind = "simple"\nbind_password = "x"', 'bind_dn: is missing: bind = "simple" needs it'),
        ('bind = "anonymous"\nbind_dn = "cn=x"', 'bind_dn: does not go with bind = "anonymous"'),
        ('bind = "external"', 'tls.cert_file: is missing: bind = "external"'),
        ('tls.key_file = "/dev/null"', "tls.key_file: /dev/null is not a file"),
        ("tls.starttls = true", "tls.starttls: does not go with ldaps://ldap.example.com"),
        ('urls = ["ldap://a", "ldap://a"]', "urls: ldap://a stands there twice"),
    ],
)
def test_keys_that_need_or_exclude_each_other(site: Site, lines: str, message: str) -> None:
    text = CORP + lines if "urls" not in lines else '[directories.corp]\nbase_dn = "dc=x"\n' + lines
    problems = site.problems(text)
    assert problems[0].startswith(f"directories.corp.{message}"), problems


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[export]\nfields = ["usernam"]', "export.fields: no field is called 'usernam': did you mean username? (file "),
        ('[export]\nfields = ["custom.badge"]', "export.fields: no field is called 'custom.badge'"),
        ('[export]\nfields = ["id", "id"]', "export.fields: id stands there twice (file "),
        ('[login]\nsession_idle = "0s"', "login.session_idle: '0s' is no time at all: write 90s"),
        ('[login]\nlock_duration = "0m"', "login.lock_duration: '0m' is no time at all"),
        ('[passwords]\nmax_age = "0d"', "passwords.max_age: '0d' is no time at all"),
        ('[webhooks.hr]\ntimeout = "0s"', "webhooks.hr.timeout: '0s' is no time at all"),
        ("[webhooks.HR]", "webhooks.HR: the name of a directory or a webhook has lower case letters"),
        ('[mail]\nca_file = "/nowhere/ca.pem"', "mail.ca_file: /nowhere/ca.pem does not exist (file "),
        ('administrator_roles = [" "]', "administrator_roles[0]: a role has a name (file "),
    ],
)
def test_what_could_not_work_is_refused(site: Site, text: str, message: str) -> None:
    (problem,) = site.problems(text)
    assert problem.startswith(message), problem


def test_columns_of_exports_may_be_custom_fields(site: Site) -> None:
    text = '[custom_fields]\nbadge = "{type}"\n[export]\nfields = ["custom.badge", "login_count", "dns"]\n'
    assert site.load(text.replace("{type}", "text")).settings.export.fields == ["custom.badge", "login_count", "dns"]
    # one mistake is not told as two
    (problem,) = site.problems(text.replace("{type}", "number"))
    assert problem.startswith("custom_fields.badge: must be"), problem


def test_nothing_is_said_about_keys_that_rest_on_a_wrong_one(site: Site) -> None:
    (problem,) = site.problems(CORP + 'bind_dn = "cn=x"\nbind_password = 3\n')
    assert problem.startswith("directories.corp.bind_password: must")


# ---------------------------------------------------------------- secrets
def test_a_secret_is_in_no_repr_and_in_no_message(site: Site) -> None:
    text = CORP + f'bind_dn = "cn=x"\nbind_password = "{SECRET}"\n[http]\noperator_token = "{SECRET}"\n'
    loaded = site.load(text + f'[store]\nurl = "postgresql://u:{SECRET.replace(" ", "-")}@h/d"\n')
    assert SECRET not in repr(loaded)
    assert SECRET.replace(" ", "-") not in repr(loaded)
    assert SECRET not in loaded.settings.model_dump_json()
    short = site.problems('[http]\noperator_token = "hush"\n[store]\npassword = ["hush"]\n')
    assert len(short) == 2
    assert "http.operator_token: must have at least 16 characters" in short[1] + short[0]
    assert not any("hush" in problem for problem in short)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
def test_secrets_that_everyone_may_read_are_a_warning(site: Site) -> None:
    text = CORP + 'bind_dn = "cn=x"\nbind_password = "x"\n'
    assert site.load(text).warnings == ()
    site.file.chmod(0o644)
    (warning,) = load(site.file, {}).warnings
    assert warning == f"everyone on this machine may read {site.file}, which holds a secret: chmod o= {site.file}"
    secret = site.write("x", "secret", 0o604)
    site.write(CORP)
    (warning,) = site.load(SYNCD_STORE__PASSWORD_FILE=str(secret)).warnings
    assert str(secret) in warning
    site.file.chmod(0o644)
    assert load(site.file, {}).warnings == ()


def test_what_is_risky_but_wanted_is_a_warning(site: Site) -> None:
    plain = CORP.replace("ldaps://", "ldap://") + 'bind_dn = "cn=x"\nbind_password = "x"\n'
    (warning,) = site.load(plain).warnings
    assert "the password goes to ldap://ldap.example.com unencrypted" in warning
    assert site.load(plain.replace("ldap.example.com", "127.0.0.1:1389")).warnings == ()
    (warning,) = site.load(CORP + 'tls.verify = "none-insecure"\n').warnings
    assert warning.startswith('directories.corp.tls.verify: with "none-insecure" anyone')


def test_a_variable_and_its_file_together_are_a_warning(site: Site) -> None:
    secret = site.write("from the file", "secret")
    loaded = site.load(SYNCD_STORE__PASSWORD="x", SYNCD_STORE__PASSWORD_FILE=str(secret))
    assert loaded.warnings == ("SYNCD_STORE__PASSWORD_FILE and SYNCD_STORE__PASSWORD are both set; the file counts",)


def test_files_that_cannot_hold_a_value_are_told(site: Site) -> None:
    binary = site.folder / "binary"
    binary.write_bytes(b"\xff\xfe")
    (problem,) = site.problems("", {"SYNCD_STORE__PASSWORD_FILE": str(binary)})
    assert problem == f"store.password: file {binary} is not UTF-8 text (SYNCD_STORE__PASSWORD_FILE)"
    (problem,) = site.problems("", {"SYNCD_STORE__PASSWORD_FILE": "/dev/zero"})
    assert "larger than a megabyte" in problem
