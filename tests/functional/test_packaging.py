"""What is shipped around the program: requirements, wheel, service unit, container file, scripts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "systemd" / "syncd.service"
DOCKERFILE = ROOT / "Dockerfile"
BIN = Path(sys.executable).parent


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """A command, its output as text, errors among it."""
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "timeout": 100} | options
    return subprocess.run([str(word) for word in command], check=False, **settings)  # type: ignore[call-overload,no-any-return]


def tool(name: str, *, package: str) -> str:
    """A program of the system; the test fails, with what to install, when it is not there."""
    path = shutil.which(name)
    assert path, f"{name} is missing: install Debian's {package} (script/test does)"
    return path


# ---------------------------------------------------------------- requirements
def pins(name: str) -> dict[str, Requirement]:
    """The packages of a file of requirements."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    lines = re.sub(r" *\\\n *--hash=\S+", "", text).splitlines()
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize("name", ["runtime", "install", "dev"])
def test_requirements_are_exact_hashed_and_name_no_index(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert "://" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert blocks
    for block in blocks:
        first, *rest = [line.strip().removesuffix(" \\") for line in block.splitlines()]
        assert re.fullmatch(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[0-9][\w.]*( ; .+)?", first), first
        assert rest, f"{first} has no hash"
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in rest), first


def test_requirements_fit_the_project() -> None:
    """Otherwise `script/lock` was forgotten after a change of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = {
        "runtime": project["project"]["dependencies"],
        "install": [*project["project"]["dependencies"], *groups["build"]],
        "dev": [*project["project"]["dependencies"], *groups["build"], *groups["dev"]],
    }
    for name, dependencies in wanted.items():
        pinned = pins(name)
        for dependency in map(Requirement, dependencies):
            (pin,) = pinned[canonicalize_name(dependency.name)].specifier
            assert dependency.specifier.contains(pin.version, prereleases=True), f"{name}.txt: {dependency}"


def test_what_is_tested_is_what_is_installed() -> None:
    runtime, install, dev = (
        {name: str(pin.specifier) for name, pin in pins(file).items()} for file in ("runtime", "install", "dev")
    )
    assert runtime.items() <= install.items() <= dev.items()


# ---------------------------------------------------------------- wheel
@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """syncd's wheel, built from a copy of the source."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "syncd", source / "syncd", ignore=shutil.ignore_patterns("__pycache__"))
    built = run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"),
        *("--wheel-dir", target, source),
    )
    assert built.returncode == 0, built.stdout
    (file,) = target.glob("*.whl")
    with zipfile.ZipFile(file) as opened:
        yield opened


def test_the_wheel_has_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    """Migrations and whatever else is not Python, too."""
    expected = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "syncd").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert any("migrations/versions" in name for name in expected)
    assert expected <= set(wheel.namelist())


