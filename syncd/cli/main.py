"""The program's entry: global options, the verbs, and what becomes of errors.

Exit codes: 0 done; 1 an error of syncd itself or a run that failed; 2 wrong use; 3 a dry run that found changes; 4 held by the
guard; 69 directory unavailable; 75 try again later; 77 refused by a directory; 78 configuration (sysexits(3)); 130 interrupted.
"""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import syncd
from syncd.cli import (
    audit,
    check,
    config,
    db,
    events,
    explain,
    export,
    groups,
    keys,
    mail,
    orgs,
    plan,
    purge,
    roles,
    run,
    runs,
    status,
    sync,
    units,
    users,
    users_actions,
    users_avatar,
    users_edit,
    users_links,
    users_password,
    users_records,
    users_sessions,
    webhooks,
)
from syncd.cli.invocation import Invocation
from syncd.cli.output import Format
from syncd.errors import ConfigurationError, SyncdError

# options that stand before the verb or anywhere after it; the value: whether the option takes one
GLOBAL_OPTIONS = {"-c": True, "--config": True, "--output": True, "--log-format": True, "--log-level": True, "--debug": False}

app = typer.Typer(
    name="syncd",
    help="Keeps a SQL store of people, organizations and roles true to LDAP directories.",
    epilog="The global options may also stand behind the verb. Everything about output and exit codes: docs/cli.md.",
    no_args_is_help=True,
    # quick and the same everywhere; rich would also draw tracebacks with the values of local variables
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for module in (check, sync, explain, status, export, run, purge):
    module.register(app)
for verbs in (users_edit, users_avatar, users_password, users_actions, users_links, users_sessions, users_records):
    verbs.register(users.app)
# syncd.wiring has the use cases behind these
for people, name in (
    (keys, "keys"),
    (groups, "groups"),
    (orgs, "orgs"),
    (units, "units"),
    (audit, "audit"),
    (events, "events"),
    (mail, "mail"),
    (webhooks, "webhooks"),
):
    # a family without verbs yet is not shown
    if people.app.registered_commands or people.app.registered_groups:
        app.add_typer(people.app, name=name)
for family, name in ((plan, "plan"), (runs, "runs"), (users, "users"), (roles, "roles"), (config, "config"), (db, "db")):
    app.add_typer(family.app, name=name)


class LogFormat(enum.StrEnum):
    """`log.format` of the configuration."""

    AUTO = "auto"
    JSON = "json"
    LOGFMT = "logfmt"
    CONSOLE = "console"


class LogLevel(enum.StrEnum):
    """`log.level` of the configuration."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"syncd {syncd.__version__}")
        raise typer.Exit


@app.callback()
def _global_options(
    context: typer.Context,
    *,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="Configuration file, else $SYNCD_CONFIG, else /etc/syncd/syncd.toml.", metavar="FILE"
        ),
    ] = None,
    output: Annotated[Format, typer.Option(help="How results are printed.")] = Format.TABLE,
    log_format: Annotated[LogFormat | None, typer.Option(help="In place of log.format.", show_default=False)] = None,
    log_level: Annotated[LogLevel | None, typer.Option(help="In place of log.level.", show_default=False)] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    del debug, version
    context.obj = Invocation(
        config=config_file,
        format=output,
        log_format=log_format.value if log_format else None,
        log_level=log_level.value if log_level else None,
    )


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program and exit."""
    words = hoisted(sys.argv[1:] if arguments is None else arguments)
    try:
        app(args=words, prog_name="syncd")
    except SyncdError as error:
        if "--debug" in words:
            raise
        code = report(error)
    except Exception as error:
        if "--debug" in words:
            raise
        sys.stderr.write(f"error: an error of syncd itself: {type(error).__name__}\n  Try again with --debug, and report it.\n")
        code = 1
    else:
        code = 0
    _leave(code)


def report(error: SyncdError) -> int:
    """Say on standard error what went wrong and what to do about it; the exit code."""
    if isinstance(error, ConfigurationError) and len(error.problems) > 1:
        lines = [f"error: the configuration has {len(error.problems)} mistakes:"]
        lines += [f"  - {problem}" for problem in error.problems]
    else:
        lines = [f"error: {error.message}"]
    if error.hint:
        lines.append(f"  {error.hint}")
    sys.stderr.write("\n".join(lines) + "\n")
    return error.exit_code


def hoisted(words: Sequence[str]) -> list[str]:
    """The arguments with the global options moved to the front, where typer wants them."""
    front: list[str] = []
    rest: list[str] = []
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word == "--":
            rest += [word, *pending]
            break
        # `--sort -created` is no `-c reated`
        glued = word.startswith("-c") and len(word) > 2 and rest[-1:] != ["--sort"]
        takes_value = False if glued else GLOBAL_OPTIONS.get(word.partition("=")[0])
        if takes_value is None:
            rest.append(word)
        else:
            front.append(word)
            if takes_value and "=" not in word and pending:
                front.append(pending.pop(0))
    return front + rest


def _leave(code: int) -> NoReturn:
    """Exit; a reader of our output who has gone away is no reason for a traceback."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)
