"""`syncd groups …`: groups of people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.invocation import caller, of
from syncd.cli.output import Table
from syncd.cli.structure import (
    After,
    Description,
    Limit,
    Name,
    NewName,
    Reason,
    Text,
    flat,
    given,
    number_of,
    print_done,
    print_page,
)
from syncd.model.structure import GroupFields, Window

if TYPE_CHECKING:
    from syncd.bootstrap import Runtime

app = typer.Typer(help="Groups of people, for filters and notifications.", no_args_is_help=True)
members = typer.Typer(help="Who is in a group.", no_args_is_help=True)
app.add_typer(members, name="members")

_GROUPS = Table(
    keys=("id", "name", "description", "members", "version", "created_at"),
    headings={"id": "ID", "name": "GROUP", "members": "MEMBERS", "description": "DESCRIPTION"},
    numbers=frozenset({"id", "members"}),
    empty="no group",
)
_MEMBERS = Table(
    keys=("id", "username", "display_name", "email"),
    headings={"id": "ID", "username": "USERNAME", "display_name": "NAME", "email": "EMAIL"},
    numbers=frozenset({"id"}),
    empty="nobody",
)
Group = Annotated[str, typer.Argument(help="Name or number; `name:7` for a name that looks like a number.")]
Users = Annotated[list[str], typer.Argument(help="Usernames, emails, DNs, entry ids or numbers; `id:7` names the kind.")]


@app.command("list")
def list_groups(context: typer.Context, *, text: Text = "", limit: Limit = 50, after: After = None) -> None:
    """List groups by name."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        page = runtime.management.groups.list(Window(text=text, limit=limit, after=after))
    print_page(invocation.printer, _GROUPS, page)


@app.command()
def show(context: typer.Context, group: Group) -> None:
    """Show one group."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        found = runtime.management.groups.get(_number(runtime, group))
    invocation.printer.record(flat(found))


@app.command()
def create(context: typer.Context, *, name: Name, description: Description = None) -> None:
    """Make a group."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        made = runtime.management.groups.create(GroupFields(name=name, description=description or ""), caller=caller())
    print_done(invocation.printer, flat(made), f"Group {made.id} is {made.fields.name}.")


@app.command()
def edit(context: typer.Context, group: Group, *, name: NewName = None, description: Description = None) -> None:
    """Change a group."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        changes = given(name=name, description=description)
        done = runtime.management.groups.edit(_number(runtime, group), changes, caller=caller())
    print_done(invocation.printer, flat(done), f"Group {done.id} is {done.fields.name}.")


@app.command()
def delete(context: typer.Context, group: Group, *, reason: Reason) -> None:
    """Delete a group; its members stay users."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        number = _number(runtime, group)
        runtime.management.groups.delete(number, reason=reason, caller=caller())
    print_done(invocation.printer, {"deleted": number}, f"Group {number} is deleted.")


@members.command("list")
def list_members(
    context: typer.Context,
    group: Group,
    *,
    text: Text = "",
    limit: Limit = 50,
    after: Annotated[int, typer.Option(min=0, help="Go on where a list ended: its `next`.")] = 0,
) -> None:
    """List who is in a group, by number."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        page = runtime.management.groups.members(_number(runtime, group), text=text, limit=limit, after=after)
    print_page(invocation.printer, _MEMBERS, page, lambda member: {key: getattr(member, key) for key in _MEMBERS.keys})


@members.command()
def add(context: typer.Context, group: Group, users: Users) -> None:
    """Put people into a group."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        number = _number(runtime, group)
        changed = runtime.management.groups.add(number, _users(runtime, users), caller=caller())
    print_done(invocation.printer, {"group": number, "changed": changed}, f"{changed} came into group {number}.")


@members.command()
def remove(context: typer.Context, group: Group, users: Users, *, reason: Reason) -> None:
    """Take people out of a group."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        number = _number(runtime, group)
        changed = runtime.management.groups.remove(number, _users(runtime, users), reason=reason, caller=caller())
    print_done(invocation.printer, {"group": number, "changed": changed}, f"{changed} went out of group {number}.")


def _number(runtime: Runtime, text: str) -> int:
    return number_of(text, runtime.management.groups.by_name, "group")


def _users(runtime: Runtime, texts: list[str]) -> list[int]:
    return [runtime.queries.user(text).id for text in texts]
