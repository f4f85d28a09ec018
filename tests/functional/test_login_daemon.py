"""Logging in through the daemon as it is installed: people of a real slapd, over TLS, and a server that freezes."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.accounts.tokens import parse_token
from tests.functional.daemon_process import PATIENCE, Daemon, daemon
from tests.servers.slapd import Slapd
from tests.servers.tls import Authority

GOOD, WRONG = "Good-Secret-1", "Wrong-Secret-1"
SESSIONS = "/api/v1/sessions"


@pytest.fixture
def slapd(make_slapd: Callable[..., Slapd], authority: Authority) -> Slapd:
    server = make_slapd(tls=authority)
    people = server.add_ou("people")
    for uid in ("anna", "bert"):
        server.add(f"uid={uid},{people}", {**server.person(uid), "userPassword": GOOD})
    return server


@pytest.fixture
def running(slapd: Slapd, sqlite_url: str, tmp_path: Path) -> Iterator[Daemon]:
    config = tmp_path / "syncd.toml"
    config.write_text(
        f'[store]\nurl = "{sqlite_url}"\n'
        '[http]\nlisten = "127.0.0.1:0"\noperator_token = "operator-token-of-the-tests"\n'
        '[log]\nformat = "json"\nlevel = "debug"\n'
        '[login]\nbind_timeout = "4s"\nmax_failures = 3\n'
        f'[directories.corp]\nurls = ["{slapd.ldaps_url}"]\nbase_dn = "{slapd.base_dn}"\nfeed = "full"\n'
        f'bind_dn = "{slapd.reader_dn}"\nbind_password = "{slapd.reader_password}"\norganization = "Example"\n'
        f'tls = {{ ca_file = "{slapd.ca_file}" }}\n'
        '[directories.corp.schedule]\nchanges = "every 1h"\nfull = "never"\njitter = 0\n'
    )
    config.chmod(0o600)
    with daemon(["-m", "syncd", "-c", str(config), "run"], folder=tmp_path) as process:
        process.until_logged("run finished")
        yield process


def call(
    running: Daemon, path: str, *, method: str = "GET", body: dict[str, Any] | None = None, token: str = ""
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    request = urllib.request.Request(running.url + path, method=method, headers=headers, data=data)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def log_in(running: Daemon, username: str, password: str = GOOD) -> tuple[int, dict[str, Any]]:
    return call(running, SESSIONS, method="POST", body={"username": username, "password": password})


def test_s29_directory_users_log_in_with_their_usual_password(running: Daemon, slapd: Slapd) -> None:
    status, body = log_in(running, "anna")
    assert (status, body["user"]["username"]) == (201, "anna")
    token = body["token"]
    assert call(running, SESSIONS, token=token)[0] == 200
    assert call(running, "/api/v1/runs", token=token)[0] == 403
    assert len(slapd.log_lines('BIND dn="uid=anna,ou=people,dc=example,dc=com" mech=SIMPLE')) == 1

    # moved since the sync, and not lost
    slapd.rename(f"uid=bert,ou=people,{slapd.base_dn}", "uid=albert")
    assert log_in(running, "bert")[0] == 201

    answers = [log_in(running, "bert", WRONG) for _ in range(3)] + [log_in(running, "bert"), log_in(running, "nobody")]
    assert {(status, body["code"], body["detail"]) for status, body in answers} == {
        (401, "login_refused", "The name or the password is wrong, or this account cannot log in.")
    }
    running.until_logged("account locked")

    assert call(running, f"{SESSIONS}/current", method="DELETE", token=token)[0] == 204
    assert call(running, SESSIONS, token=token)[0] == 401
    logged = json.dumps(running.entries())
    parts = parse_token(token)
    assert parts is not None
    for hidden in (GOOD, WRONG, token, parts.secret):
        assert hidden not in logged


def test_s29_a_frozen_directory_is_try_again_and_health_goes_on(running: Daemon, slapd: Slapd) -> None:
    token = log_in(running, "anna")[1]["token"]
    slapd.pause()
    answers: list[tuple[int, dict[str, Any]]] = []
    began = time.monotonic()
    logins = [threading.Thread(target=lambda: answers.append(log_in(running, "anna"))) for _ in range(4)]
    try:
        for login in logins:
            login.start()
        took = []
        while any(login.is_alive() for login in logins):
            asked = time.monotonic()
            assert running.get("/livez")[0] == 200
            took.append(time.monotonic() - asked)
            assert call(running, SESSIONS, token=token)[0] == 200
    finally:
        for login in logins:
            login.join()
        slapd.resume()
    assert time.monotonic() - began < 10
    assert {(status, body["code"]) for status, body in answers} == {(503, "login_unavailable")}
    assert sorted(took)[len(took) // 2] < 0.2
    # nothing was counted, and nothing is left of it
    assert log_in(running, "anna")[0] == 201
