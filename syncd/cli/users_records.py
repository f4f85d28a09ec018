"""`syncd users records …`: records of other systems that users own, which keep them from being deleted."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli.invocation import caller, of
from syncd.cli.output import Table
from syncd.cli.structure import After, Limit, print_done, print_page
from syncd.cli.users_fields import Who
from syncd.errors import NotFoundError

app = typer.Typer(help="Records of other systems that users own; an owner cannot be deleted.", no_args_is_help=True)

System = Annotated[str, typer.Argument(help="Name of the other system, such as crm.")]
Reference = Annotated[str, typer.Argument(help="What the record is called there.")]

_RECORDS = Table(keys=("system", "reference"), headings={"system": "SYSTEM", "reference": "REFERENCE"}, empty="owns no records")


def register(users: typer.Typer) -> None:
    """Add the verbs to `syncd users`."""
    users.add_typer(app, name="records")


@app.command("list")
def list_records(context: typer.Context, user: Who, *, limit: Limit = 50, after: After = None) -> None:
    """List what a user owns."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        page = runtime.management.users.owned(runtime.queries.user(user).id, limit=limit, after=after)
    print_page(invocation.printer, _RECORDS, page, lambda record: record._asdict())


@app.command()
def add(context: typer.Context, user: Who, system: System, reference: Reference) -> None:
    """Note that a user owns a record."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        number = runtime.queries.user(user).id
        new = runtime.management.users.own(number, system, reference, caller=caller())
    line = f"User {number} {'now owns' if new else 'owned already'} {system}/{reference}."
    print_done(invocation.printer, {"user": number, "system": system, "reference": reference, "new": new}, line)


@app.command()
def remove(context: typer.Context, user: Who, system: System, reference: Reference) -> None:
    """Note that a user no longer owns a record."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        number = runtime.queries.user(user).id
        if not runtime.management.users.disown(number, system, reference, caller=caller()):
            raise NotFoundError(f"user {number} owns no {system}/{reference}")
    done = {"user": number, "system": system, "reference": reference}
    print_done(invocation.printer, done, f"User {number} no longer owns {system}/{reference}.")
