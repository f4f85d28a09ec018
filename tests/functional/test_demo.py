"""script/demo as somebody who tries syncd runs it: what it prints, that its hints work, and that it leaves nothing behind."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SYNCD = Path(sys.executable).parent / "syncd"
# the first demo makes its certificates and loads the company; a machine under load takes its time
PATIENCE = 90.0

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demos of this module keep, in the place of .demo/."""
    for name, package in (("slapd", "slapd"), ("ldapmodify", "ldap-utils"), ("openssl", "openssl"), ("setpriv", "util-linux")):
        found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        assert found, f"{name} is missing: install Debian's {package} (script/test does)"
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two demos that begin at once could find the same ports free."""
    # a folder that all workers of a run share
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass
class Demo:
    """A demo that runs; `output` is what it has printed so far."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str) -> str:
        """The output, once that is in it."""
        until(lambda: text in self.output or self.process.poll() is not None)
        assert text in self.output, self.output
        return self.output

    def end(self, sign: int) -> int:
        """The exit code after a signal to the script alone, as `kill` sends it."""
        self.process.send_signal(sign)
        return self.process.wait(PATIENCE)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)


@contextlib.contextmanager
def demo(folder: Path, *options: str) -> Iterator[Demo]:
    """A demo, ended at the latest with the block."""
    log = folder.with_suffix(f".{time.monotonic_ns()}.log")
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [ROOT / "script" / "demo", *options],
            env={**os.environ, "DEMO_DIR": str(folder), "SYNCD_STORE__URL": "sqlite:////nowhere/of/another/syncd.db"},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Demo(process, log)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def left_running(folder: Path) -> list[str]:
    """The processes that speak of this demo's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in words:
                found.append(words)
    return found


def field(pattern: str, output: str) -> str:
    found = re.search(pattern, output)
    assert found, output
    return found.group(1)


def get(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.status, answer.read().decode()


def users_show(folder: Path, username: str) -> dict[str, object]:
    shown = subprocess.run(
        [SYNCD, "--config", folder / "syncd.toml", "--output", "json", "users", "show", username],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    person: dict[str, object] = json.loads(shown.stdout)
    return person


def test_once_says_what_came_in_and_what_did_not(folder: Path) -> None:
    with demo(folder, "--once", "--fresh") as once:
        assert once.process.wait(PATIENCE) == 0, once.output
        output = once.output
    assert "295 people" in output
    # two who want one login name, one without mail, one with a mail address that is none, one with a number that is none
    for dn in ("cn=Adam Novák", "cn=Alena Nováková", "uid=benedita.quadros", "cn=رشا درويش", "cn=रोहन भोसले"):
        assert dn in output
    assert not left_running(folder)


def test_the_daemon_answers_and_its_hints_work(folder: Path) -> None:
    """A change in the directory comes into the store; the answer to "sync now" says where to watch it do so."""
    with demo(folder) as running:
        output = running.wait_for("Ctrl-C stops it all")
        health = field(r"(http://127.0.0.1:\d+)/healthz", output)
        assert get(f"{health}/livez")[0] == 200
        assert "syncd_" in get(f"{health}/metrics")[1]
        assert users_show(folder, "anke.ackermann")["last_name"] == "Ackermann"
        change = field(r"(ldapmodify .*)", output)
        subprocess.run(["/bin/sh", "-c", change], cwd=ROOT, check=True, capture_output=True, timeout=PATIENCE)
        token = field(r"Bearer (\S+)'", output)
        request = urllib.request.Request(field(r"(http\S+/sync)", output), method="POST")
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 202
            assert "/api/v1/runs/" in answer.headers["Location"]
        until(lambda: users_show(folder, "anke.ackermann")["last_name"] == "Falkenried")
        assert running.end(signal.SIGINT) == 130
        assert "Nothing is left running" in running.output
    assert not left_running(folder)


def test_nothing_is_left_running_when_it_is_killed(folder: Path) -> None:
    """The script cannot clean up then: the kernel tells its children."""
    with demo(folder) as running:
        running.wait_for("Ctrl-C stops it all")
        assert len(left_running(folder)) >= 2, "slapd and syncd"
        assert running.end(signal.SIGKILL) == -signal.SIGKILL
    until(lambda: not left_running(folder))


def test_taken_ports_are_no_obstacle_and_a_second_demo_is_told_of_the_first(folder: Path) -> None:
    with contextlib.ExitStack() as taken:
        for port in (3890, 6360, 8080):
            listener = taken.enter_context(socket.socket())
            with contextlib.suppress(OSError):  # taken by somebody else already: as good
                listener.bind(("127.0.0.1", port))
                listener.listen()
        with demo(folder) as running:
            running.wait_for("Ctrl-C stops it all")
            with demo(folder, "--once") as second:
                assert second.process.wait(PATIENCE) == 1
                assert "another script/demo is running" in second.output
            assert running.end(signal.SIGTERM) == 128 + signal.SIGTERM
    assert not left_running(folder)


def test_an_option_it_does_not_know_is_named() -> None:
    ended = subprocess.run([ROOT / "script" / "demo", "--onze"], check=False, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 1
    assert "what is '--onze'?" in ended.stderr


def test_help_is_the_heading_of_the_script() -> None:
    ended = subprocess.run([ROOT / "script" / "demo", "--help"], check=True, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.stdout.startswith("Shows syncd at work on this machine")
    assert "--fresh" in ended.stdout
    assert "set -euo" not in ended.stdout
