"""`syncd users password|suggest-password|reset-link|invite`: passwords, and the links with which people set them."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.invocation import Invocation, caller, of
from syncd.cli.many import Who as Several
from syncd.cli.many import Yes, ask, lines, people, people_of, tell
from syncd.cli.output import Table
from syncd.errors import UsageError
from syncd.model.actions import NewPassword

if TYPE_CHECKING:
    from syncd.bootstrap import Runtime
    from syncd.model.password import LinkGiven

# bytes of standard input that are looked at
_LONGEST = 4096

_RESULTS = Table(
    keys=("id", "username", "result", "password", "code", "message"),
    headings={"id": "ID", "username": "USERNAME", "result": "RESULT", "password": "PASSWORD", "message": "WHY"},
    numbers=frozenset({"id"}),
    empty="nobody",
)
# where nobody is given one that they have not written themselves
_UNTOLD = replace(_RESULTS, headings={key: text for key, text in _RESULTS.headings.items() if key != "password"})
_SUGGESTIONS = Table(
    keys=("id", "username", "password", "code", "message"),
    headings={"id": "ID", "username": "USERNAME", "password": "PASSWORD", "message": "WHY"},
    numbers=frozenset({"id"}),
    empty="nobody",
)

Who = Annotated[str, typer.Argument(help="Username, email, DN, entry id or number; `id:7` names the kind.")]
Why = Annotated[str, typer.Option(help="Why; goes into the audit trail.", prompt="Reason")]
MaybeWhy = Annotated[str | None, typer.Option(help="Why; goes into the audit trail.")]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Many: a CSV file with lines `username,password`, or - for standard input. A first line `username,password` is a "
        "header. With --suggest a line may have no password.",
    ),
]
Print = Annotated[bool, typer.Option("--print-link", help="Print the link in place of mailing it.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to `syncd users`."""
    app.command()(password)
    app.command("suggest-password")(suggest_password)
    app.command("reset-link")(reset_link)
    app.command()(invite)


def password(
    context: typer.Context,
    *,
    who: Several = None,
    stdin: Annotated[bool, typer.Option("--password-stdin", help="Read it from standard input, one line.")] = False,
    suggest: Annotated[bool, typer.Option("--suggest", help="Make a random one for each and print it.")] = False,
    file: From = None,
    reason: MaybeWhy = None,
    yes: Yes = False,
) -> None:
    """Give people a password: asked for without being shown, unless an option says otherwise. Their sessions end."""
    names, invocation = who or [], of(context)
    if stdin and (suggest or file is not None):
        raise UsageError("--password-stdin excludes --suggest and --from")
    if bool(names) == (file is not None):
        raise UsageError("say who: by name, or by --from")
    if file is not None:
        _from_file(invocation, file, suggest=suggest, reason=reason, yes=yes)
    elif len(names) == 1:
        _for_one(invocation, names[0], stdin=stdin, suggest=suggest, reason=reason)
    elif suggest:
        _suggested(invocation, names, reason=reason, yes=yes)
    else:
        raise UsageError("several people get their passwords by --suggest, or by --from")


def _for_one(invocation: Invocation, user: str, *, stdin: bool, suggest: bool, reason: str | None) -> None:
    with invocation.runtime() as runtime:
        found = runtime.queries.user(user)
        passwords = runtime.management.passwords
        new = passwords.suggest(found.id) if suggest else from_stdin() if stdin else asked(passwords.rules.hint)
        passwords.set_password(found.id, new, caller=caller(), reason=reason)
    shown = {"user": found.id, "username": found.username} | ({"password": new} if suggest else {})
    if not invocation.printer.for_people:
        invocation.printer.record(shown)
    elif suggest:
        # alone on standard output, to be copied or piped
        invocation.printer.text(new)
    else:
        invocation.printer.text(f"User {found.id} ({found.username}) has a new password; their sessions have ended.")


def _suggested(invocation: Invocation, who: list[str], *, reason: str | None, yes: bool) -> None:
    with invocation.runtime() as runtime:
        found = people(runtime, who)
        rows = [NewPassword(id=number, password=None) for number in found]
        results = runtime.management.bulk_passwords.change(rows, caller=caller(), reason=reason)
        ask("new password", list(found.values()), yes=yes)
        tell(invocation.printer, _RESULTS, results, found)


def _from_file(invocation: Invocation, file: str, *, suggest: bool, reason: str | None, yes: bool) -> None:
    given = lines(file, ("username", "password"))
    empty = next((line for line in given if not line.value), None)
    if empty is not None and not suggest:
        raise UsageError(f"{file}, line {empty.number}: no password for {empty.name}", advice="--suggest makes one.")
    with invocation.runtime() as runtime:
        found = people_of(runtime, file, given)
        rows = [NewPassword(id=number, password=line.value or None) for number, line in zip(found, given, strict=True)]
        results = runtime.management.bulk_passwords.change(rows, caller=caller(), reason=reason)
        ask("new password", list(found.values()), yes=yes, file=file)
        tell(invocation.printer, _RESULTS if suggest else _UNTOLD, results, found)


def suggest_password(context: typer.Context, *, who: Several = None) -> None:
    """Make a random password for each, which the policy allows, and print it. It is not set."""
    if not who:
        raise UsageError("say for whom, by name")
    invocation = of(context)
    printer = invocation.printer
    with invocation.runtime() as runtime:
        found = people(runtime, who)
        results = runtime.management.bulk_passwords.suggest(found)
        if len(who) == 1 and printer.for_people:
            printer.text(runtime.management.passwords.suggest(*found))
        else:
            tell(printer, _SUGGESTIONS, results, found)


def reset_link(context: typer.Context, *, user: Who, reason: Why) -> None:
    """Keep somebody out until they have set a new password, and print the link for it: `reset` mails it instead."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        number = runtime.queries.user(user).id
        given = runtime.management.password_links.reset(number, caller=caller(), reason=reason, show=True)
        _print_link(invocation, runtime, given)


def invite(context: typer.Context, *, user: Who, print_link: Print = False) -> None:
    """Mail somebody without a password the link with which they choose one; an earlier invitation no longer works."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        number = runtime.queries.user(user).id
        given = runtime.management.password_links.invite(number, caller=caller(), show=print_link)
        _print_link(invocation, runtime, given)


def _print_link(invocation: Invocation, runtime: Runtime, given: LinkGiven) -> None:
    from syncd.services.mails import link_address

    link = None if given.token is None else link_address(runtime.settings.mail, given.token)
    printer = invocation.printer
    if not printer.for_people:
        shown = {"user": given.user_id, "expires_at": given.expires_at, "mailed": given.mailed}
        printer.record(shown | ({"link": link} if link else {}))
    elif link:
        printer.text(link)
        typer.echo(f"It works once, until {given.expires_at:%Y-%m-%d %H:%M} UTC, and is shown only now.", err=True)
    elif given.mailed:
        printer.text(f"The mail is on its way; its link works until {given.expires_at:%Y-%m-%d %H:%M} UTC.")
    else:
        printer.text("No mail is sent: no mail server is configured, or the user has no address. See --print-link.")


def asked(hint: str) -> str:
    """A new password, typed twice without being shown."""
    typer.echo(hint, err=True)
    typed: str = typer.prompt("New password", hide_input=True, confirmation_prompt="The same again", err=True)
    return typed


def from_stdin() -> str:
    """The first line of standard input. Raises UsageError."""
    line = sys.stdin.buffer.readline(_LONGEST)
    try:
        return line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise UsageError("standard input is not UTF-8") from error
