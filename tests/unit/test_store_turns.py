"""Turns are taken in the order in which they were asked for, and a thread that never ends keeps nobody out for good."""

from __future__ import annotations

import threading

import pytest

from syncd.store.turns import Turns


def test_first_come_first_served() -> None:
    turns, order, threads = Turns(), list[int](), list[threading.Thread]()

    def work(number: int) -> None:
        with turns.take(timeout=10):
            order.append(number)

    with turns.take(timeout=1):
        for number in range(20):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
            while len(turns._queue) <= number:
                threads[-1].join(0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(20))


def test_whoever_comes_back_at_once_goes_to_the_end() -> None:
    """As a run does, which writes one transaction after another."""
    turns, order = Turns(), list[str]()
    other = threading.Thread(target=lambda: _note(turns, order, "other"))
    with turns.take(timeout=1):
        other.start()
        while not turns._queue:
            other.join(0.001)
    _note(turns, order, "run")
    other.join()
    assert order == ["other", "run"]


def _note(turns: Turns, order: list[str], name: str) -> None:
    with turns.take(timeout=10):
        order.append(name)


def test_after_the_time_whoever_waits_goes_ahead() -> None:
    turns = Turns()
    with turns.take(timeout=1):
        with turns.take(timeout=0.01):
            pass
        assert turns._busy
        assert not turns._queue
    with turns.take(timeout=0.01):
        pass
    assert not turns._busy


def test_an_error_passes_the_turn_on() -> None:
    turns = Turns()
    with pytest.raises(LookupError), turns.take(timeout=1):
        raise LookupError
    assert not turns._busy
