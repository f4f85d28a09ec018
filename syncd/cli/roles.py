"""`syncd roles …`: the roles of the store and what they allow, and what directories call a role."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.invocation import caller, of
from syncd.cli.output import Table
from syncd.cli.structure import Description, Name, NewName, Reason, Text, all_of, flat, given, number_of, print_done
from syncd.errors import UsageError
from syncd.model.structure import RoleFields

if TYPE_CHECKING:
    from syncd.bootstrap import Runtime

app = typer.Typer(help="Roles, permissions and role identifiers.", no_args_is_help=True)

_ROLES = Table(
    keys=("id", "name", "description", "organization", "users", "organization_id", "permissions", "version"),
    headings={"id": "ID", "name": "ROLE", "organization": "ORGANIZATION", "users": "PEOPLE", "description": "DESCRIPTION"},
    numbers=frozenset({"id", "users"}),
    empty="no role",
)
_IDENTIFIERS = Table(
    keys=("directory", "identifier", "dn", "members", "roles", "mapped", "configured"),
    headings={"directory": "DIRECTORY", "identifier": "ROLE IDENTIFIER", "members": "PEOPLE", "roles": "ROLES"},
    numbers=frozenset({"members"}),
    empty="no role identifier",
)


_PERMISSIONS = Table(
    keys=("name", "ours", "roles", "sentence"),
    headings={"name": "PERMISSION", "roles": "ROLES", "sentence": "MEANING"},
    numbers=frozenset({"roles"}),
    empty="no permission",
)
Role = Annotated[str, typer.Argument(help="Name or number; `name:7` for a name that looks like a number.")]
Permissions = Annotated[
    list[str] | None, typer.Option("--permission", help="A permission it holds, all of them; may be given several times.")
]
InOrganization = Annotated[str | None, typer.Option("--org", help="The organization it is for; left out: system-wide.")]


@app.command("list")
def list_roles(
    context: typer.Context,
    *,
    text: Text = "",
    org: Annotated[str | None, typer.Option("--org", help="Only roles of this organization: name or number.")] = None,
) -> None:
    """List the roles of the store, with how many people have each."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        organization_id = _organization(runtime, org)
        listed = partial(runtime.management.roles.list, organization_id=organization_id)
        rows = [flat(role) for role in all_of(listed, text=text)]
    invocation.printer.rows(_ROLES, rows)


@app.command()
def show(context: typer.Context, role: Role) -> None:
    """Show one role, with its permissions."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        found = runtime.management.roles.get(_number(runtime, role))
    invocation.printer.record(flat(found))


@app.command()
def create(
    context: typer.Context,
    *,
    name: Name,
    description: Description = None,
    org: InOrganization = None,
    permission: Permissions = None,
) -> None:
    """Make a role."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        fields = RoleFields(
            name=name,
            description=description or "",
            organization_id=_organization(runtime, org),
            permissions=tuple(permission or ()),
        )
        made = runtime.management.roles.create(fields, caller=caller())
    print_done(invocation.printer, flat(made), f"Role {made.id} is {made.fields.name}.")


@app.command()
def edit(
    context: typer.Context,
    role: Role,
    *,
    name: NewName = None,
    description: Description = None,
    permission: Permissions = None,
    add: Annotated[list[str] | None, typer.Option("--add", help="A permission it shall hold as well.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="A permission it shall hold no longer.")] = None,
    org: Annotated[str | None, typer.Option("--org", help="Make it this organization's.")] = None,
    system: Annotated[bool, typer.Option("--system", help="Make it system-wide.")] = False,
) -> None:
    """Change a role."""
    if (permission and (add or remove)) or (system and org is not None):
        raise UsageError("either --permission or --add and --remove; either --org or --system")
    invocation = of(context)
    with invocation.runtime() as runtime:
        number = _number(runtime, role)
        before = runtime.management.roles.get(number)
        changes: dict[str, Any] = given(name=name, description=description, organization_id=_organization(runtime, org))
        if system:
            changes["organization_id"] = None
        if permission or add or remove:
            held = set(permission or before.fields.permissions) | set(add or ())
            changes["permissions"] = tuple(held - set(remove or ()))
        done = runtime.management.roles.edit(number, changes, if_match=before.version, caller=caller())
    print_done(invocation.printer, flat(done), f"Role {done.id} is {done.fields.name}.")


@app.command()
def delete(context: typer.Context, role: Role, *, reason: Reason) -> None:
    """Delete a role that nobody has."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        number = _number(runtime, role)
        runtime.management.roles.delete(number, reason=reason, caller=caller())
    print_done(invocation.printer, {"deleted": number}, f"Role {number} is deleted.")


@app.command()
def permissions(context: typer.Context) -> None:
    """List the permissions that roles can hold: syncd's own, and those in use for other systems."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        found = runtime.management.roles.permissions()
    rows = [{"name": p.name, "ours": p.sentence is not None, "roles": p.roles, "sentence": p.sentence} for p in found]
    invocation.printer.rows(_PERMISSIONS, rows)


@app.command()
def identifiers(
    context: typer.Context,
    directory: Annotated[str | None, typer.Option(help="Only those of this directory.")] = None,
    unmapped: Annotated[bool, typer.Option("--unmapped", help="Only those that no line of roles.map matches.")] = False,
) -> None:
    """List what directories call a role, and the roles of the store it is mapped to."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        runtime.management.lists.require_directory(directory)
        found = runtime.management.roles.identifiers(directory)
    rows: list[dict[str, Any]] = [
        {
            "directory": each.identifier.directory,
            "identifier": each.identifier.identifier,
            "dn": each.identifier.dn,
            "members": each.identifier.members,
            "roles": list(each.roles),
            "mapped": bool(each.roles),
            "configured": each.configured,
        }
        for each in found
    ]
    invocation.printer.rows(_IDENTIFIERS, [row for row in rows if not (unmapped and row["mapped"])])


def _number(runtime: Runtime, text: str) -> int:
    return number_of(text, runtime.management.roles.by_name, "role")


def _organization(runtime: Runtime, text: str | None) -> int | None:
    return None if text is None else number_of(text, runtime.management.organizations.by_name, "organization")
