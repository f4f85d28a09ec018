"""What one call of the program was asked: its global options, and what follows from them."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import typer

from syncd.cli.output import Format, Printer
from syncd.model.caller import Caller

if TYPE_CHECKING:
    from syncd.bootstrap import Runtime
    from syncd.settings.load import Loaded
    from syncd.settings.root import LogSettings


class CurrentStderr:
    """Standard error as it is at the time of writing, so that log lines go above a progress bar and not through it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


@dataclass(slots=True, kw_only=True)
class Invocation:
    """The global options. Verbs get it as the context's object."""

    config: Path | None = None
    format: Format = Format.TABLE
    # None: as the configuration says
    log_format: str | None = None
    log_level: str | None = None
    printer: Printer = field(init=False)

    def __post_init__(self) -> None:
        self.printer = Printer(self.format)

    def load(self, *, need_directories: bool = False, quiet: bool = True) -> Loaded:
        """The configuration, with logging set up as it says. Raises ConfigurationError.

        `quiet`: for a verb that prints its result itself and only logs warnings.
        """
        from syncd.services.configuration import load_checked

        loaded = load_checked(self.config, os.environ, need_directories=need_directories)
        self.set_up_logging(loaded.settings.log, quiet=quiet)
        return loaded

    def set_up_logging(self, settings: LogSettings, *, quiet: bool) -> None:
        """Log to standard error: as the configuration says, unless an option says otherwise."""
        from syncd.logs import configure

        changes: dict[str, Any] = {}
        if self.log_format:
            changes["format"] = self.log_format
        if self.log_level:
            changes["level"] = self.log_level
        elif quiet and settings.level in ("debug", "info"):
            changes["level"] = "warning"
        configure(settings.model_copy(update=changes), cast(TextIO, CurrentStderr()))

    @contextmanager
    def runtime(self, *, need_directories: bool = False) -> Iterator[Runtime]:
        """Everything wired, on a store whose schema is this version's. Raises SyncdError."""
        settings = self.load(need_directories=need_directories).settings
        # only now: mistakes of the configuration are told before the database's and the directories' libraries are loaded
        from syncd.bootstrap import open_runtime

        runtime = open_runtime(settings)
        try:
            yield runtime
        finally:
            runtime.close()


def of(context: typer.Context) -> Invocation:
    """The invocation a verb belongs to."""
    invocation = context.find_object(Invocation)
    assert invocation is not None
    return invocation


def actor() -> str:
    """The account of the system that asks."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def caller() -> Caller:
    """Who acts on the command line: whoever can read the configuration may do everything."""
    return Caller(name=actor(), everything=True)
