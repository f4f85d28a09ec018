"""The program's frame: help, wrong use, where global options may stand, and how errors are told."""

from __future__ import annotations

import pytest

import syncd
from syncd.cli.main import hoisted, main, report
from syncd.errors import ConfigurationError, InvalidCredentialsError, SyncdError


def call(*arguments: str) -> int:
    """The exit code of `syncd ARGUMENTS`."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    code = caught.value.code
    return 0 if code is None else int(code)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"], ["-h"], ["sync", "--help"], ["users", "list", "-h"], ["db", "--help"], ["config", "--help"],
        ["run", "--help"],        ["check", "-h"], ["runs", "-h"], ["roles", "-h"], ["export", "-h"], ["purge", "-h"],
        ["status", "-h"],
    ],
)  # fmt: skip
def test_help_needs_nothing(arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_NONSENSE", "x")
    assert call(*arguments) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Usage: syncd")
    assert shown.err == ""
    assert "\x1b" not in shown.out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out == f"syncd {syncd.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"], ["sync", "--mode", "sideways"], ["--output", "xml", "status"], ["runs", "show", "x"], ["export"],
        ["users", "show"], ["sync", "a", "b"], ["--config"], ["runs", "list", "--limit", "0"], ["export", "--format", "xls"],
    ],
)  # fmt: skip
def test_wrong_use_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*arguments) == 2
    shown = capsys.readouterr()
    assert "Error: " in shown.err
    assert shown.out == ""


def test_no_verb_shows_the_help_and_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 2
    shown = capsys.readouterr()
    assert "Commands:" in shown.out + shown.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sync", "corp", "--output", "json"], ["--output", "json", "sync", "corp"]),
        (["sync", "--output=json", "-c", "x"], ["--output=json", "-c", "x", "sync"]),
        (["-cx", "status"], ["-cx", "status"]),
        (["status", "-cx"], ["-cx", "status"]),
        (["status", "--debug"], ["--debug", "status"]),
        (["users", "show", "--", "--output"], ["users", "show", "--", "--output"]),
        (["status", "--output"], ["--output", "status"]),
        (["export", "--output-file", "x", "--format", "csv"], ["export", "--output-file", "x", "--format", "csv"]),
        ([], []),
        (["users", "list", "--sort", "-created", "-cx.toml"], ["-cx.toml", "users", "list", "--sort", "-created"]),
    ],
)
def test_global_options_may_stand_anywhere(words: list[str], expected: list[str]) -> None:
    assert hoisted(words) == expected


def test_an_error_is_a_sentence_and_advice(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(InvalidCredentialsError("ldaps://h does not accept them")) == 77
    assert capsys.readouterr().err == (
        "error: ldaps://h does not accept them\n"
        "  Check `bind_dn` and the bind password. It is tried once per run, so that no lockout policy fires.\n"
    )
    assert report(SyncdError("Something.")) == 1
    assert capsys.readouterr().err == "error: Something.\n"
    assert report(ConfigurationError(problems=("a", "b"))) == 78
    assert capsys.readouterr().err == "error: the configuration has 2 mistakes:\n  - a\n  - b\n"
    assert report(ConfigurationError(problems=("a",))) == 78
    assert capsys.readouterr().err == "error: a\n"


def test_an_error_of_our_own_is_no_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("with a secret in it")

    monkeypatch.setattr("syncd.cli.main.app", broken)
    assert call("status") == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: an error of syncd itself: ZeroDivisionError\n")
    assert "secret" not in shown
    with pytest.raises(ZeroDivisionError):
        main(["status", "--debug"])
