"""`syncd units …`: business units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.invocation import caller, of
from syncd.cli.output import Table
from syncd.cli.structure import After, Limit, Name, NewName, Reason, Text, flat, given, number_of, print_done, print_page
from syncd.errors import UsageError
from syncd.model.structure import UnitFields, UnitFilter, Window

if TYPE_CHECKING:
    from syncd.bootstrap import Runtime

app = typer.Typer(help="Business units.", no_args_is_help=True)

_UNITS = Table(
    keys=(
        "id", "name", "path", "organization_id", "organization", "parent_id", "depth", "directory", "users", "children",
        "version",
    ),
    headings={"id": "ID", "tree": "UNIT", "organization": "ORGANIZATION", "users": "PEOPLE", "source": "FROM"},
    numbers=frozenset({"id", "users"}),
    empty="no unit",
)  # fmt: skip
Unit = Annotated[str, typer.Argument(help="Number, or with --org the path: Europe/Spain.")]
InOrganization = Annotated[str | None, typer.Option("--org", help="The organization: name or number.")]


@app.command("list")
def list_units(
    context: typer.Context,
    *,
    text: Text = "",
    org: Annotated[str | None, typer.Option(help="Only units of this organization: name or number.")] = None,
    division: Annotated[int | None, typer.Option(help="Only this unit, by number, and all below it.")] = None,
    limit: Limit = 1000,
    after: After = None,
) -> None:
    """List units as a tree."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        wanted = UnitFilter(organization_id=_organization(runtime, org), division_id=division)
        page = runtime.management.units.list(Window(text=text, limit=limit, after=after), wanted)
    print_page(invocation.printer, _UNITS, page, _row)


@app.command()
def show(context: typer.Context, unit: Unit, *, org: InOrganization = None) -> None:
    """Show one unit."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        found = runtime.management.units.get(_number(runtime, unit, org))
    invocation.printer.record(flat(found))


@app.command()
def create(
    context: typer.Context,
    *,
    name: Name,
    org: Annotated[str, typer.Option(help="The organization: name or number.")],
    parent: Annotated[str | None, typer.Option(help="The unit it lies in: path or number. Left out: at the top.")] = None,
) -> None:
    """Make a unit."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        organization_id = _organization(runtime, org)
        assert organization_id is not None
        parent_id = None if parent is None else _number(runtime, parent, org)
        fields = UnitFields(name=name, organization_id=organization_id, parent_id=parent_id)
        made = runtime.management.units.create(fields, caller=caller())
    print_done(invocation.printer, flat(made), f"Unit {made.id} is {made.path} of {made.organization}.")


@app.command()
def edit(
    context: typer.Context,
    unit: Unit,
    *,
    org: InOrganization = None,
    name: NewName = None,
    parent: Annotated[str | None, typer.Option(help="Move it, with all below it, into this unit.")] = None,
    top: Annotated[bool, typer.Option("--top", help="Move it to the top of its organization.")] = False,
) -> None:
    """Rename a unit, or move it with all below it."""
    invocation = of(context)
    if top and parent is not None:
        raise UsageError("either --parent or --top")
    with invocation.runtime() as runtime:
        changes: dict[str, Any] = given(name=name)
        if top or parent is not None:
            changes["parent_id"] = None if parent is None else _number(runtime, parent, org)
        done = runtime.management.units.edit(_number(runtime, unit, org), changes, caller=caller())
    print_done(invocation.printer, flat(done), f"Unit {done.id} is {done.path} of {done.organization}.")


@app.command()
def delete(context: typer.Context, unit: Unit, *, org: InOrganization = None, reason: Reason) -> None:
    """Delete a unit that nothing is in."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        number = _number(runtime, unit, org)
        runtime.management.units.delete(number, reason=reason, caller=caller())
    print_done(invocation.printer, {"deleted": number}, f"Unit {number} is deleted.")


def _row(unit: Any) -> dict[str, Any]:
    tree = "  " * unit.depth + unit.fields.name
    return flat(unit) | {"tree": tree, "source": unit.directory or "manual"}


def _organization(runtime: Runtime, text: str | None) -> int | None:
    return None if text is None else number_of(text, runtime.management.organizations.by_name, "organization")


def _number(runtime: Runtime, text: str, org: str | None) -> int:
    def by_path(path: str) -> int | None:
        organization_id = _organization(runtime, org)
        if organization_id is None:
            raise UsageError(f"which organization's unit is {path!r}? Name it by --org, or the unit by its number")
        return runtime.management.units.by_path(organization_id, path)

    return number_of(text, by_path, "unit")
