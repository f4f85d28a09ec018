"""An explanation as people read it: from the store's word to each directory's, and what would change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from syncd.cli.output import Printer, cell
from syncd.model.hold import ChangeRow
from syncd.model.views import MANUAL

if TYPE_CHECKING:
    from syncd.model.explanation import (
        Condition,
        DirectoryExplanation,
        EntryExplanation,
        Explanation,
        FieldExplanation,
        Outlook,
        Sighting,
        StoreExplanation,
    )


def print_explanation(printer: Printer, explanation: Explanation) -> None:
    """The whole of it."""
    if explanation.store is None:
        printer.text(f"In the store: nobody is known as {explanation.who}")
    else:
        _print_store(printer, explanation.store)
    for directory in explanation.directories:
        printer.text()
        _print_directory(printer, directory)


def _print_store(printer: Printer, store: StoreExplanation) -> None:
    person = store.person
    printer.text(f"In the store: {person.username or 'no username'} (user {person.id}), {person.email or 'no email'}")
    printer.text(f"  can log in       {'yes' if not store.reasons else 'no'}")
    for reason in store.reasons:
        printer.text(f"    because        {reason}")
    printer.text(f"  switched on      {'yes' if person.enabled else 'no'}")
    printer.text(f"  authentication   {person.auth_status}")
    printer.text(f"  organizations    {', '.join(person.organizations) or 'none'}")
    printer.text(f"  units            {', '.join(person.units) or 'none'}")
    if person.manual:
        printer.text(f"  {MANUAL.ljust(15)}  made by an administrator; no sync changes this person")
    for name, presence in store.presence.items():
        printer.text(f"  in {name.ljust(12)}  {presence}")
    for name in store.break_glass:
        printer.text(f"  break-glass      no run of {name} touches this account")
    for role in store.roles:
        printer.text(f"  role {role.role}")
        for reason in role.reasons:
            printer.text(f"    {reason}")
    if not store.roles:
        printer.text("  no roles")


def _print_directory(printer: Printer, found: DirectoryExplanation) -> None:
    printer.text(f"Directory {found.directory}" + (f" ({found.server})" if found.server else ""))
    for number, sighting in enumerate(found.sightings):
        if number:
            printer.text()
        _print_sighting(printer, sighting)
    if found.more:
        printer.text(f"  and {found.more} more entries: ask for one of them by its DN")
    if not found.sightings and found.looked:
        printer.text("  no entry. Looked for:")
        for looked in found.looked:
            printer.text(f"    {looked}")
    for issue in found.issues:
        printer.text(f"  open issue about {issue.dn}: {issue.message} ({issue.code})")
    if found.failure is not None:
        printer.text(f"  {'a sync would fail' if found.sightings else 'could not be asked'}: {found.failure.message}")
        printer.text(f"    code {found.failure.code}. {found.failure.advice}".rstrip())


def _print_sighting(printer: Printer, sighting: Sighting) -> None:
    if sighting.entry is None:
        printer.text("  the entry that the store knows is not in the directory any more, or not to be seen")
    else:
        _print_entry(printer, sighting.entry)
    if sighting.outlook is not None:
        _print_outlook(printer, sighting.outlook)


def _print_entry(printer: Printer, entry: EntryExplanation) -> None:
    printer.text(f"  entry {entry.dn}")
    printer.text(f"    id {entry.entry_id or 'cannot be read'}")
    for name, values in entry.attributes.items():
        printer.text(f"    {name}: {cell(values)}")
    printer.text(f"  taken for a person: {_yes(entry.taken)}")
    _print_condition(printer, entry.base, "base")
    _print_condition(printer, entry.filter, "filter")
    for part in entry.filter_parts:
        printer.text(f"      {part.text}: {_yes(part.holds)}")
    if entry.listed is False and entry.base.holds and entry.filter.holds:
        printer.text("    but the search does not show it: look at the rights of the bind account")
    printer.text("  mapping")
    for field in entry.fields:
        _print_field(printer, field)
    for name, place in (("organization", entry.organization), ("unit", entry.unit)):
        if place is not None:
            printer.text(f"    {name} = {place}")
    if entry.problem:
        printer.text(f"    cannot be used: {entry.problem}")
    printer.text("  role identifiers" + ("" if entry.roles else ": none"))
    for role in entry.roles:
        printer.text(f"    {role.identifier}")
        for number, dn in enumerate(role.path):
            printer.text(f"      {'listed in' if number == 0 else 'which is in'} {dn}")
        for line in role.lines or ("no line of roles.map",):
            printer.text(f"      {line}")


def _print_condition(printer: Printer, condition: Condition, name: str) -> None:
    printer.text(f"    {name}: {condition.text}: {_yes(condition.holds)}")


def _print_field(printer: Printer, field: FieldExplanation) -> None:
    read = ", ".join(f"{name}: {cell(values) or 'nothing'}" for name, values in field.read.items()) or "nothing to read"
    result = f"FAILS: {field.problem}" if field.problem else f"-> {_value(field.value)}"
    printer.text(f"    {field.field} = {field.rule}  [{read}]  {result}")


def _print_outlook(printer: Printer, outlook: Outlook) -> None:
    printer.text(f"  a sync now: {outlook.summary}")
    for line in _lines(outlook.changes):
        printer.text(f"    {line}")
    for note in outlook.notes:
        printer.text(f"    note: {note}")


def _lines(changes: Sequence[ChangeRow]) -> list[str]:
    lines = []
    for change in changes:
        if change.field is not None and change.kind == "person":
            old, new = _value(change.before), _value(change.after)
            lines.append(f"{change.field}: {old} -> {new}" if change.action != "create" else f"{change.field}: {new}")
        elif change.kind in ("membership", "grant"):
            what = "role identifier" if change.kind == "membership" else "role"
            verb, name = ("gains", change.after) if change.action == "add" else ("loses", change.before)
            lines.append(f"{verb} {what} {_value(name)} ({change.rule})")
        elif change.kind == "role":
            lines.append(f"the role {change.name} is made")
        elif change.kind == "name":
            lines.append(f"{change.id} gives up the {change.field} {_value(change.before)}: {change.rule}")
        else:
            lines.append(f"{change.kind} {change.action}: {change.rule}")
    return lines


def _value(value: object) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return "nothing" if value in (None, "", ()) else cell(value)


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
