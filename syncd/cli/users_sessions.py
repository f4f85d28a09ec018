"""`syncd users sessions …`: who is logged in, and ending it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from syncd.cli.invocation import caller, of
from syncd.cli.output import Table

app = typer.Typer(help="Sessions of users.", no_args_is_help=True)

_SESSIONS = Table(
    keys=("id", "created_at", "last_seen_at", "expires_at", "address", "user_agent"),
    headings={"id": "ID", "created_at": "BEGAN", "last_seen_at": "LAST USED", "expires_at": "ENDS", "address": "FROM"},
    empty="no sessions",
)


def register(users: typer.Typer) -> None:
    """Add the verbs to `syncd users`."""
    users.add_typer(app, name="sessions")


@app.command("list")
def list_sessions(
    context: typer.Context,
    user: Annotated[str, typer.Argument(help="Username, email, or another name: see `syncd users show`.")],
) -> None:
    """List the sessions of a user that are alive."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        found = runtime.management.sessions.list(runtime.queries.user(user).id)
    rows: list[dict[str, Any]] = [{key: getattr(session, key) for key in _SESSIONS.keys} for session in found]
    invocation.printer.rows(_SESSIONS, rows)


@app.command("end")
def end_sessions(
    context: typer.Context,
    user: Annotated[str, typer.Argument(help="Username, email, or another name: see `syncd users show`.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit trail.")],
    session: Annotated[int | None, typer.Option("--session", help="Only this one.")] = None,
) -> None:
    """End all sessions of a user, or one."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        number = runtime.queries.user(user).id
        if session is None:
            ended = runtime.management.sessions.end_all(number, caller=caller(), reason=reason)
        else:
            runtime.management.sessions.end(number, session, caller=caller(), reason=reason)
            ended = 1
    if invocation.printer.for_people:
        invocation.printer.text(f"{ended} ended")
    else:
        invocation.printer.record({"ended": ended})
