"""The table of a person's life against FEATURES' own lines, each in every state it may meet."""

from __future__ import annotations

import itertools

import pytest

from syncd.accounts.states import STEPS, AuthStatus, Event, Standing, after, step_for

LIMIT = 10
STATUSES = tuple(AuthStatus)
EVERYWHERE = [Standing(*state) for state in itertools.product((True, False), STATUSES, (0, 3, LIMIT - 1, LIMIT, LIMIT + 4))]


@pytest.mark.parametrize("state", EVERYWHERE)
def test_s41_each_failed_login_counts_and_the_one_at_the_limit_locks(state: Standing) -> None:
    then = after(state, Event.FAILED_LOGIN, limit=LIMIT)
    assert then.failed_logins == state.failed_logins + 1
    assert then.status == (AuthStatus.LOCKED if then.failed_logins >= LIMIT else state.status)
    assert then.enabled == state.enabled


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_s41_the_limit_is_the_number_of_failures_that_locks(limit: int) -> None:
    state = Standing()
    for number in range(1, limit + 1):
        assert state.status is AuthStatus.ACTIVE, f"before failure {number}"
        state = after(state, Event.FAILED_LOGIN, limit=limit)
    assert state == Standing(True, AuthStatus.LOCKED, limit)


@pytest.mark.parametrize("state", EVERYWHERE)
def test_s42_activate_means_something_only_to_the_locked(state: Standing) -> None:
    step = step_for(state, Event.ACTIVATE, limit=LIMIT)
    if state.status is AuthStatus.LOCKED:
        assert after(state, Event.ACTIVATE, limit=LIMIT) == Standing(state.enabled, AuthStatus.ACTIVE, 0)
    else:
        assert step is None


@pytest.mark.parametrize("state", EVERYWHERE)
def test_s36_s37_the_switch_keeps_the_authentication_status(state: Standing) -> None:
    assert after(state, Event.ENABLE, limit=LIMIT) == state._replace(enabled=True)
    assert after(state, Event.DISABLE, limit=LIMIT) == state._replace(enabled=False)
    assert (step_for(state, Event.ENABLE, limit=LIMIT) is None) == state.enabled
    assert (step_for(state, Event.DISABLE, limit=LIMIT) is None) == (not state.enabled)


@pytest.mark.parametrize("state", EVERYWHERE)
def test_s50_a_reset_is_for_the_enabled_whatever_their_status(state: Standing) -> None:
    step = step_for(state, Event.RESET, limit=LIMIT)
    assert (step is None) == (not state.enabled)
    if step is not None:
        assert step.after(state).status is AuthStatus.RESET


@pytest.mark.parametrize("state", EVERYWHERE)
def test_s51_a_new_password_ends_a_reset_and_an_expiry_and_no_lock(state: Standing) -> None:
    then = after(state, Event.SAVED, limit=LIMIT)
    waiting = state.status in (AuthStatus.RESET, AuthStatus.EXPIRED)
    assert then.status is (AuthStatus.ACTIVE if waiting else state.status)
    assert then.failed_logins == (0 if waiting else state.failed_logins)
    assert then.enabled == state.enabled


@pytest.mark.parametrize("state", EVERYWHERE)
def test_only_an_active_person_logs_in_and_only_they_expire(state: Standing) -> None:
    able = state.enabled and state.status is AuthStatus.ACTIVE
    assert (step_for(state, Event.LOGIN, limit=LIMIT) is not None) == able
    if able:
        assert after(state, Event.LOGIN, limit=LIMIT) == Standing()
    assert (after(state, Event.AGED, limit=LIMIT) != state) == (state.status is AuthStatus.ACTIVE)


@pytest.mark.parametrize("state", EVERYWHERE)
@pytest.mark.parametrize("event", [Event.FORGOT, Event.DIRECTORY_SAYS, Event.ENTRY_GONE, Event.ENTRY_BACK])
def test_a_link_and_the_directory_touch_neither_axis(state: Standing, event: Event) -> None:
    assert step_for(state, event, limit=LIMIT) is not None
    assert after(state, event, limit=LIMIT) == state


def test_no_event_touches_both_axes() -> None:
    for step, state in itertools.product(STEPS, EVERYWHERE):
        then = step.after(state)
        assert then.enabled == state.enabled or (then.status, then.failed_logins) == (state.status, state.failed_logins)


def test_every_event_has_a_line_and_every_line_is_reached() -> None:
    assert {step.event for step in STEPS} == set(Event)
    reached = {step_for(state, event, limit=LIMIT) for state in EVERYWHERE for event in Event}
    assert set(STEPS) <= reached
