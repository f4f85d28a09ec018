"""`syncd users create|edit|create-admin`: making and changing users by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from syncd.accounts.sentences import reason_sentence
from syncd.cli.invocation import Invocation, caller, of
from syncd.cli.structure import print_done
from syncd.cli.users import user_document
from syncd.cli.users_fields import (
    Access,
    Birthday,
    Custom,
    DisplayName,
    Further,
    Groups,
    MiddleName,
    Owner,
    Phone,
    Prefix,
    Roles,
    Suffix,
    Tags,
    Title,
    Who,
    fields_of,
    group_ids,
    places,
    role_ids,
    unit_id,
)
from syncd.cli.users_password import asked, from_stdin
from syncd.errors import UsageError
from syncd.model.useredit import NewUser, UserDetail, UserEdit

if TYPE_CHECKING:
    from syncd.bootstrap import Runtime

T = TypeVar("T")

FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to `syncd users`."""
    app.command()(create)
    app.command()(edit)
    app.command("create-admin")(create_admin)


def create(
    context: typer.Context,
    *,
    username: Annotated[str, typer.Argument(help="What they log in with.")],
    first_name: Annotated[str, typer.Option(help="First name.")],
    last_name: Annotated[str, typer.Option(help="Last name.")],
    email: Annotated[str, typer.Option(help="Primary address.")],
    enabled: Annotated[bool, typer.Option("--enabled/--disabled", help="Whether they are enabled from the start.")],
    role: Roles = None,
    access: Access = None,
    group: Groups = None,
    owner: Owner = None,
    invite: Annotated[bool, typer.Option("--invite", help="Mail a link with which they choose their password.")] = False,
    password_stdin: FromStdin = False,
    prefix: Prefix = None,
    middle_name: MiddleName = None,
    suffix: Suffix = None,
    display_name: DisplayName = None,
    title: Title = None,
    phone: Phone = None,
    birthday: Birthday = None,
    further_email: Further = None,
    tag: Tags = None,
    custom: Custom = None,
) -> None:
    """Make a user. The password is asked for without being shown, unless an option says otherwise."""
    if invite and password_stdin:
        raise UsageError("--invite and --password-stdin exclude each other")
    invocation = of(context)
    with invocation.runtime() as runtime:
        fields = fields_of(
            runtime, username=username, first_name=first_name, last_name=last_name, email=email, prefix=prefix,
            middle_name=middle_name, suffix=suffix, display_name=display_name, title=title, phone=phone, birthday=birthday,
            emails=further_email, tags=tag, custom=custom,
        )  # fmt: skip
        new = NewUser(
            fields=fields,
            enabled=enabled,
            role_ids=role_ids(runtime, role or ()),
            places=places(runtime, access or ()),
            group_ids=group_ids(runtime, group or ()),
            owner_unit_id=unit_id(runtime, owner or ""),
        )
        hashed = None if invite else runtime.management.users.hashed(_password(runtime, stdin=password_stdin), fields)
        made = runtime.management.users.create(new, password_hash=hashed, caller=caller())
        _print_user(invocation, runtime, made, "is made" if hashed else "is made and invited")


