"""`syncd roles …`: the roles of the store, and what directories call a role."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from syncd.cli.invocation import of
from syncd.cli.output import Table

app = typer.Typer(help="Show roles and role identifiers.", no_args_is_help=True)

_ROLES = Table(
    keys=("id", "name", "description", "organization", "users"),
    headings={"name": "ROLE", "organization": "ORGANIZATION", "users": "PEOPLE", "description": "DESCRIPTION"},
    numbers=frozenset({"users"}),
    empty="no role",
)
_IDENTIFIERS = Table(
    keys=("directory", "identifier", "dn", "members", "roles", "mapped", "configured"),
    headings={"directory": "DIRECTORY", "identifier": "ROLE IDENTIFIER", "members": "PEOPLE", "roles": "ROLES"},
    numbers=frozenset({"members"}),
    empty="no role identifier",
)


@app.command("list")
def list_roles(context: typer.Context) -> None:
    """List the roles of the store, with how many people have each."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        rows = [{key: getattr(role, key) for key in _ROLES.keys} for role in runtime.queries.roles()]
    invocation.printer.rows(_ROLES, rows)


@app.command()
def identifiers(
    context: typer.Context,
    directory: Annotated[str | None, typer.Option(help="Only those of this directory.")] = None,
    unmapped: Annotated[bool, typer.Option("--unmapped", help="Only those that no line of roles.map matches.")] = False,
) -> None:
    """List what directories call a role, and the roles of the store it is mapped to."""
    from syncd.mapping.roles import RoleMap
    from syncd.services.people import mapped_identifiers

    invocation = of(context)
    with invocation.runtime() as runtime:
        settings = runtime.settings.directories
        maps = {name: RoleMap(each.roles.map, each.roles.default) for name, each in settings.items()}
        found = mapped_identifiers(runtime.queries.role_identifiers(directory), maps)
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
