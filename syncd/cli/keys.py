"""`syncd keys …`: API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.invocation import caller, of
from syncd.cli.output import Table, plain
from syncd.cli.structure import number_of

if TYPE_CHECKING:
    from syncd.model.apikey import ApiKey

app = typer.Typer(help="API keys of people, one for each organization.", no_args_is_help=True)

_KEYS = Table(
    keys=("id", "user_id", "organization_id", "organization", "name", "created_at", "created_by", "expires_at", "last_used_at"),
    headings={
        "id": "ID",
        "organization": "ORGANIZATION",
        "name": "NAME",
        "created_at": "MADE",
        "expires_at": "UNTIL",
        "last_used_at": "LAST USED",
    },
    numbers=frozenset({"id"}),
    empty="no keys",
)

Who = Annotated[str, typer.Argument(help="Username, email, DN, entry id or number; `id:7` names the kind.")]


@app.command("list")
def list_keys(context: typer.Context, user: Who) -> None:
    """List the keys of a person; their secrets are nowhere."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        keys = runtime.management.keys.list(runtime.queries.user(user).id)
    invocation.printer.rows(_KEYS, [_row(key) for key in keys])


@app.command()
def create(
    context: typer.Context,
    *,
    user: Who,
    organization: Annotated[
        str, typer.Option(help="What it is for: an organization's name or number; `name:7` names the kind.")
    ],
    name: Annotated[str, typer.Option(help="What to know it by.")] = "",
    expires: Annotated[
        datetime | None,
        typer.Option(help="From when on it is useless, in UTC.", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], show_default=False),
    ] = None,
) -> None:
    """Make a key, in place of the one that the person has for that organization."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        made = runtime.management.keys.create(
            runtime.queries.user(user).id,
            organization_id=number_of(organization, runtime.management.organizations.by_name, "organization"),
            name=name,
            expires_at=expires and expires.replace(tzinfo=UTC),
            caller=caller(),
        )
    printer = invocation.printer
    if not printer.for_people:
        replaced = made.replaced and made.replaced.id
        printer.record(_row(made.key) | {"token": made.token, "replaced": replaced})
        return
    until = "without an end" if made.key.expires_at is None else f"until {plain(made.key.expires_at)}"
    printer.text(f"key {made.key.id} for {made.key.organization}, {until}:")
    printer.text(f"  {made.token}")
    printer.text("It is shown this once. Send it as `Authorization: Bearer …`.")
    if made.replaced is not None:
        printer.text(f"Key {made.replaced.id}, whose place it took, is useless from now on.")


@app.command()
def revoke(
    context: typer.Context,
    *,
    user: Who,
    key: Annotated[int, typer.Argument(help="Number of the key.")],
    reason: Annotated[str, typer.Option(help="Why; goes into the audit trail.", prompt="Reason")],
) -> None:
    """End a key at once."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        ended = runtime.management.keys.revoke(runtime.queries.user(user).id, key, caller=caller(), reason=reason)
    if invocation.printer.for_people:
        invocation.printer.text(f"key {ended.id} for {ended.organization} is useless now")
    else:
        invocation.printer.record(_row(ended))


def _row(key: ApiKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in _KEYS.keys}
