"""`syncd users enable|disable|activate|reset|delete`: one user, several, or whomever a filter finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.invocation import Invocation, caller, of
from syncd.cli.many import Who, Yes, ask, tell
from syncd.cli.many import people as named
from syncd.cli.output import Table
from syncd.cli.structure import print_done
from syncd.errors import UsageError
from syncd.model.actions import Action

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.bootstrap import Runtime

# people whom a filter may mean on the command line
MAX_FOUND = 100_000

_RESULTS = Table(
    keys=("id", "username", "result", "code", "message"),
    headings={"id": "ID", "username": "USERNAME", "result": "RESULT", "message": "WHY"},
    numbers=frozenset({"id"}),
    empty="nobody",
)

Filter = Annotated[str | None, typer.Option("--filter", help="In place of names: everybody whom this filter finds.")]
Why = Annotated[str, typer.Option(help="Why; goes into the audit trail.", prompt="Reason")]
MaybeWhy = Annotated[str | None, typer.Option(help="Why; goes into the audit trail.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to `syncd users`."""
    app.command()(enable)
    app.command()(disable)
    app.command()(activate)
    app.command()(reset)
    app.command()(delete)
    app.command("break-glass")(break_glass)


def enable(context: typer.Context, *, who: Who = None, found: Filter = None, reason: MaybeWhy = None, yes: Yes = False) -> None:
    """Switch people on again; locks, resets and what directories say stay as they are."""
    _act(of(context), Action.ENABLE, who, found, reason, yes=yes)


def disable(context: typer.Context, *, who: Who = None, found: Filter = None, reason: Why, yes: Yes = False) -> None:
    """Switch people off: sessions end and keys are useless at once."""
    _act(of(context), Action.DISABLE, who, found, reason, yes=yes)


def activate(
    context: typer.Context, *, who: Who = None, found: Filter = None, reason: MaybeWhy = None, yes: Yes = False
) -> None:
    """Unlock people who are locked after too many failed logins."""
    _act(of(context), Action.ACTIVATE, who, found, reason, yes=yes)


def reset(context: typer.Context, *, who: Who = None, found: Filter = None, reason: Why, yes: Yes = False) -> None:
    """Keep people out until they have set a new password by the link that is mailed to them."""
    _act(of(context), Action.RESET_PASSWORD, who, found, reason, yes=yes)


def delete(context: typer.Context, *, who: Who = None, found: Filter = None, reason: Why, yes: Yes = False) -> None:
    """Delete manual users who own nothing, for good."""
    _act(of(context), Action.DELETE, who, found, reason, yes=yes)


def break_glass(
    context: typer.Context,
    user: Annotated[str, typer.Argument(help="Username, email, DN, entry id or number; `id:7` names the kind.")],
    *,
    on: Annotated[bool, typer.Option("--on/--off", help="Whether it is such an account.")] = True,
    reason: Why,
) -> None:
    """Make somebody a break-glass account: no run touches it, and its local password works while the directory is away."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        person = runtime.queries.user(user)
        changed = runtime.management.actions.break_glass(person.id, on=on, caller=caller(), reason=reason)
    state = "a break-glass account" if on else "no break-glass account"
    text = f"User {person.id} ({person.username}) is {state}{' now' if changed else ' already'}."
    print_done(invocation.printer, {"id": person.id, "break_glass": on, "changed": changed}, text)


def _act(
    invocation: Invocation, action: Action, names: list[str] | None, matching: str | None, reason: str | None, *, yes: bool
) -> None:
    if bool(names) == (matching is not None):
        raise UsageError("say who: by name, or by --filter")
    with invocation.runtime() as runtime:
        people = _people(runtime, names or [], matching)
        results = runtime.management.actions.rows(action, list(people), caller=caller(), reason=reason)
        ask(action.value.replace("-", " "), list(people.values()), yes=yes)
        tell(invocation.printer, _RESULTS, results, people)


def _people(runtime: Runtime, names: Sequence[str], matching: str | None) -> Mapping[int, str]:
    """Id -> username."""
    if matching is None:
        return named(runtime, names)
    found = runtime.management.actions.found(matching, limit=MAX_FOUND + 1)
    if len(found) > MAX_FOUND:
        raise UsageError(f"the filter means more than {MAX_FOUND} people")
    return found
