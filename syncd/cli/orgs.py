"""`syncd orgs …`: organizations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.invocation import caller, of
from syncd.cli.output import Table
from syncd.cli.structure import After, Limit, Name, Reason, Text, flat, number_of, print_done, print_page
from syncd.model.structure import OrganizationFields, Window

if TYPE_CHECKING:
    from syncd.bootstrap import Runtime

app = typer.Typer(help="Organizations.", no_args_is_help=True)

_ORGANIZATIONS = Table(
    keys=(
        "id", "name", "enabled", "directories", "managed_by", "users", "units", "version", "created_at", "updated_at",
    ),
    headings={
        "id": "ID", "name": "ORGANIZATION", "enabled": "ENABLED", "users": "PEOPLE", "units": "UNITS", "directories": "FROM",
    },
    numbers=frozenset({"id", "users", "units"}),
    empty="no organization",
)  # fmt: skip
Organization = Annotated[str, typer.Argument(help="Name or number; `name:7` for a name that looks like a number.")]


@app.command("list")
def list_organizations(
    context: typer.Context,
    *,
    text: Text = "",
    enabled: Annotated[bool | None, typer.Option("--enabled/--disabled", help="Only those that are, or are not.")] = None,
    limit: Limit = 50,
    after: After = None,
) -> None:
    """List organizations by name."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        page = runtime.management.organizations.list(Window(text=text, limit=limit, after=after), enabled=enabled)
    print_page(invocation.printer, _ORGANIZATIONS, page)


@app.command()
def show(context: typer.Context, organization: Organization) -> None:
    """Show one organization."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        found = runtime.management.organizations.get(_number(runtime, organization))
    invocation.printer.record(flat(found))


@app.command()
def create(
    context: typer.Context,
    *,
    name: Name,
    enabled: Annotated[bool, typer.Option("--enabled/--disabled", help="Whether it lets its people in.")] = True,
) -> None:
    """Make an organization."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        fields = OrganizationFields(name=name, enabled=enabled)
        made = runtime.management.organizations.create(fields, caller=caller())
    print_done(invocation.printer, flat(made), f"Organization {made.id} is {made.fields.name}.")


@app.command()
def edit(
    context: typer.Context, organization: Organization, *, name: Annotated[str, typer.Option("--name", help="Another name.")]
) -> None:
    """Rename an organization that no directory made."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        number = _number(runtime, organization)
        done = runtime.management.organizations.edit(number, {"name": name}, caller=caller())
    print_done(invocation.printer, flat(done), f"Organization {done.id} is {done.fields.name}.")


@app.command()
def enable(context: typer.Context, organization: Organization, *, reason: Reason) -> None:
    """Let the people of an organization in again."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        done = runtime.management.organizations.enable(_number(runtime, organization), reason=reason, caller=caller())
    print_done(invocation.printer, flat(done), f"Organization {done.fields.name} is enabled.")


@app.command()
def disable(context: typer.Context, organization: Organization, *, reason: Reason) -> None:
    """Keep everybody out who has access to no other organization."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        done = runtime.management.organizations.disable(_number(runtime, organization), reason=reason, caller=caller())
    print_done(invocation.printer, flat(done), f"Organization {done.fields.name} is disabled.")


@app.command()
def delete(context: typer.Context, organization: Organization, *, reason: Reason) -> None:
    """Delete an organization that nothing uses."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        number = _number(runtime, organization)
        runtime.management.organizations.delete(number, reason=reason, caller=caller())
    print_done(invocation.printer, {"deleted": number}, f"Organization {number} is deleted.")


def _number(runtime: Runtime, text: str) -> int:
    return number_of(text, runtime.management.organizations.by_name, "organization")
