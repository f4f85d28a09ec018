"""`syncd run`: the daemon."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import typer

from syncd.cli.invocation import of

if TYPE_CHECKING:
    from syncd.settings.root import RootSettings


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("run")(run)


def run(context: typer.Context) -> None:
    """Run as a daemon: sync on the schedule and serve the endpoint. TERM stops it, HUP reloads, USR1 syncs now."""
    # until the daemon has handlers of its own, a request for a reload or a sync must not end it
    for number in (signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    from syncd.bootstrap import open_runtime
    from syncd.daemon.runtime import serve
    from syncd.logs import get_logger
    from syncd.services.configuration import load_checked
    from syncd.settings.root import LogSettings

    invocation = of(context)
    invocation.set_up_logging(LogSettings(), quiet=False)
    log = get_logger("syncd.daemon")

    def load() -> RootSettings:
        loaded = load_checked(invocation.config, os.environ, need_directories=True)
        invocation.set_up_logging(loaded.settings.log, quiet=False)
        for warning in loaded.warnings:
            log.warning("configuration warning", warning=warning)
        return loaded.settings

    raise typer.Exit(serve(load=load, open_runtime=open_runtime))
