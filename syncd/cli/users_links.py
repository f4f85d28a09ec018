"""`syncd users link|unlink`: entries of directories that change their users, one or many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.invocation import Invocation, caller, of
from syncd.cli.many import Line, Who, Yes, ask, lines, people, people_of, tell
from syncd.cli.output import Printer, Table
from syncd.errors import UsageError
from syncd.model.actions import NewLink
from syncd.model.dn import InvalidDN, normalize

if TYPE_CHECKING:
    from syncd.services.ports import Relinked

_RESULTS = Table(
    keys=("id", "username", "result", "other", "became", "dn", "code", "message"),
    headings={
        "id": "ID", "username": "USERNAME", "result": "RESULT", "other": "OTHER", "became": "BECAME", "dn": "ENTRY",
        "message": "WHY",
    },
    numbers=frozenset({"id", "other"}),
    empty="nobody",
)  # fmt: skip
# as they are called of one
_ATTRIBUTES = {"other": "other_id", "became": "other"}

Where = Annotated[str, typer.Option(help="The directory whose entry it is.")]
Reason = Annotated[str, typer.Option(help="Why; goes into the audit trail.", prompt="Reason")]


def register(app: typer.Typer) -> None:
    """Add the verbs to `syncd users`."""
    app.command()(link)
    app.command()(unlink)


def link(
    context: typer.Context,
    *,
    user: Annotated[
        str | None,
        typer.Argument(help="Username, email, DN, entry id or number; `id:7` names the kind.", show_default=False),
    ] = None,
    directory: Where,
    reason: Reason,
    dn: Annotated[str | None, typer.Option(help="The entry's DN.")] = None,
    entry_id: Annotated[str | None, typer.Option(help="The entry's id.")] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help='Many: a CSV file with lines `user,"dn"`, or - for standard input. A first line `user,dn` is a header.',
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Make an entry that is another user's one of this user: they are the same person."""
    invocation = of(context)
    if file is not None:
        if user is not None or dn is not None or entry_id is not None:
            raise UsageError("--from names the users and their entries; nothing else does beside it")
        _link_many(invocation, file, directory, reason, yes=yes)
        return
    if user is None:
        raise UsageError("say who: by name, or by --from")
    with invocation.runtime(need_directories=True) as runtime:
        number, actions = runtime.queries.user(user).id, runtime.management.actions
        done = actions.link(number, directory=directory, dn=dn, entry_id=entry_id, caller=caller(), reason=reason)
    _print_relinked(invocation.printer, done, f"{done.dn} is an entry of user {done.user_id} now.")


def unlink(context: typer.Context, *, who: Who = None, directory: Where, reason: Reason, yes: Yes = False) -> None:
    """Make a user's entry of one directory a user of its own, as the directory's next sync says."""
    invocation = of(context)
    if not who:
        raise UsageError("say who, by name")
    with invocation.runtime(need_directories=True) as runtime:
        found, management = people(runtime, who), runtime.management
        if len(who) == 1:
            done = management.actions.unlink(*found, directory=directory, caller=caller(), reason=reason)
            _print_relinked(invocation.printer, done, f"{done.dn} is no longer an entry of user {done.user_id}.")
            return
        results = management.bulk_links.unlink(found, directory=directory, caller=caller(), reason=reason)
        ask("unlink", list(found.values()), yes=yes)
        tell(invocation.printer, _RESULTS, results, found, attributes=_ATTRIBUTES)


def _link_many(invocation: Invocation, file: str, directory: str, reason: str, *, yes: bool) -> None:
    found = lines(file, ("user", "dn"))
    for line in found:
        _require_dn(file, line)
    with invocation.runtime(need_directories=True) as runtime:
        named = people_of(runtime, file, found)
        rows = [NewLink(id=number, dn=line.value) for number, line in zip(named, found, strict=True)]
        results = runtime.management.bulk_links.link(rows, directory=directory, caller=caller(), reason=reason)
        ask("link", list(named.values()), yes=yes, file=file)
        tell(invocation.printer, _RESULTS, results, named, attributes=_ATTRIBUTES)


def _require_dn(file: str, line: Line) -> None:
    try:
        normalize(line.value)
    except InvalidDN as error:
        raise UsageError(f"{file}, line {line.number}: {line.value!r} is not a DN: {error}") from None


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
