"""`syncd users password|reset-link|invite`: passwords, and the links with which people set them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.invocation import Invocation, caller, of
from syncd.errors import UsageError

if TYPE_CHECKING:
    from syncd.bootstrap import Runtime
    from syncd.model.password import LinkGiven

# bytes of standard input that are looked at
_LONGEST = 4096

Who = Annotated[str, typer.Argument(help="Username, email, DN, entry id or number; `id:7` names the kind.")]
Why = Annotated[str, typer.Option(help="Why; goes into the audit trail.", prompt="Reason")]
MaybeWhy = Annotated[str | None, typer.Option(help="Why; goes into the audit trail.")]
Print = Annotated[bool, typer.Option("--print-link", help="Print the link in place of mailing it.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to `syncd users`."""
    app.command()(password)
    app.command("reset-link")(reset_link)
    app.command()(invite)


def password(
    context: typer.Context,
    *,
    user: Who,
    stdin: Annotated[bool, typer.Option("--password-stdin", help="Read it from standard input, one line.")] = False,
    suggest: Annotated[bool, typer.Option("--suggest", help="Make a random one and print it.")] = False,
    reason: MaybeWhy = None,
) -> None:
    """Give somebody a password: asked for without being shown, unless an option says otherwise. Their sessions end."""
    if stdin and suggest:
        raise UsageError("--password-stdin and --suggest exclude each other")
    invocation = of(context)
    with invocation.runtime() as runtime:
        found = runtime.queries.user(user)
        passwords = runtime.management.passwords
        if suggest:
            new = passwords.rules.suggest(about=passwords.store.owner(found.id).names)
        else:
            new = from_stdin() if stdin else asked(passwords.rules.hint)
        passwords.set_password(found.id, new, caller=caller(), reason=reason)
    shown = {"user": found.id, "username": found.username} | ({"password": new} if suggest else {})
    if not invocation.printer.for_people:
        invocation.printer.record(shown)
    elif suggest:
        # alone on standard output, to be copied or piped
        invocation.printer.text(new)
    else:
        invocation.printer.text(f"User {found.id} ({found.username}) has a new password; their sessions have ended.")


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
