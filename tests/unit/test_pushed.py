"""What a watch was told, and from where on a run may go by it."""

from __future__ import annotations

from syncd.model.feed import Changes, Cursor, FeedKind
from syncd.services.pushed import MOST, PushedChanges


def at(number: int) -> Cursor:
    return Cursor(feed=FeedKind.SYNCREPL, position={"users": str(number)})


def told(number: int | None, *ids: str, present: tuple[str, ...] = ()) -> Changes:
    cursor = None if number is None else at(number)
    return Changes(touched={"users": set(ids)}, present={"users": present} if present else {}, cursor=cursor)


def begun(*notices: Changes) -> PushedChanges:
    pushed = PushedChanges()
    pushed.begin("corp", at(0))
    for notice in notices:
        pushed.add("corp", notice)
    return pushed


def test_everything_since_the_cursor_together() -> None:
    pushed = begun(told(1, "a"), told(2, "b"), told(3, "c"))
    assert pushed.since("corp", at(0)) == told(3, "a", "b", "c")
    assert pushed.since("corp", at(2)) == told(3, "c")


def test_nothing_where_nothing_was_told_or_another_cursor_is_meant() -> None:
    pushed = begun(told(1, "a"))
    assert pushed.since("corp", at(9)) is None
    assert pushed.since("other", at(0)) is None
    assert pushed.since("corp", at(1)) is None
    assert begun().since("corp", at(0)) is None


def test_what_has_no_cursor_yet_comes_with_the_last_that_has_one() -> None:
    pushed = begun(told(1, "a"), told(None, "b"))
    assert pushed.since("corp", at(0)) == told(1, "a", "b")
    assert begun(told(None, "b")).since("corp", at(0)) is None


def test_a_run_that_fails_is_told_the_same_again() -> None:
    pushed = begun(told(1, "a"))
    assert pushed.since("corp", at(0)) == pushed.since("corp", at(0)) == told(1, "a")


def test_a_list_of_all_is_for_the_feed_and_no_obstacle_after_it_was_asked() -> None:
    pushed = begun(told(1, "a", present=("a", "b")))
    assert pushed.since("corp", at(0)) is None
    pushed.moved("corp", at(0), at(5))
    pushed.add("corp", told(6, "c"))
    assert pushed.since("corp", at(5)) == told(6, "a", "c")
    assert pushed.since("corp", at(6)) is None


def test_too_many_are_forgotten_and_an_ended_watch_tells_nothing() -> None:
    pushed = begun(*(told(number, "a") for number in range(1, MOST + 2)))
    assert pushed.since("corp", at(0)) is None
    pushed = begun(told(1, "a"))
    pushed.end("corp")
    assert pushed.since("corp", at(0)) is None
