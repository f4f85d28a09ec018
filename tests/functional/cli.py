"""Running the program: as a process, the way a shell or a service manager does, or inside the test's own."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from unittest import mock

import pytest
import structlog

from syncd.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "syncd")


@dataclass(frozen=True)
class Result:
    """What a call came to."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of this process without any setting of syncd."""
    clean = {name: value for name, value in os.environ.items() if not name.upper().startswith("SYNCD_")}
    clean.pop("CREDENTIALS_DIRECTORY", None)
    # warnings are errors here too, as far as they are of syncd's own making
    return clean | {"PYTHONWARNINGS": "error::DeprecationWarning:syncd", "COLUMNS": "200"} | dict(extra or {})


def process(*arguments: str | Path, env: Mapping[str, str] | None = None, timeout: float = 100) -> Result:
    """Run `syncd ARGUMENTS` as a process of its own."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, env=environment(env), timeout=timeout, check=False
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def syncd(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Result:
    """Run the whole program inside this process, which is quicker: its entry, with files for its output streams."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    code: object = 0
    with ExitStack() as stack:
        out, err = (stack.enter_context(TemporaryFile("w+", encoding="utf-8", newline="")) for _ in range(2))
        stack.enter_context(mock.patch.dict(os.environ, environment(env), clear=True))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code or 0
        finally:
            # logging is global: leave it as it was
            root.handlers[:] = handlers
            root.setLevel(level)
            structlog.reset_defaults()
        shown = []
        for stream in (out, err):
            stream.flush()
            stream.seek(0)
            shown.append(stream.read())
    assert isinstance(code, int)
    return Result(code, *shown)


def typed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """What `syncd` finds on its standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def on_a_terminal(
    arguments: Sequence[str | Path], *, env: Mapping[str, str] | None = None, timeout: float = 60, answer: bytes = b""
) -> tuple[int, str]:
    """Run `syncd ARGUMENTS` with a terminal for all three streams; the exit code and everything that was shown.

    `answer`: what is typed, before anybody asks.
    """
    leader, follower = pty.openpty()
    os.write(leader, answer)
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=follower, stdout=follower, stderr=follower, close_fds=True, env=environment({"TERM": "xterm", **(env or {})}),
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            # the last writer has closed its end
            break
        if not chunk:
            break
        shown += chunk
    os.close(leader)
    return process.wait(timeout=timeout), shown.decode()
