"""What may happen in a directory while a feed follows it, each with the search that must hear of it."""

from __future__ import annotations

from collections.abc import Callable

from tests.contract.feed_life import FeedLife


def add(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    return "users", life.entry_id(life.add())


def modify(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    life.modify(person)
    return "users", life.entry_id(person)


def delete(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    entry_id = life.entry_id(person)
    life.delete(person)
    return "users", entry_id


def rename(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    return "users", life.entry_id(life.rename(person))


def move_inside(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    return "users", life.entry_id(life.move(person, life.inner))


def move_out(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    return "users", life.entry_id(life.move(person, life.elsewhere))


def move_in(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    return "users", life.entry_id(life.move(outsider, life.people))


def leave_the_filter(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    life.hide(person)
    return "users", life.entry_id(person)


def join_a_group(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    life.join(group, outsider)
    return "roles", life.entry_id(group)


def leave_a_group(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    life.leave(group, person)
    return "roles", life.entry_id(group)


def add_a_group(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    return "roles", life.entry_id(life.add_group([person]))


def delete_a_group(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    entry_id = life.entry_id(group)
    life.delete(group)
    return "roles", entry_id


def rename_a_unit(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    life.inner = life.rename(life.inner)
    return "units", life.entry_id(life.inner)


EVENTS = [
    add,
    modify,
    delete,
    rename,
    move_inside,
    move_out,
    move_in,
    leave_the_filter,
    join_a_group,
    leave_a_group,
    add_a_group,
    delete_a_group,
    rename_a_unit,
]
Event = Callable[[FeedLife, str, str, str], tuple[str, str]]


def happen(life: FeedLife, event: Event) -> Callable[[], tuple[str, str]]:
    """The event, with those it happens to already there."""
    person, outsider = life.add(), life.add(parent=life.elsewhere)
    group = life.add_group([person, life.add()])
    return lambda: event(life, person, outsider, group)