def test_the_wheel_brings_the_command_and_nothing_beside_the_package(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    (metadata,) = tops - {"syncd"}
    assert metadata.endswith(".dist-info")
    assert "syncd = syncd.cli.main:main" in wheel.read(f"{metadata}/entry_points.txt").decode()


# ---------------------------------------------------------------- systemd
def test_the_unit_is_valid(tmp_path: Path) -> None:
    """With a program in the place of /opt/syncd/bin/syncd, which is not installed where this is tested."""
    unit = tmp_path / "syncd.service"
    text = UNIT.read_text()
    assert "ExecStart=/opt/syncd/bin/syncd " in text
    unit.write_text(text.replace("/opt/syncd/bin/syncd ", f"{tool('true', package='coreutils')} "))
    verified = run(tool("systemd-analyze", package="systemd"), "verify", unit)
    assert (verified.returncode, verified.stdout) == (0, "")


def test_the_command_line_runs_as_the_service_does() -> None:
    script = ROOT / "systemd" / "bin" / "syncd"
    assert os.access(script, os.X_OK)
    unit, text = UNIT.read_text().splitlines(), script.read_text()
    words = dict(re.findall(r"--(?:property=)?([A-Za-z]+)=(\S+)", text))
    for name in ("LoadCredential", "StateDirectory", "StateDirectoryMode", "UMask"):
        assert f"{name}={words[name]}" in unit
    assert (words["WorkingDirectory"], "WorkingDirectory=%S/syncd" in unit) == ("/var/lib/syncd", True)
    assert f"User={words['uid']}" in unit
    assert f"Group={words['gid']}" in unit
    program = next(line for line in unit if line.startswith("ExecStart=")).removeprefix("ExecStart=").split()[0]
    assert f'{program} "$@"' in text


def test_the_unit_exposes_little() -> None:
    """systemd's own rating, from 0 (nothing) to 10 (everything): 1.5 at most, which --threshold takes times ten."""
    rated = run(tool("systemd-analyze", package="systemd"), "security", "--offline=yes", "--threshold=15", UNIT)
    assert rated.returncode == 0, rated.stdout
    assert "Overall exposure level for syncd.service" in rated.stdout


def test_user_and_folders_are_made_as_the_unit_wants_them(tmp_path: Path) -> None:
    for kind in ("sysusers.d", "tmpfiles.d"):
        shutil.copytree(ROOT / "systemd" / kind, tmp_path / "usr" / "lib" / kind)
    (tmp_path / "etc").mkdir()
    users = run(tool("systemd-sysusers", package="systemd"), f"--root={tmp_path}")
    assert users.returncode == 0, users.stdout
    syncd = next(line for line in (tmp_path / "etc/passwd").read_text().splitlines() if line.startswith("syncd:"))
    assert syncd.endswith(":/var/lib/syncd:/usr/sbin/nologin")
    assert "\nUser=syncd\n" in UNIT.read_text()
    if os.geteuid() == 0:  # only root can give files to others
        folders = run(tool("systemd-tmpfiles", package="systemd"), "--create", f"--root={tmp_path}")
        assert folders.returncode == 0, folders.stdout
        credentials = (tmp_path / "etc/syncd/credentials").stat()
        assert (credentials.st_mode & 0o777, credentials.st_uid) == (0o700, 0)
        configuration = (tmp_path / "etc/syncd").stat()
        assert (configuration.st_mode & 0o777, configuration.st_gid) == (0o750, int(syncd.split(":")[3]))


# ---------------------------------------------------------------- container
def test_the_dockerfile_has_no_fault_hadolint_knows() -> None:
    checked = run(BIN / "hadolint", DOCKERFILE)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_what_the_dockerfile_copies_is_there_and_not_ignored() -> None:
    allowed = {line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    lines = [
        line.split()[1:-1] for line in DOCKERFILE.read_text().splitlines() if line.startswith("COPY ") and "--from" not in line
    ]
    copied = {name.rstrip("/") for names in lines for name in names}
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


@pytest.fixture
def live() -> Iterator[HTTPServer]:
    """Something that answers GET /livez."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def health_check(port: int) -> int:
    """The exit code of the image's health check, run as it stands."""
    line = re.search(r"HEALTHCHECK(?:[^\n]*\\\n)*\s*CMD (\[.*\])", DOCKERFILE.read_text())
    assert line
    _, *arguments = json.loads(line.group(1))
    return run(sys.executable, *arguments, env={"SYNCD_HTTP__LISTEN": f"0.0.0.0:{port}"}).returncode


def test_the_health_check_tells_alive_from_dead(live: HTTPServer) -> None:
    assert health_check(live.server_port) == 0


def test_the_health_check_fails_when_nobody_listens() -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler, bind_and_activate=False) as server:
        server.server_bind()  # holds the port, and does not listen
        assert health_check(server.server_port) == 1


# ---------------------------------------------------------------- scripts
@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs that is all a script finds: no apt-get, and `id` says an ordinary user."""
    for name in ("bash", "dirname", "basename"):
        (tmp_path / name).symlink_to(tool(name, package="coreutils"))
    program(tmp_path / "id", "echo 1000")
    return tmp_path


def program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def need(machine: Path, wanted: str) -> subprocess.CompletedProcess[str]:
    """need_debian of script/lib.sh on that machine. No system folder is searched for commands."""
    script = f'. "{ROOT}/script/lib.sh"; PATH={machine}; need_debian "for a test" some-package -- {wanted}; echo went on'
    settings = {"PATH": f"{machine}:/usr/bin:/bin", "POLICY_RC_D": str(machine / "policy-rc.d")}
    return run("/bin/bash", "-euo", "pipefail", "-c", script, env=settings)


def test_what_is_there_is_not_installed(machine: Path) -> None:
    assert need(machine, f"bash '{machine}/bas*'").stdout == "went on\n"


@pytest.mark.parametrize(("apt", "advice"), [(False, "there is no apt-get here"), (True, "sudo apt-get install some-package")])
def test_what_cannot_be_installed_is_named(machine: Path, *, apt: bool, advice: str) -> None:
    if apt:
        program(machine / "apt-get", "exit 1")
    ended = need(machine, "some-command")
    assert ended.returncode == 1
    assert advice in ended.stdout
    assert "missing: some-command" in ended.stdout
    assert "went on" not in ended.stdout


@pytest.fixture
def root_machine(machine: Path) -> Path:
    """The same, where `id` says root."""
    program(machine / "id", "echo 0")
    for name in ("rm", "chmod"):
        (machine / name).symlink_to(tool(name, package="coreutils"))
    return machine


def test_an_installation_starts_no_service(root_machine: Path) -> None:
    """Debian's packages ask policy-rc.d before they start what they bring: 101 means no."""
    policy = root_machine / "policy-rc.d"
    asked = root_machine / "asked"
    brings = f"printf '#!/bin/sh\n' > {root_machine}/some-command; chmod 755 {root_machine}/some-command"
    program(root_machine / "apt-get", f'{policy}; echo "$?" >> {asked}; {brings}')
    ended = need(root_machine, "some-command")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "went on")
    assert set(asked.read_text().split()) == {"101"}
    assert not policy.exists(), "the policy stays, and nothing could ever be started again"


def test_an_installation_that_fails_says_what_the_installer_said(root_machine: Path) -> None:
    program(root_machine / "apt-get", "echo the mirror is on fire; exit 100")
    ended = need(root_machine, "some-command")
    assert ended.returncode == 1
    assert "the mirror is on fire" in ended.stdout
    assert "could not install some-package (for a test)" in ended.stdout
    assert not (root_machine / "policy-rc.d").exists()


def test_scripts_can_be_run() -> None:
    scripts = [path for path in (ROOT / "script").iterdir() if path.suffix == ""]
    assert {path.name for path in scripts if path.is_file()} >= {"bootstrap", "demo", "test", "check", "bench", "lock"}
    for path in [*scripts, ROOT / ".ci" / "run"]:
        if path.is_file():
            assert os.access(path, os.X_OK), f"{path} is not executable"
