"""`syncd users …`: who is in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.invocation import of
from syncd.cli.output import Format, Printer, Table, cell
from syncd.cli.sync import actor
from syncd.model.views import UserFilter, UserState

if TYPE_CHECKING:
    from syncd.bootstrap import Runtime
    from syncd.model.views import PersonView
    from syncd.services.ports import Relinked

app = typer.Typer(help="Show people.", no_args_is_help=True)

_USERS = Table(
    keys=(
        "id", "username", "first_name", "last_name", "display_name", "email", "enabled", "can_log_in", "reasons",
        "organizations", "units", "roles", "directories",
    ),
    headings={
        "username": "USERNAME",
        "name": "NAME",
        "email": "EMAIL",
        "login": "CAN LOG IN",
        "roles": "ROLES",
        "directories": "FROM",
    },
    empty="nobody",
)  # fmt: skip


@app.command("list")
def list_users(
    context: typer.Context,
    *,
    text: Annotated[str, typer.Argument(help="Words that occur in username, names or email.")] = "",
    state: Annotated[UserState, typer.Option(help="Which people.")] = UserState.ALL,
    directory: Annotated[str | None, typer.Option(help="Only people of this directory.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    after: Annotated[str | None, typer.Option(help="Go on where a list ended: its `next`.")] = None,
) -> None:
    """List people by username."""
    from syncd.services.export import person_json

    invocation = of(context)
    with invocation.runtime() as runtime:
        page = runtime.queries.users(UserFilter(state=state, directory=directory, text=text), limit=limit, after=after)
    rows = [person_json(person) if invocation.format is Format.JSON else _row(person) for person in page.items]
    invocation.printer.rows(_USERS, rows, next_page=page.next)
    if page.next and invocation.printer.for_people:
        typer.echo(f"there are more: --after {page.next}", err=True)


@app.command()
def show(
    context: typer.Context,
    user: Annotated[str, typer.Argument(help="Username, email, DN, entry id or number; `id:7` names the kind.")],
) -> None:
    """Show everything about one person, with the history of their DNs."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        document = _document(runtime, user)
    if invocation.printer.for_people:
        _print(invocation.printer, document)
    else:
        invocation.printer.record(document)


Who = Annotated[str, typer.Argument(help="Username, email, DN, entry id or number; `id:7` names the kind.")]
Where = Annotated[str, typer.Option(help="The directory whose entry it is.")]
Reason = Annotated[str, typer.Option(help="Why; goes into the audit trail.", prompt="Reason")]


@app.command()
def link(
    context: typer.Context,
    *,
    user: Who,
    directory: Where,
    reason: Reason,
    dn: Annotated[str | None, typer.Option(help="The entry's DN.")] = None,
    entry_id: Annotated[str | None, typer.Option(help="The entry's id.")] = None,
) -> None:
    """Make an entry that is another user's one of this user: they are the same person."""
    invocation = of(context)
    with invocation.runtime(need_directories=True) as runtime:
        user_id = runtime.queries.user(user).id
        done = runtime.links.link(user_id, directory=directory, dn=dn, entry_id=entry_id, actor=actor(), reason=reason)
    _print_relinked(invocation.printer, done, f"{done.dn} is an entry of user {done.user_id} now.")


@app.command()
def unlink(context: typer.Context, user: Who, directory: Where, reason: Reason) -> None:
    """Make a user's entry of one directory a user of its own, as the directory's next sync says."""
    invocation = of(context)
    with invocation.runtime(need_directories=True) as runtime:
        user_id = runtime.queries.user(user).id
        done = runtime.links.unlink(user_id, directory=directory, actor=actor(), reason=reason)
    _print_relinked(invocation.printer, done, f"{done.dn} is no longer an entry of user {done.user_id}.")


_OTHERS = {
    "stays": "User {} stays, with the entries of other directories.",
    "deleted": "User {}, whose only entry it was, is deleted.",
    "kept": "User {}, whose only entry it was, is kept for what is their own, disabled and without names.",
    "created": "It is user {}, whose fields the next sync fills in.",
}


def _print_relinked(printer: Printer, done: Relinked, first: str) -> None:
    if printer.for_people:
        printer.text(f"{first} {_OTHERS[done.other].format(done.other_id)}")
    else:
        printer.record({"user": done.user_id, "other": done.other_id, "became": done.other, "dn": done.dn})


def _document(runtime: Runtime, user: str) -> dict[str, Any]:
    from syncd.services.export import person_json

    person = runtime.queries.user(user)
    history = [
        {"directory": period.directory, "dn": period.dn, "since": period.since, "until": period.until}
        for period in runtime.queries.dn_history(person.id)
    ]
    more = {
        "last_login_at": person.last_login_at,
        "login_count": person.login_count,
        "failed_logins": person.failed_logins,
        "version": person.version,
        "dn_history": history,
    }
    return person_json(person) | more


def _row(person: PersonView) -> dict[str, Any]:
    name = person.display_name or " ".join(part for part in (person.first_name, person.last_name) if part)
    return {key: getattr(person, key) for key in _USERS.keys} | {
        "name": name,
        "login": "yes" if person.can_log_in else f"no: {', '.join(person.reasons)}",
        "roles": [role.name for role in person.roles],
        "directories": [identity.name for identity in person.directories] or ["manual"],
    }


def _print(printer: Printer, person: dict[str, Any]) -> None:
    lists = ("roles", "directories", "dn_history", "custom")
    printer.record({key: value for key, value in person.items() if key not in lists and value not in (None, (), [], "")})
    if person["custom"]:
        printer.record({f"custom.{key}": value for key, value in person["custom"].items()})
    for role in person["roles"]:
        printer.text(f"  role {role['name']}, given by {', '.join(role['sources'])}")
    for identity in person["directories"]:
        printer.text(f"  in {identity['name']}: {identity['dn']}")
        printer.text(f"    entry id {identity['entry_id']}")
        if identity["missing_since"]:
            printer.text(f"    gone since {identity['missing_since']}")
        for name, value in identity["account"].items():
            if value is not None:
                printer.text(f"    account {name} {cell(value)}")
        for identifier in identity["role_identifiers"]:
            printer.text(f"    role identifier {identifier}")
    for period in person["dn_history"]:
        if period["until"] is not None:
            printer.text(f"  was {period['dn']} in {period['directory']} until {period['until']:%Y-%m-%d %H:%M}")
