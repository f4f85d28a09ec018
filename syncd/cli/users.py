"""`syncd users …`: who is in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.accounts.sentences import reason_sentence
from syncd.cli.invocation import of
from syncd.cli.output import Format, Printer, Table, cell
from syncd.errors import UsageError
from syncd.model.views import UserOrder, UserSort, UserState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.bootstrap import Runtime
    from syncd.model.views import PersonView

app = typer.Typer(help="People: look at them, make and change them, lock and unlock.", no_args_is_help=True)

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
    text: Annotated[str, typer.Argument(help="Words that occur in username, names, email or title.")] = "",
    view: Annotated[UserState, typer.Option("--view", "--state", help="Which people.")] = UserState.ALL,
    condition: Annotated[str, typer.Option("--filter", help='A SCIM filter, such as: userName sw "a" and active eq true')] = "",
    sort: Annotated[
        str, typer.Option(help="username, email, name, created or last_login; with - before it descending.")
    ] = "username",
    directory: Annotated[str | None, typer.Option(help="Only people of this directory.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    after: Annotated[str | None, typer.Option(help="Go on where a list ended: its `next`.")] = None,
) -> None:
    """List people."""
    from syncd.services.export import person_json

    invocation = of(context)
    order = _order(sort)
    with invocation.runtime() as runtime:
        lists = runtime.management.lists
        wanted = lists.wanted(filter=condition, search=text, view=view, directory=directory)
        page = lists.list(wanted, order=order, limit=limit, after=after)
    rows = [person_json(person) if invocation.format is Format.JSON else _row(person) for person in page.items]
    invocation.printer.rows(_USERS, rows, next_page=page.next)
    if page.next and invocation.printer.for_people:
        typer.echo(f"there are more: --after {page.next}", err=True)


def _order(text: str) -> UserOrder:
    try:
        return UserOrder.parse(text)
    except ValueError:
        raise UsageError(f"people cannot be sorted by {text!r}, only by {', '.join(UserSort)}") from None


@app.command()
def show(
    context: typer.Context,
    user: Annotated[str, typer.Argument(help="Username, email, DN, entry id or number; `id:7` names the kind.")],
) -> None:
    """Show everything about one person, with the history of their DNs."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        person = runtime.queries.user(user)
        document = user_document(runtime, person.id)
    if invocation.printer.for_people:
        accounts = {identity.name: identity.account for identity in person.directories}
        _print(invocation.printer, document, [reason_sentence(reason, accounts) for reason in person.reasons])
    else:
        invocation.printer.record(document)


def user_document(runtime: Runtime, number: int) -> dict[str, Any]:
    """Everything about a user, for programs. Raises NotFoundError."""
    from syncd.services.export import person_json

    user = runtime.management.users.get(number)
    person = user.person
    more = {name: getattr(person, name) for name in ("last_login_at", "login_count", "failed_logins", "version")}
    more |= {name: getattr(user, name) for name in ("locked_at", "password_set_at", "sessions", "api_keys")}
    more |= {name: getattr(user, name) for name in ("username_released", "email_released")}
    return (
        person_json(person)
        | more
        | {
            "organization_roles": {role.name: role.organization for role in user.roles if role.organization},
            "access": [{"organization": each.organization, "unit": each.unit, "source": each.source} for each in user.access],
            "groups": [group.name for group in user.groups],
            "owner_unit": user.owner_unit.name if user.owner_unit else None,
            "avatar": user.avatar_type,
            "records": dict(user.records),
            "managed": dict(sorted(user.managed.items())),
            "dn_history": [
                {"directory": period.directory, "dn": period.dn, "since": period.since, "until": period.until}
                for period in user.dn_history
            ],
        }
    )


def _row(person: PersonView) -> dict[str, Any]:
    name = person.display_name or " ".join(part for part in (person.first_name, person.last_name) if part)
    return {key: getattr(person, key) for key in _USERS.keys} | {
        "name": name,
        "login": "yes" if person.can_log_in else f"no: {', '.join(person.reasons)}",
        "roles": [role.name for role in person.roles],
        "directories": [identity.name for identity in person.directories] or ["manual"],
    }


def _print(printer: Printer, person: dict[str, Any], sentences: Sequence[str]) -> None:
    lists = ("roles", "access", "directories", "dn_history", "custom", "managed", "organization_roles")
    printer.record({key: value for key, value in person.items() if key not in lists and value not in (None, (), [], "", {})})
    for sentence in sentences:
        printer.text(f"  cannot log in: {sentence}")
    if person["custom"]:
        printer.record({f"custom.{key}": value for key, value in person["custom"].items()})
    for role in person["roles"]:
        organization = person["organization_roles"].get(role["name"])
        home = f" of {organization}" if organization else ""
        printer.text(f"  role {role['name']}{home}, given by {', '.join(role['sources'])}")
    for each in person["access"]:
        printer.text(
            f"  access to {each['organization']}{': ' + each['unit'] if each['unit'] else ''}, given by {each['source']}"
        )
    for directory in sorted(set(person["managed"].values())):
        fields = [field for field, decides in person["managed"].items() if decides == directory]
        printer.text(f"  decided by {directory}: {', '.join(fields)}")
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