def edit(
    context: typer.Context,
    *,
    user: Who,
    username: Annotated[str | None, typer.Option(help="What they log in with.")] = None,
    first_name: Annotated[str | None, typer.Option(help="First name.")] = None,
    last_name: Annotated[str | None, typer.Option(help="Last name.")] = None,
    email: Annotated[str | None, typer.Option(help="Primary address.")] = None,
    prefix: Prefix = None,
    middle_name: MiddleName = None,
    suffix: Suffix = None,
    display_name: DisplayName = None,
    title: Title = None,
    phone: Phone = None,
    birthday: Birthday = None,
    further_email: Further = None,
    tag: Tags = None,
    custom: Custom = None,
    role: Roles = None,
    add_role: Annotated[list[str] | None, typer.Option(help="One more role; several times.")] = None,
    remove_role: Annotated[list[str] | None, typer.Option(help="A role to take away; several times.")] = None,
    access: Access = None,
    add_access: Annotated[list[str] | None, typer.Option(help="More access; several times.", metavar="ORG[:UNIT]")] = None,
    remove_access: Annotated[
        list[str] | None, typer.Option(help="Access to take away; several times.", metavar="ORG[:UNIT]")
    ] = None,
    group: Groups = None,
    owner: Owner = None,
    reason: Annotated[str | None, typer.Option(help="Why; needed when something is taken away.")] = None,
) -> None:
    """Change a user. What is not named stays; an empty value takes one away; lists, roles, access and groups are replaced."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        users = runtime.management.users
        known = users.get(runtime.queries.user(user).id)
        fields = fields_of(
            runtime, username=username, first_name=first_name, last_name=last_name, email=email, prefix=prefix,
            middle_name=middle_name, suffix=suffix, display_name=display_name, title=title, phone=phone, birthday=birthday,
            emails=further_email, tags=tag, custom=custom,
        )  # fmt: skip
        change = UserEdit(
            fields=fields,
            role_ids=_changed(partial(role_ids, runtime), known.manual_roles, role, add_role, remove_role),
            places=_changed(partial(places, runtime), known.manual_places, access, add_access, remove_access),
            group_ids=group_ids(runtime, group) if group is not None else None,
            owner_unit_id=(unit_id(runtime, owner),) if owner is not None else None,
        )
        version = known.person.version
        done = users.edit(known.person.id, change, caller=caller(), reason=reason, if_match=version)
        _print_user(invocation, runtime, done, "is changed" if done.person.version != version else "was so already")


def _changed(
    read: Callable[[Collection[str]], frozenset[T]],
    known: frozenset[T],
    whole: Collection[str] | None,
    more: Collection[str] | None,
    fewer: Collection[str] | None,
) -> frozenset[T] | None:
    """What is had afterwards; None when none of the options was given."""
    if whole is None and not more and not fewer:
        return None
    start = known if whole is None else read(whole)
    return (start | read(more or ())) - read(fewer or ())


def create_admin(
    context: typer.Context,
    *,
    username: Annotated[str | None, typer.Option(help="What they log in with; asked for when left out.")] = None,
    email: Annotated[str | None, typer.Option(help="Primary address; asked for when left out.")] = None,
    first_name: Annotated[str | None, typer.Option(help="First name; asked for when left out.")] = None,
    last_name: Annotated[str | None, typer.Option(help="Last name; asked for when left out.")] = None,
    organization: Annotated[str | None, typer.Option(help="Their organization; made if there is none of that name.")] = None,
    unit: Annotated[str | None, typer.Option(help="Their unit at the top of it; made if there is none of that name.")] = None,
    password_stdin: FromStdin = False,
    force: Annotated[bool, typer.Option("--force", help="Although there is an administrator already.")] = False,
) -> None:
    """Make the first administrator, with the role, an organization and a unit where these are missing."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        first = runtime.management.first_administrator
        first.require_none(force=force)
        fields = {
            "username": username or typer.prompt("Username", err=True),
            "email": email or typer.prompt("Email", err=True),
            "first_name": first_name or typer.prompt("First name", err=True),
            "last_name": last_name or typer.prompt("Last name", err=True),
        }
        password = _password(runtime, stdin=password_stdin)
        made = first.create(fields, password, organization=organization, unit=unit, caller=caller(), force=force)
        _print_user(invocation, runtime, made, "is an administrator")


def _password(runtime: Runtime, *, stdin: bool) -> str:
    return from_stdin() if stdin else asked(runtime.management.passwords.rules.hint)


def _print_user(invocation: Invocation, runtime: Runtime, user: UserDetail, what: str) -> None:
    number = user.person.id
    document = {} if invocation.printer.for_people else user_document(runtime, number)
    print_done(invocation.printer, document, f"User {number} ({user.person.username}) {what}.")
    if invocation.printer.for_people and user.person.reasons:
        reasons = "; ".join(reason_sentence(reason, {}) for reason in user.person.reasons)
        typer.echo(f"They cannot log in yet: {reasons}.", err=True)
