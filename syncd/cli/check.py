"""`syncd check`: is the configuration right, and with --connect, do the directories answer as it expects."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.invocation import Invocation, of
from syncd.cli.output import Printer, Table
from syncd.errors import ConfigurationError, DirectoryError, MailOffError, NotFoundError, UsageError
from syncd.model.checks import CheckLine, CheckStatus

if TYPE_CHECKING:
    from syncd.settings.root import RootSettings

_LINES = Table(
    keys=("directory", "server", "name", "status", "text", "advice"),
    headings={"directory": "DIRECTORY", "server": "SERVER", "status": "RESULT", "name": "CHECK", "text": "FOUND"},
)
_COLOURS = {CheckStatus.PASS: "green", CheckStatus.WARN: "yellow", CheckStatus.FAIL: "red"}


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("check")(check)


def check(
    context: typer.Context,
    directory: Annotated[str | None, typer.Argument(help="Name of the directory; all of them when left out.")] = None,
    connect: Annotated[bool, typer.Option("--connect", help="Connect to every server and read a sample.")] = False,
    mail_to: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="With --connect: send a test mail there.", show_default=False),
    ] = None,
) -> None:
    """Check the configuration, and with --connect every server: name, TCP, TLS, bind, base, paging, limits, a sample; mail.

    Nothing is written. Exit code 78: the configuration has mistakes; 69: a server or a directory failed.
    """
    invocation = of(context)
    if mail_to is not None and not connect:
        raise UsageError("--mail-to goes with --connect")
    report = _Report(invocation.printer)
    for found in _lines(invocation, directory, connect=connect, mail_to=mail_to):
        report.add(*found)
    report.end()
    raise typer.Exit(report.exit_code)


def _lines(
    invocation: Invocation, directory: str | None, *, connect: bool, mail_to: str | None
) -> Iterator[tuple[str, str, CheckLine]]:
    """(directory, server, line), as they come; the first two are "" where a line is not about one."""
    from syncd.services.configuration import load_checked

    try:
        loaded = load_checked(invocation.config, os.environ, need_directories=connect)
    except ConfigurationError as error:
        for problem in error.problems or (error.message,):
            yield "", "", CheckLine(name="configuration", status=CheckStatus.FAIL, text=problem)
        return
    invocation.set_up_logging(loaded.settings.log, quiet=True)
    for warning in loaded.warnings:
        yield "", "", CheckLine(name="configuration", status=CheckStatus.WARN, text=warning)
    names = ", ".join(sorted(loaded.settings.directories)) or "none"
    if directory is not None and directory not in loaded.settings.directories:
        raise NotFoundError(f"no directory is called {directory!r}; configured: {names}")
    source = f"file {loaded.file}" if loaded.file else "the environment alone"
    yield "", "", CheckLine(name="configuration", status=CheckStatus.PASS, text=f"{source} is usable; directories: {names}")
    if mail_to is not None and loaded.settings.mail.host is None:
        raise MailOffError
    # one directory alone: the rest is not asked about
    mail = loaded.settings.mail.host is not None and (directory is None or mail_to is not None)
    if mail:
        yield from _mail(loaded.settings, connect=connect, mail_to=mail_to)
    if not connect:
        yield from _logins(loaded.settings, directory)
        return
    from syncd.bootstrap import open_check

    service = open_check(loaded.settings)
    for name in [directory] if directory is not None else sorted(loaded.settings.directories):
        for checked in service.check(name):
            yield checked.directory, checked.server, checked.line


def _logins(settings: RootSettings, directory: str | None) -> Iterator[tuple[str, str, CheckLine]]:
    """What the configuration alone says about logging in; with --connect each directory's lines begin with it."""
    from syncd.services.logincheck import login_line

    for name, each in sorted(settings.directories.items()):
        line = login_line(each) if directory in (None, name) else None
        if line is not None:
            yield name, "", line


def _mail(settings: RootSettings, *, connect: bool, mail_to: str | None) -> Iterator[tuple[str, str, CheckLine]]:
    from syncd.bootstrap import open_mail_check

    service = open_mail_check(settings)
    for line in service.templates():
        yield "", "", line
    if connect:
        for line in service.server(send_to=mail_to):
            yield "mail", service.post.server, line


class _Report:
    """Prints the lines: for people as they come, for programs all at the end."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._rows: list[dict[str, Any]] = []
        self._about = ("", "")
        self.exit_code = 0

    def add(self, directory: str, server: str, line: CheckLine) -> None:
        if line.status is CheckStatus.FAIL:
            self.exit_code = max(self.exit_code, DirectoryError.exit_code if directory else ConfigurationError.exit_code)
        values = (directory, server, line.name, line.status.value, line.text, line.advice)
        self._rows.append(dict(zip(_LINES.keys, values, strict=True)))
        if self._printer.for_people:
            self._print(directory, server, line)

    def _print(self, directory: str, server: str, line: CheckLine) -> None:
        if directory and (directory, server) != self._about:
            self._printer.text(_heading(directory, server, line))
        self._about = (directory, server)
        status = line.status.value.ljust(4)
        if sys.stdout.isatty():
            status = typer.style(status, fg=_COLOURS[line.status])
            sys.stdout.write(f"  {status}  ")
            self._printer.text(f"{line.name}: {line.text}")
        else:
            self._printer.text(f"  {status}  {line.name}: {line.text}")
        if line.advice:
            self._printer.text(f"        {line.advice}")
        sys.stdout.flush()

    def end(self) -> None:
        if not self._printer.for_people:
            self._printer.rows(_LINES, self._rows)


def _heading(directory: str, server: str, line: CheckLine) -> str:
    """Of the lines that follow."""
    if server:
        return f"{directory}: {server}"
    return f"{directory}:" if line.name == "login" else f"{directory}: a sample, as it would be stored"
