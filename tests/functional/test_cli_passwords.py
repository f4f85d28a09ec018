"""`syncd users password|reset-link|invite` on a real database."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from syncd.accounts.passwords import Policy, flaws
from syncd.settings.root import StoreSettings
from syncd.store import schema as t
from syncd.store.engine import open_engine
from tests.fakes.passwords import NEW, NOBODY, OLD, Keyring
from tests.functional.cli import COMMAND, Result, environment, syncd, typed

Run = Callable[..., Result]
CONFIG = """
[store]
url = "{url}"
[passwords]
argon2_time_cost = 1
argon2_memory = 8
argon2_parallelism = 1
[mail]
public_url = "https://syncd.example.com/people/"
"""


@pytest.fixture
def config(store_url: str, tmp_path: Path) -> Path:
    path = tmp_path / "syncd.toml"
    path.touch(mode=0o600)
    path.write_text(CONFIG.format(url=store_url))
    return path


@pytest.fixture
def run(config: Path) -> Run:
    return lambda *arguments: syncd("-c", config, *arguments)


@pytest.fixture
def ring(store_url: str) -> Iterator[Keyring]:
    engine: Engine = open_engine(StoreSettings(url=store_url))
    yield Keyring(engine)
    engine.dispose()


# ---------------------------------------------------------------- password
def test_s47_s46_a_suggested_password_is_set_and_printed_once(run: Run, ring: Keyring) -> None:
    anna = ring.person()
    done = run("users", "password", "anna.smith", "--suggest", "--reason", "she asked")
    assert (done.code, done.err) == (0, "")
    suggested = done.out.removesuffix("\n")
    assert flaws(suggested, Policy(), ["anna.smith"]) == ()
    assert ring.knows(anna, suggested)
    assert ring.sessions() == 0
    (event,) = ring.audit()
    assert (event.action, event.reason) == ("user.password_changed", "she asked")
    shown = run("users", "password", "anna.smith", "--suggest", "--output", "json").json()
    assert ring.knows(anna, shown["password"])
    assert (shown["user"], shown["username"]) == (anna, "anna.smith")


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\nanother line\n"])
def test_s46_from_standard_input(run: Run, ring: Keyring, monkeypatch: pytest.MonkeyPatch, end: bytes) -> None:
    anna = ring.person()
    typed(monkeypatch, NEW.encode() + end)
    done = run("users", "password", "anna.smith", "--password-stdin")
    assert (done.code, done.err) == (0, "")
    assert NEW not in done.out
    assert ring.knows(anna, NEW)


def test_s46_asked_for_without_being_shown(config: Path, ring: Keyring) -> None:
    anna = ring.person()
    leader, follower = pty.openpty()
    program = subprocess.Popen(
        [*COMMAND, "-c", str(config), "users", "password", "anna.smith"],
        stdin=follower, stdout=follower, stderr=follower, close_fds=True, start_new_session=True,
        env=environment({"TERM": "xterm"}),
    )  # fmt: skip
    os.close(follower)
    shown = b""
    for question in (b"New password: ", b"The same again: "):
        while not shown.endswith(question):
            shown += os.read(leader, 1024)
        os.write(leader, NEW.encode() + b"\n")
    while True:
        try:
            shown += os.read(leader, 1024)
        except OSError:
            break
    os.close(leader)
    assert program.wait(timeout=60) == 0, shown
    assert b"8 to 128 characters" in shown
    assert b"has a new password" in shown
    assert NEW.encode() not in shown
    assert ring.knows(anna, NEW)


def test_s6_a_weak_one_is_refused_with_what_is_missing(run: Run, ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = ring.person()
    typed(monkeypatch, b"weak\n")
    done = run("users", "password", "anna.smith", "--password-stdin")
    assert done.code == 2
    assert "An upper-case letter and a digit are missing. At least 8 characters are needed." in done.err
    typed(monkeypatch, b"\xff\n")
    assert run("users", "password", "anna.smith", "--password-stdin").code == 2
    assert run("users", "password", "anna.smith", "--password-stdin", "--suggest").code == 2
    assert ring.knows(anna, OLD)


def test_s46_s86_not_of_the_disabled_and_not_of_directory_users(run: Run, ring: Keyring) -> None:
    ring.person(enabled=False)
    ring.from_directory(ring.person("dora", manual=False))
    disabled, directory = (run("users", "password", name, "--suggest") for name in ("anna.smith", "dora"))
    assert (disabled.code, directory.code) == (1, 1)
    assert "disabled" in disabled.err
    assert "corp" in directory.err
    assert disabled.out == directory.out == ""


# ---------------------------------------------------------------- passwords of many
def test_s46_s47_several_get_suggested_ones_in_a_table(run: Run, ring: Keyring) -> None:
    anna, bert, off = ring.person(), ring.person("bert"), ring.person("off")
    ring.update(off, enabled=False)
    done = run("users", "password", "anna.smith", "off", "bert", "--suggest", "--yes", "--reason", "they asked")
    assert (done.code, done.err) == (1, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["ID", "USERNAME", "RESULT", "PASSWORD", "WHY"]
    assert [line[:3] for line in lines[1:]] == [
        [str(anna), "anna.smith", "changed"], [str(off), "off", "refused"], [str(bert), "bert", "changed"],
    ]  # fmt: skip
    assert "disabled" in done.out
    assert ring.knows(anna, lines[1][3])
    assert ring.knows(bert, lines[3][3])
    assert {event.reason for event in ring.audit()} == {"they asked"}
    shown = run("users", "password", "anna.smith", "bert", "--suggest", "-y", "--output", "json")
    first, second = shown.json()["items"]
    assert (shown.code, first["id"], first["username"], first["code"], first["message"]) == (0, anna, "anna.smith", None, None)
    assert ring.knows(anna, first["password"])
    assert ring.knows(bert, second["password"])


@pytest.mark.parametrize("header", ["", "username,password\r\n"])
def test_s46_s47_passwords_from_a_file(run: Run, ring: Keyring, tmp_path: Path, header: str) -> None:
    anna, bert, wim = ring.person(), ring.person("bert"), ring.person("wim")
    file = tmp_path / "passwords.csv"
    special = 'New, "quoted" 1'
    file.write_text(f'\ufeff{header}anna.smith,{NEW}\r\n"bert","New, ""quoted"" 1"\r\n\r\nwim,weak\r\n', newline="")
    done = run("users", "password", "--from", str(file), "--yes")
    assert (done.code, done.err) == (1, "")
    assert "PASSWORD" not in done.out
    assert "An upper-case letter and a digit are missing." in done.out
    assert NEW not in done.out
    assert ring.knows(anna, NEW)
    assert ring.knows(bert, special)
    assert ring.knows(wim, OLD)


def test_s46_s47_from_standard_input_with_some_suggested(run: Run, ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, bert = ring.person(), ring.person("bert")
    typed(monkeypatch, f"anna.smith,{NEW}\nbert,".encode())
    done = run("users", "password", "--from", "-", "--suggest", "--yes", "--output", "json")
    assert done.code == 0, done.err
    given, suggested = done.json()["items"]
    assert given["password"] is None
    assert ring.knows(anna, NEW)
    assert ring.knows(bert, suggested["password"])
    typed(monkeypatch, f"anna.smith,{OLD}\n".encode())
    assert run("users", "password", "--from", "-").code == 0, "one is not asked about"
    assert ring.knows(anna, OLD)


def test_s46_a_line_that_is_wrong_stops_everything(run: Run, ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, bert = ring.person(), ring.person("bert")
    first = b"anna.smith,New-Secret1\n"
    wrong: list[tuple[bytes, str]] = [
        (first + b"nobody,New-Secret2", "nobody"), (first + b"bert", "line 2"), (first + b"bert,New-Secret2,x", "line 2"),
        (first + b"bert,", "line 2"), (first + b"ANNA.SMITH,New-Secret2", "line 2"), (first + b'"bert"x,New-Secret2', "line 2"),
        (first + b"bert,\xff", "UTF-8"), (b"username,password\n", "no lines"), (b"", "no lines"),
        (first + b"bert,New-Secret2", "--yes"),
    ]  # fmt: skip
    for content, said in wrong:
        typed(monkeypatch, content)
        done = run("users", "password", "--from", "-", *(() if said == "--yes" else ("--yes",)))
        assert (done.code, done.out) == (1 if said == "nobody" else 2, ""), content
        assert said in done.err
        assert "New-Secret" not in done.err
    assert all(ring.knows(user_id, OLD) for user_id in (anna, bert))


def test_s46_it_is_clear_who_gets_which_password(run: Run, ring: Keyring, tmp_path: Path) -> None:
    anna, bert = ring.person(), ring.person("bert")
    wrong: list[tuple[str | Path, ...]] = [
        (), ("anna.smith", "bert"), ("anna.smith", "bert", "--password-stdin"), ("anna.smith", "--from", tmp_path / "x"),
        ("--from", tmp_path / "x", "--password-stdin"), ("--from", tmp_path / "not-there"),
        ("anna.smith", "bert", "--suggest", "--yes", "--reason", "x"),
    ]  # fmt: skip
    for arguments in wrong:
        done = run("users", "password", *arguments)
        assert (done.code, done.out) == (2, ""), arguments
    unknown = run("users", "password", "anna.smith", "nobody", "--suggest", "--yes")
    # nobody there to answer is no yes
    unasked = run("users", "password", "anna.smith", "bert", "--suggest")
    assert [(done.code, done.out.strip()) for done in (unknown, unasked)] == [(1, "")] * 2
    assert "2 people (anna.smith, bert). Go on?" in unasked.err
    assert all(ring.knows(user_id, OLD) for user_id in (anna, bert))


def test_s47_suggestions_that_are_not_set(run: Run, ring: Keyring) -> None:
    anna, bert = ring.person(), ring.person("bert")
    one = run("users", "suggest-password", "anna.smith")
    assert (one.code, one.err) == (0, "")
    assert flaws(one.out.removesuffix("\n"), Policy(), ["anna.smith"]) == ()
    two = run("users", "suggest-password", "anna.smith", "bert")
    lines = [line.split() for line in two.out.splitlines()]
    assert lines[0] == ["ID", "USERNAME", "PASSWORD", "WHY"]
    assert [line[:2] for line in lines[1:]] == [[str(anna), "anna.smith"], [str(bert), "bert"]]
    assert all(flaws(line[2], Policy(), ["anna.smith"]) == () for line in lines[1:])
    (item,) = run("users", "suggest-password", "bert", "--output", "json").json()["items"]
    assert (item["id"], item["username"], flaws(item["password"], Policy())) == (bert, "bert", ())
    assert [run("users", "suggest-password", *names).code for names in ((), ("bert", "nobody"))] == [2, 1]
    assert all(ring.knows(user_id, OLD) for user_id in (anna, bert))
    assert ring.audit() == []


# ---------------------------------------------------------------- links
def token(done: Result) -> str:
    address, _, secret = done.out.strip().partition("?token=")
    assert address == "https://syncd.example.com/people/password"
    return secret


def test_s50_reset_link_keeps_out_and_prints_the_link(run: Run, ring: Keyring) -> None:
    anna = ring.person()
    done = run("users", "reset-link", "anna.smith", "--reason", "a laptop was stolen")
    assert done.code == 0, done.err
    assert "works once" in done.err
    assert ring.user(anna).auth_status == "reset"
    assert ring.sessions() == 0
    ring.links.redeem(token(done), NEW, caller=NOBODY)
    assert ring.knows(anna, NEW)
    shown = run("users", "reset-link", "anna.smith", "--reason", "once more", "--output", "json").json()
    assert (shown["user"], shown["mailed"]) == (anna, False)
    assert "?token=syncd_l_" in shown["link"]


def test_s15_invite_prints_the_link_or_says_that_no_mail_goes_out(run: Run, ring: Keyring) -> None:
    anna = ring.person(password=None)
    unsent = run("users", "invite", "anna.smith")
    assert (unsent.code, ring.all(t.outbox)) == (0, [])
    assert "No mail is sent" in unsent.out
    ring.links.redeem(token(run("users", "invite", "anna.smith", "--print-link")), NEW, caller=NOBODY)
    assert ring.knows(anna, NEW)
    again = run("users", "invite", "anna.smith")
    assert again.code == 1
    assert "has a password already" in again.err


def test_s15_invite_queues_the_mail(config: Path, ring: Keyring) -> None:
    ring.person(password=None)
    config.write_text(config.read_text() + 'host = "127.0.0.1"\n')
    done = syncd("-c", config, "users", "invite", "anna.smith")
    assert done.code == 0, done.err
    assert "The mail is on its way" in done.out
    assert ring.mails() == ["invitation"]
    assert ring.all(t.links)[0].digest is None
